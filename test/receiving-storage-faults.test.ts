import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { openMailLogStore } from "../src/store/index.ts";
import { TestPostgresql } from "../src/store/test-postgresql.ts";
import { GullibleServer } from "./support/gullible-server.ts";
import { ProviderHere } from "./support/provider-here.ts";
import { ReceivingSite } from "./support/receiving-site.ts";
import { undoes } from "./support/undo.ts";

// What keeps mail, and whoever gets it next, fails under a receiver and works again (docs/faults.md). Mail that is on its way
// in is refused for now or taken, never lost; nobody restarts anything.

test("PostgreSQL is gone: a queue in it says 451, a mail log in it is written later", async (t) => {
  const undo = undoes(t);
  const server = await TestPostgresql.start();
  if (typeof server === "string") return t.skip(server);
  undo(() => server.stop());
  const [queue, log] = [await server.makeDatabase(), await server.makeDatabase()];
  const queued = await ReceivingSite.start({ settings: `[store]\nqueue = "${queue}"` });
  undo(() => queued.stop());
  const logged = await ReceivingSite.start({ settings: `[store]\nlog = "${log}"` });
  undo(() => logged.stop());
  const send = async (site: ReceivingSite, name: string): Promise<string> =>
    (await site.send(site.author(`${name}@someisp.test`).sign())).reply.slice(0, 3);
  assert.deepEqual([await send(queued, "a"), await send(logged, "a")], ["250", "250"]);

  await server.kill();
  assert.equal(await send(queued, "b"), "451");
  assert.equal(await send(logged, "b"), "250", "no log keeps mail waiting");
  assert.equal(await send(logged, "c"), "250");
  await server.startAgain();

  await until(async () => (await send(queued, "d")) === "250");
  assert.equal(await send(logged, "d"), "250");
  const store = await openMailLogStore(log);
  undo(() => store.close());
  const passed = logged.events.filter(({ reply }) => reply.code === 250).map(({ id }) => id);
  for (const id of passed) await until(async () => (await store.story(id))?.message !== undefined);
  assert.equal(passed.length, 4);
});

test("a full disk: 452, and 250 once there is room", async (t) => {
  const undo = undoes(t);
  const folder = mkdtempSync(join(tmpdir(), "vsmtp-full-"));
  undo(() => rmSync(folder, { recursive: true, force: true }));
  if (process.getuid?.() !== 0) return t.skip("only root can mount a small file system");
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=48m", "tmpfs", folder]).status === 0;
  if (!mounted) return t.skip("a small file system cannot be mounted here");
  undo(() => execFileSync("umount", ["--lazy", folder]));
  const own = join(folder, "own");
  mkdirSync(own);
  const site = await ReceivingSite.start({ folder: own });
  undo(() => site.stop());
  const allice = site.author("allice@someisp.test");
  assert.equal((await site.send(allice.sign())).summary, "250 pass");
  const filler = join(folder, "filler");
  spawnSync("dd", ["if=/dev/zero", `of=${filler}`, "bs=64k"]);
  const full = await site.send(allice.sign());
  assert.match(full.reply, /^452 4\.3\.1 /);
  assert.equal(full.event?.queuedAs ?? null, null);
  rmSync(filler);
  await until(async () => (await site.send(allice.sign())).summary === "250 pass");
});

test("what was remembered is damaged, or cannot be written: it is learnt anew, and mail goes on", async (t) => {
  const undo = undoes(t);
  const folder = mkdtempSync(join(tmpdir(), "vsmtp-memories-"));
  undo(() => rmSync(folder, { recursive: true, force: true }));
  const data = join(folder, "data");
  mkdirSync(data);
  writeFileSync(join(data, "policy-records.json"), `{"half": [{"domain": "someisp.test", "text": 17`);
  writeFileSync(join(data, "known-domains.json"), `[null, {"domain": "\u0000"}, 3]`);
  mkdirSync(join(data, "mta-sts.json"));
  const site = await ReceivingSite.start({ folder });
  undo(() => site.stop());
  site.publish("strict.test", "mx.someisp.test", "p=reject; ma=86400");
  const allice = site.author("allice@someisp.test");
  assert.equal((await site.send(allice.sign())).summary, "250 pass");
  const unsigned = "From: x@strict.test\r\n\r\nHi\r\n";
  assert.equal((await site.send(unsigned, { from: "x@strict.test" })).summary, "550 unsigned");
  site.dns.fail("_vsmtp.strict.test", "SERVFAIL");
  assert.equal((await site.send(unsigned, { from: "x@strict.test" })).summary, "550 unsigned");
});

