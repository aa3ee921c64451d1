import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { createTransport } from "nodemailer";
import { DnsServer } from "../src/dns/index.ts";
import { createAuthority } from "./support/certificates.ts";
import { freePorts } from "./support/free-ports.ts";
import { RunningProgram, vsmtp } from "./support/program.ts";

// One installation that sends and receives, run as an operator runs it: settings, commands, a process, signals.

const folder = mkdtempSync(join(tmpdir(), "vsmtp-serve-"));
const settings = join(folder, "vsmtp.toml");
const caFile = join(folder, "ca.pem");
const dns = new DnsServer();
let dnsPort = 0;
let password = "";
let program: RunningProgram;
const ports = { smtps: 0, mx: 0, key: 0 };

before(async () => {
  const authority = await createAuthority();
  const { cert, key } = await authority.issue(["mx.someisp.test"]);
  writeFileSync(caFile, authority.cert);
  writeFileSync(join(folder, "cert.pem"), cert);
  writeFileSync(join(folder, "key.pem"), key, { mode: 0o600 });
  dns.set("someisp.test", { MX: [[10, "mx.someisp.test"]] });
  dns.set("mx.someisp.test", { A: ["127.0.0.1"] });
  dns.set("_vsmtp.someisp.test", { TXT: ["v=VSMTP1; p=reject"] });
  dnsPort = (await dns.listen(0, "127.0.0.1")).port;
  [ports.smtps = 0, ports.mx = 0, ports.key = 0] = await freePorts(3);
  for (const user of ["allice", "bob"]) mkdirSync(join(folder, "mail", user), { recursive: true });
  writeFileSync(
    settings,
    `roles = ["submission", "key-server", "mx", "delivery"]
hostname = "mx.someisp.test"
data_directory = "data"
[tls]
certificate = "cert.pem"
key = "key.pem"
[submission]
listen = [{ address = "127.0.0.1:${ports.smtps}", tls = "implicit" }]
[key_server]
listen = ["127.0.0.1:${ports.key}"]
[mx]
listen = ["127.0.0.1:${ports.mx}"]
[[domains]]
name = "dest.test"
maildir_root = "../mail"
[[domains]]
name = "gone.test"
next_hop = "127.0.0.1:9"
[routes]
"refuses.test" = "mx.someisp.test:25"
[network]
resolvers = ["127.0.0.1:${dnsPort}"]
ca_file = "ca.pem"
allow_private_addresses = true
connect = { "mx.someisp.test:25" = "127.0.0.1:${ports.mx}", "mx.someisp.test:8757" = "127.0.0.1:${ports.key}" }
`,
  );
  dns.set("dest.test", { MX: [[10, "mx.someisp.test"]] });
});

after(async () => {
  await program?.stop("SIGKILL");
  await dns.close();
  rmSync(folder, { recursive: true, force: true });
});

test("domain add and account add make the store; secrets are for their owner only (LIF-6)", async () => {
  const added = await vsmtp(["domain", "add", "someisp.test", "--config", settings]);
  assert.equal(added.status, 0, added.stderr);
  assert.match(added.stdout, /_vsmtp\.someisp\.test\. 300 IN TXT "v=VSMTP1; p=none"/);
  const account = await vsmtp(["account", "add", "Allice@someisp.test", "--json", "--config", settings]);
  assert.equal(account.status, 0, account.stderr);
  password = JSON.parse(account.stdout).password;
  assert.match(password, /^.{20}$/);
  const again = await vsmtp(["account", "add", "allice@someisp.test", "--config", settings]);
  assert.deepEqual([again.status, again.stdout], [2, ""]);
  assert.match(again.stderr, /^vsmtp: allice@someisp\.test .*already\n$/);
  assert.match(
    (await vsmtp(["account", "list", "--keys", "--config", settings])).stdout,
    /^ADDRESS .*\nallice@someisp\.test +active +\S{22} /,
  );
  for (const file of readdirSync(join(folder, "data"))) {
    assert.equal(statSync(join(folder, "data", file)).mode & 0o077, 0, `${file} is readable by others`);
  }
});

