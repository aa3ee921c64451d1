import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createTransport } from "nodemailer";
import { DnsServer } from "../src/dns/index.ts";
import type { ListedMessage, QueueOrder, QueueStore } from "../src/queue/index.ts";
import { Spool } from "../src/spool/index.ts";
import { openQueueStore } from "../src/store/index.ts";
import { createAuthority } from "./support/certificates.ts";
import { CommandLine } from "./support/command-line.ts";
import { freePorts } from "./support/free-ports.ts";
import { RunningProgram, vsmtp } from "./support/program.ts";

// Accounts are stopped while their mail waits in the queue of a running server, whose destination is dead.

const dns = new DnsServer();
const ports = { smtps: 0, key: 0, dead: 0 };
let cli: CommandLine;
let program: RunningProgram;
let queue: QueueStore;
let network: string[] = [];
const kids = new Map<string, string>();

before(async () => {
  [ports.smtps = 0, ports.key = 0, ports.dead = 0] = await freePorts(3);
  dns.set("someisp.test", { MX: [[10, "mx.someisp.test"]] });
  dns.set("mx.someisp.test", { A: ["127.0.0.1"] });
  dns.set("dest.test", { MX: [[10, "mx.dest.test"]] });
  dns.set("mx.dest.test", { A: ["127.0.0.1"] });
  const dnsPort = (await dns.listen(0, "127.0.0.1")).port;
  cli = new CommandLine(
    `[submission]
listen = [{ address = "127.0.0.1:${ports.smtps}", tls = "implicit" }]
[key_server]
listen = ["127.0.0.1:${ports.key}"]
[network]
resolvers = ["127.0.0.1:${dnsPort}"]
allow_private_addresses = true
connect = { "mx.dest.test:25" = "127.0.0.1:${ports.dead}" }
`,
    ["submission", "delivery", "key-server"],
  );
  const authority = await createAuthority();
  const { cert, key } = await authority.issue(["mx.someisp.test"]);
  const caFile = join(cli.folder, "ca.pem");
  writeFileSync(caFile, authority.cert);
  writeFileSync(join(cli.folder, "cert.pem"), cert);
  writeFileSync(join(cli.folder, "key.pem"), key, { mode: 0o600 });
  network = ["--resolver", `127.0.0.1:${dnsPort}`, "--ca", caFile, "--connect", `127.0.0.1:${ports.key}`];
  await cli.does("domain add someisp.test", /is hosted/);
  for (const user of ["allice", "mallory", "trent"]) {
    const made = await cli.object(`account add ${user}@someisp.test --password-file -`, `${user}\n`);
    kids.set(user, String(made.kid));
  }
  program = new RunningProgram(["serve", "--config", cli.settings]);
  await program.line((line) => line.msg === "started");
  const data = join(cli.folder, "data");
  queue = await openQueueStore(join(data, "queue.sqlite"), await Spool.open(join(data, "spool")));
});

after(async () => {
  await queue?.close();
  await program?.stop("SIGKILL");
  await dns.close();
  cli?.remove();
});

/** Hands messages in, and waits until all of them wait. */
async function send(user: string, count: number): Promise<void> {
  const waiting = async () => (await queued(user)).filter(({ state }) => state === "queued").length;
  const before = await waiting();
  const from = `${user}@someisp.test`;
  const transport = createTransport({
    host: "127.0.0.1",
    port: ports.smtps,
    secure: true,
    tls: { rejectUnauthorized: false },
    auth: { user: from, pass: user },
  });
  for (let sent = 0; sent < count; sent++)
    await transport.sendMail({ from, to: "bob@dest.test", text: "Hello.\n" });
  while ((await waiting()) < before + count) await sleep(20);
}

async function queued(user: string): Promise<readonly ListedMessage[]> {
  return queue.list({ sender: `${user}@someisp.test` }, 100);
}

async function order(user: string, what: QueueOrder): Promise<void> {
  await queue.order({ sender: `${user}@someisp.test` }, what, Date.now(), 100);
}

/** What the key server says of a user's key, as a receiver sees it. */
async function answer(user: string): Promise<string> {
  const kid = kids.get(user) ?? "";
  const { stdout } = await vsmtp(["lookup", `${user}@someisp.test`, "--json", ...network, "--", kid]);
  const { answer: found } = JSON.parse(stdout);
  return found.reason ?? found.kind;
}