test("the spool is gone: large messages wait, small ones pass", async (t) => {
  const undo = undoes(t);
  const site = await ReceivingSite.start();
  undo(() => site.stop());
  const allice = site.author("allice@someisp.test");
  const large = () => allice.sign(allice.write({}, `${"x".repeat(900)}\r\n`.repeat(2000)));
  const spool = join(site.provider.folder, "data", "spool");
  assert.equal((await site.send(large())).summary, "250 pass");
  renameSync(spool, `${spool}-away`);
  assert.match((await site.send(large())).reply, /^45[12] /);
  assert.equal((await site.send(allice.sign())).summary, "250 pass");
  renameSync(`${spool}-away`, spool);
  assert.equal((await site.send(large())).summary, "250 pass");
});

test("the next hop is down, a mailbox cannot be written: what was taken waits, and comes", async (t) => {
  const undo = undoes(t);
  const inner = new GullibleServer();
  const port = await inner.listen();
  undo(() => inner.close());
  const settings = `[[domains]]\nname = "inner.test"\nnext_hop = "127.0.0.1:${port}"`;
  const site = await ReceivingSite.start({ settings });
  undo(() => site.stop());
  const allice = site.author("allice@someisp.test");
  // Nobody has told where the next hop is, so that it is the trap.
  const toInner = allice.sign(allice.write({ Subject: "For inner" }));
  assert.equal((await site.send(toInner, { to: ["bob@inner.test"] })).reply.slice(0, 3), "250");
  const mail = join(site.provider.folder, "data", "mail");
  rmSync(mail, { recursive: true, force: true });
  writeFileSync(mail, "not a folder");
  const toMailbox = allice.sign(allice.write({ Subject: "For the mailbox" }));
  assert.equal((await site.send(toMailbox)).summary, "250 pass");
  await until(async () => site.trapped > 0 && site.provider.log.some(({ msg }) => msg === "deferred"));
  await sleep(300);
  assert.deepEqual(inner.messages, []);
  assert.ok(!site.provider.log.some(({ msg }) => msg === "failed"));
  site.places.set(`127.0.0.1:${port}`, { host: "127.0.0.1", port });
  rmSync(mail);
  mkdirSync(mail);
  await inner.message("Subject: For inner");
  await site.stored("Subject: For the mailbox");
});

test("the vault is away: what is to be forwarded waits for its signature", async (t) => {
  const undo = undoes(t);
  const inner = new GullibleServer();
  const port = await inner.listen();
  undo(() => inner.close());
  const vaultFolder = mkdtempSync(join(tmpdir(), "vsmtp-vault-here-"));
  const settings = `[submission]
vault = { connect = "unix:${vaultFolder}/run/mx.sock", mode = "sign" }
[[domains]]
name = "fwd.test"
maildir_root = "mail"
[domains.forwards]
bob = "bob@inner.test"
[[domains]]
name = "inner.test"
next_hop = "127.0.0.1:${port}"`;
  const site = await ReceivingSite.start({ settings });
  undo(() => site.stop());
  site.places.set(`127.0.0.1:${port}`, { host: "127.0.0.1", port });
  const allice = site.author("allice@someisp.test");
  const message = allice.sign(allice.write({ Subject: "Forwarded" }), {
    recipients: [{ localPart: "bob", domain: "fwd.test" }],
  });
  assert.equal((await site.send(message, { to: ["bob@fwd.test"] })).summary, "250 pass");
  await until(async () => site.provider.log.some(({ msg }) => msg === "deferred"));
  await sleep(300);
  assert.deepEqual(inner.messages, []);
  assert.ok(!site.provider.log.some(({ msg }) => msg === "failed"));

  const world = { authority: site.authority, dnsPort: site.dnsPort, places: site.places };
  const vault = await ProviderHere.start(
    "vault.dest.test",
    `roles = ["vault"]\n[vault]\nlisten = ["127.0.0.1:0"]\nsocket_directory = "${vaultFolder}/run"`,
    world,
    {},
    { folder: vaultFolder },
  );
  undo(() => vault.stop());
  assert.ok((await vault.keyring.addDomain("fwd.test")).ok);
  assert.ok((await vault.keyring.addAccount({ address: "bob@fwd.test" })).ok);
  const proof = { kind: "unix-socket", user: userInfo().username, group: null } as const;
  assert.ok(
    (await vault.keyring.enrol({ name: "mx", proof, scope: ["*"], modes: ["sign"], mayAssert: true })).ok,
  );
  await until(async () => existsSync(join(vaultFolder, "run", "mx.sock")));
  assert.match(await inner.message("Subject: Forwarded"), /^VSMTP-Signature: v=1; n=1;/m);
});

async function until(reached: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!(await reached())) {
    assert.ok(Date.now() < deadline, "it did not come to that in 30 s");
    await sleep(50);
  }
}