test("serve says where it listens, and the key server answers vsmtp lookup (STA-1)", async () => {
  program = new RunningProgram(["serve", "--config", settings]);
  await program.line((line) => line.msg === "started");
  assert.equal(program.lines.filter((line) => line.msg === "listening").length, 3);
  const [account] = (await vsmtp(["account", "list", "--keys", "--json", "--config", settings])).stdout.split(
    "\n",
  );
  const kid = JSON.parse(account ?? "").kids[0];
  const network = [
    "--resolver",
    `127.0.0.1:${dnsPort}`,
    "--ca",
    caFile,
    "--connect",
    `127.0.0.1:${ports.key}`,
  ];
  const found = await vsmtp(["lookup", "allice@someisp.test", kid, ...network]);
  assert.equal(found.status, 0, found.stdout + found.stderr);
  assert.match(
    found.stdout,
    new RegExp(`C: STLS[\\s\\S]*certificate for mx\\.someisp\\.test[\\s\\S]*key ${kid}, host trust`),
  );
  const anyKey = await vsmtp(["lookup", "allice@someisp.test", ...network]);
  assert.match(anyKey.stdout, /^key .*, host trust; asked without KID: it may be a decoy$/m);
  const unknown = await vsmtp(["lookup", "allice@someisp.test", "AAAAAAAAAAAAAAAAAAAAAA", ...network]);
  assert.deepEqual([unknown.status, /fail no-key/.test(unknown.stdout)], [1, true]);
  const dashed = await vsmtp(["lookup", "allice@someisp.test", "-AAAAAAAAAAAAAAAAAAAAA", ...network]);
  assert.match(dashed.stdout, /fail no-key/, dashed.stderr);
  const untrusted = await vsmtp(["lookup", "allice@someisp.test", kid, ...network.toSpliced(2, 2)]);
  assert.equal(untrusted.status, 75, untrusted.stdout);
});

test("mail handed in is signed and delivered; coming from outside it is verified by the MX (REC-1)", async () => {
  const mail = { from: "allice@someisp.test", to: "bob@dest.test", subject: "Lunch?", text: "Noon?\n" };
  await client().sendMail(mail);
  await program.line((line) => line.role === "delivery" && line.msg === "delivered");
  const signed = newestMail();
  assert.match(signed, /^VSMTP-Signature: v=1; a=ed25519-sha256; i=allice@someisp\.test;/m);
  const outside = createTransport({ host: "127.0.0.1", port: ports.mx, ignoreTLS: true });
  await outside.sendMail({ raw: signed, envelope: { from: mail.from, to: mail.to } });
  const queued = await program.line((line) => line.role === "mx" && typeof line.queuedAs === "string");
  assert.deepEqual([queued.result, queued.align, queued.rcpt], ["pass", "from", "match"]);
  await program.line((line) => line.role === "delivery" && line.id === queued.queuedAs);
  assert.match(
    newestMail(),
    /^Authentication-Results: mx\.someisp\.test;\r?\n vsmtp=pass header\.i=allice@someisp\.test/m,
  );
});

test("forged mail From a domain that signs everything is refused in the session (ACT-5)", async () => {
  const mx = createTransport({ host: "127.0.0.1", port: ports.mx, ignoreTLS: true });
  const forged = mx.sendMail({ from: "allice@someisp.test", to: "bob@dest.test", text: "Send money.\n" });
  await assert.rejects(forged, /550 5\.7\.1 VSMTP\/unsigned/);
});

test("an account added while serve runs can log in at once", async () => {
  const added = await vsmtp(
    ["account", "add", "new@someisp.test", "--password-file", "-", "--config", settings],
    "secret\n",
  );
  assert.equal(added.status, 0, added.stderr);
  const transport = client("new@someisp.test", "secret");
  await transport.sendMail({ from: "new@someisp.test", to: "bob@dest.test", text: "Hello.\n" });
  await assert.rejects(
    transport.sendMail({ from: "allice@someisp.test", to: "bob@dest.test", text: "x" }),
    /550 5\.7\.1/,
  );
});

