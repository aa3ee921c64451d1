import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { createTransport } from "nodemailer";
import { DnsServer } from "../src/dns/index.ts";
import { createAuthority } from "./support/certificates.ts";
import { CommandLine } from "./support/command-line.ts";
import { freePorts } from "./support/free-ports.ts";
import { RunningProgram, vsmtp } from "./support/program.ts";

// Commands beside a running `vsmtp serve`: what they change is so at once, and nothing is restarted (LIF-7).

const dns = new DnsServer();
const ports = { smtps: 0, key: 0 };
let cli: CommandLine;
let program: RunningProgram;
let network: string[] = [];
let kid = "";

before(async () => {
  [ports.smtps = 0, ports.key = 0] = await freePorts(2);
  dns.set("someisp.test", { MX: [[10, "mx.someisp.test"]] });
  dns.set("mx.someisp.test", { A: ["127.0.0.1"] });
  const dnsPort = (await dns.listen(0, "127.0.0.1")).port;
  cli = new CommandLine(
    `[submission]
listen = [{ address = "127.0.0.1:${ports.smtps}", tls = "implicit" }]
[key_server]
listen = ["127.0.0.1:${ports.key}"]
`,
    ["submission", "key-server"],
  );
  const authority = await createAuthority();
  const { cert, key } = await authority.issue(["mx.someisp.test"]);
  const caFile = join(cli.folder, "ca.pem");
  writeFileSync(caFile, authority.cert);
  writeFileSync(join(cli.folder, "cert.pem"), cert);
  writeFileSync(join(cli.folder, "key.pem"), key, { mode: 0o600 });
  const resolver = ["--resolver", `127.0.0.1:${dnsPort}`];
  network = [...resolver, "--ca", caFile, "--connect", `127.0.0.1:${ports.key}`];
  await cli.does("domain add someisp.test", /is hosted/);
  const made = await cli.object("account add allice@someisp.test --password-file -", "first\n");
  kid = String(made.kid);
  program = new RunningProgram(["serve", "--config", cli.settings]);
  await program.line((line) => line.msg === "started");
});

after(async () => {
  await program?.stop("SIGKILL");
  await dns.close();
  cli?.remove();
});

/** What the key server says of a key, as a receiver sees it: `key`, or the reason for the failure. */
async function answer(id: string): Promise<string> {
  const { stdout } = await vsmtp(["lookup", "allice@someisp.test", "--json", ...network, "--", id]);
  const { answer: found } = JSON.parse(stdout);
  return found.reason ?? found.kind;
}

function send(
  password: string,
  recipients = ["bob@dest.test"],
  user = "allice@someisp.test",
): Promise<unknown> {
  const transport = createTransport({
    host: "127.0.0.1",
    port: ports.smtps,
    secure: true,
    tls: { rejectUnauthorized: false },
    auth: { user, pass: password },
  });
  return transport.sendMail({ from: user, to: recipients, text: "Hello.\n" });
}

test("suspended: the key server says so, and nobody logs in (LIF-10, LIF-11); resumed: with a new key (LIF-13)", async () => {
  await send("first");
  assert.equal(await answer(kid), "key");
  await cli.does("account suspend allice@someisp.test", /is suspended/);
  assert.equal(await answer(kid), "suspended");
  await assert.rejects(send("first"), /550 5\.7\.1/);
  const resumed = String((await cli.object("account resume allice@someisp.test")).kid);
  assert.deepEqual([await answer(kid), await answer(resumed)], ["revoked", "key"]);
  await send("first");
  kid = resumed;
});

test("re-keyed: the old key is revoked, the new one signs (LIF-9); rotated: the old one verifies on (LIF-8)", async () => {
  const rekeyed = String((await cli.object("key rekey allice@someisp.test --yes")).kid);
  assert.deepEqual([await answer(kid), await answer(rekeyed)], ["revoked", "key"]);
  await send("first");
  const rotated = String((await cli.object("key rotate allice@someisp.test")).kid);
  assert.deepEqual([await answer(rekeyed), await answer(rotated)], ["key", "key"]);
  await cli.does(`key revoke ${rekeyed} --yes`, /is revoked/);
  assert.equal(await answer(rekeyed), "revoked");
});

test("another password, an app password and its end", async () => {
  await cli.does("account passwd allice@someisp.test --password-file -", /has a new password/, "second\n");
  await assert.rejects(send("first"), /535 5\.7\.8/);
  await send("second");
  const { id, password } = await cli.object("account app-password add allice@someisp.test --name phone");
  await send(String(password));
  const [used] = await cli.objects("account app-password list allice@someisp.test");
  assert.ok(Number(used?.last_used_at) > 0);
  await cli.does(`account app-password remove allice@someisp.test ${id}`, /has ended/);
  await assert.rejects(send(String(password)), /535 5\.7\.8/);
});

test("an account that was loaded with the hash of its password logs in with the password", async () => {
  // argon2id of "password", as Dovecot and others write it.
  const hash =
    "$argon2id$v=19$m=8192,t=3,p=2$c29tZXNhbHRzb21lc2FsdA$WhoELTVCDxA0tKNHq8bZhJ7JiYCl47pcvKCv8yqwM4g";
  const line = JSON.stringify({ address: "moved@someisp.test", password_hash: hash });
  await cli.does("account load -", /^1 account added\n$/, line);
  await send("password", ["bob@dest.test"], "moved@someisp.test");
  await assert.rejects(send("passwort", ["bob@dest.test"], "moved@someisp.test"), /535 5\.7\.8/);
  const bad = JSON.stringify({ address: "bad@someisp.test", password_hash: "$2b$12$abc" });
  const refused = await cli.run("account load -", bad);
  assert.deepEqual([refused.status, /is not argon2id/.test(refused.stderr)], [2, true]);
});

test("a recipient limit counts at once, and tells when there is room again (LIF-14)", async () => {
  const { recipients } = await cli.object("account show allice@someisp.test");
  const { used } = recipients as { used: number };
  await cli.does(`account limit allice@someisp.test ${used + 2}`, /may write to/);
  await send("second", ["bob@dest.test", "carol@dest.test"]);
  await assert.rejects(send("second"), /4\.7\.28/);
  await cli.does("account limit allice@someisp.test default", /as the settings say/);
  await send("second");
});

test("audit list --follow shows logins as they come", async (context) => {
  const follower = new RunningProgram([
    "audit",
    "list",
    "--follow",
    "--json",
    "--limit",
    "1",
    "--config",
    cli.settings,
  ]);
  context.after(() => follower.stop("SIGKILL"));
  await follower.line(() => true);
  await assert.rejects(send("wrong"), /535/);
  const entry = await follower.line(({ action, outcome }) => action === "auth" && outcome === "rejected");
  assert.equal(entry.subject, "allice@someisp.test");
  assert.equal(await follower.stop("SIGINT"), 0);
  assert.equal((await cli.object("audit verify")).whole, true);
});