test("suspended: what waits is held at once, and receivers refuse the rest", async () => {
  await send("allice", 3);
  await send("trent", 1);
  const said = await cli.object("account suspend allice@someisp.test");
  assert.deepEqual([said.queued, said.queued_messages, said.queued_problem], ["hold", 3, null]);
  assert.deepEqual(
    (await queued("allice")).map(({ state }) => state),
    ["held", "held", "held"],
  );
  assert.match((await queued("allice"))[0]?.heldBecause ?? "", /suspended/);
  assert.equal(await answer("allice"), "suspended");
  assert.equal((await queued("trent"))[0]?.state, "queued", "others' mail waits on");
});

test("resumed: what is held stays held, for its signatures are void (LIF-13)", async () => {
  await cli.does("account resume allice@someisp.test", /held of it in the queue stays held/);
  assert.equal((await queued("allice")).filter(({ state }) => state === "held").length, 3);
  // Even if it is released by mistake: delivery looks, too.
  await order("allice", { kind: "release" });
  await order("allice", { kind: "retry" });
  const { messages, fate } = await program.line(({ msg }) => msg === "stopped");
  // Where this host is slow they do not share one line.
  assert.ok(Number(messages) >= 1 && Number(messages) <= 3, String(messages));
  assert.equal(fate, "held");
  while ((await queued("allice")).some(({ state }) => state !== "held")) await sleep(20);
  assert.match((await queued("allice"))[0]?.heldBecause ?? "", /is revoked/);
});

test("re-keyed, and what waits is removed", async () => {
  await send("mallory", 2);
  await cli.does(
    "key rekey mallory@someisp.test --yes --queued remove",
    /^2 messages in this host's queue are removed\.$/m,
  );
  assert.equal((await queued("mallory")).length, 0);
  await send("mallory", 1);
  await cli.does(
    "account remove mallory@someisp.test --yes",
    /^1 message in this host's queue is held: vsmtp queue list --account [0-9a-f]{24}$/m,
  );
  assert.equal((await queued("mallory"))[0]?.state, "held");
});

test("a revoked key stops what it signed, and nothing else", async () => {
  const old = kids.get("trent") ?? "";
  kids.set("trent", String((await cli.object("key rotate trent@someisp.test")).kid));
  await send("trent", 1);
  const said = await cli.object(`key revoke ${old} --yes`);
  assert.deepEqual([said.queued, said.queued_messages], ["hold", 1]);
  const states = (await queued("trent")).map(({ state, kids: [kid] }) => [state, kid === old]);
  assert.deepEqual(states, [
    ["held", true],
    ["queued", false],
  ]);
});

test("left alone in the queue, it is stopped by delivery when it is due; the command says so", async () => {
  await cli.does(
    "account suspend trent@someisp.test --queued leave",
    /was left alone; delivery stops it when it is due next/,
  );
  assert.equal((await queued("trent"))[1]?.state, "queued");
  await order("trent", { kind: "retry" });
  while ((await queued("trent"))[1]?.state !== "held") await sleep(20);
  assert.match((await queued("trent"))[1]?.heldBecause ?? "", /is suspended/);
});

test("everybody is re-keyed: all that was signed before is stopped", async () => {
  await cli.does("account add carol@someisp.test --password-file -", /carol/, "carol\n");
  await send("carol", 2);
  const said = await cli.object("key rekey --all --yes");
  assert.deepEqual([said.queued, said.queued_messages], ["hold", 2]);
});

test("a queue that cannot be opened keeps nobody from being suspended", async () => {
  const other = new CommandLine();
  await other.does("domain add someisp.test", /is hosted/);
  await other.does("account add allice@someisp.test --no-password", /allice/);
  mkdirSync(join(other.folder, "data", "queue.sqlite"));
  await other.does("account suspend allice@someisp.test", /is suspended[\s\S]*was NOT stopped: /);
  const said = await other.object("account suspend allice@someisp.test --queued hold").catch(() => null);
  assert.equal(said, null, "it is suspended already");
  other.remove();
});