test("the first statement of a domain added while serve runs is signed (STA-5)", async () => {
  const added = await vsmtp([
    "domain",
    "add",
    "late.test",
    "--sign-statements",
    "--json",
    "--config",
    settings,
  ]);
  const { dk } = JSON.parse(added.stdout);
  await vsmtp(["account", "add", "leo@late.test", "--no-password", "--config", settings]);
  dns.set("late.test", { MX: [[10, "mx.someisp.test"]] });
  dns.set("_vsmtp.late.test", { TXT: [`v=VSMTP1; dk=${dk}`] });
  const network = [
    "--resolver",
    `127.0.0.1:${dnsPort}`,
    "--ca",
    caFile,
    "--connect",
    `127.0.0.1:${ports.key}`,
  ];
  const accounts = await vsmtp(["account", "list", "late.test", "--keys", "--json", "--config", settings]);
  const found = await vsmtp(["lookup", "leo@late.test", JSON.parse(accounts.stdout).kids[0], ...network]);
  assert.equal(found.status, 0, found.stdout);
  assert.match(found.stdout, /; s=[A-Za-z0-9+/]{86}==/);
});

test("mail that cannot be delivered comes back to its sender, signed by the domain's mailer-daemon", async () => {
  dns.set("someisp.test", { MX: [[10, "mx.someisp.test"]] });
  await client().sendMail({ from: "allice@someisp.test", to: "nobody@refuses.test", text: "Anyone?\n" });
  const reported = await program.line((line) => line.msg === "reported");
  assert.equal(reported.to, "allice@someisp.test");
  const accounts = (await vsmtp(["account", "list", "--config", settings])).stdout;
  assert.match(accounts, /mailer-daemon@someisp\.test +active/);
});

test("SIGTERM stops in order, with status 0", async () => {
  assert.equal(await program.stop("SIGTERM"), 0, program.stderr);
  assert.equal(program.lines.at(-1)?.msg, "stopped");
});

test("told to stop while it starts, it stops in order too", async () => {
  const early = new RunningProgram(["serve", "--config", settings]);
  await early.line((line) => line.msg === "listening");
  assert.equal(await early.stop("SIGTERM"), 0, early.stderr);
  assert.equal(early.lines.at(-1)?.msg, "stopped");
});

test("what keeps serve from starting is one line", async () => {
  const blocker = createServer();
  await new Promise<void>((resolve) => blocker.listen(ports.mx, "127.0.0.1", resolve));
  const blocked = await vsmtp(["serve", "--config", settings]);
  await new Promise((resolve) => blocker.close(resolve));
  assert.equal(blocked.status, 2);
  assert.match(blocked.stderr, new RegExp(`^vsmtp: 127\\.0\\.0\\.1:${ports.mx} is in use[^\\n]*\\n$`));
  const broken = join(folder, "broken.toml");
  writeFileSync(broken, `${readFileSync(settings, "utf8").replace("maildir_root", "maildir_rot")}`);
  const wrong = await vsmtp(["serve", "--config", broken]);
  assert.equal(wrong.status, 2);
  assert.match(wrong.stderr, /^vsmtp: .*broken\.toml:15: .*maildir_rot.*maildir_root/);
});

function newestMail(): string {
  const maildir = join(folder, "mail/bob/new");
  const age = (name: string): number => statSync(join(maildir, name)).mtimeMs;
  const [newest = ""] = readdirSync(maildir).sort((a, b) => age(b) - age(a));
  return readFileSync(join(maildir, newest), "latin1");
}

function client(user = "allice@someisp.test", pass = password): ReturnType<typeof createTransport> {
  return createTransport({
    host: "127.0.0.1",
    port: ports.smtps,
    secure: true,
    auth: { user, pass },
    tls: { ca: readFileSync(caFile), servername: "mx.someisp.test" },
  });
}
