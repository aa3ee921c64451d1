import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  copyFileSync,
  createReadStream,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { MappingDialer } from "../src/dialer/index.ts";
import { DnsServer } from "../src/dns/index.ts";
import { openSmtp } from "../src/smtp/index.ts";
import { createAuthority } from "./support/certificates.ts";
import { freePorts } from "./support/free-ports.ts";
import { RunningProgram, vsmtp } from "./support/program.ts";

// A message of 100 MiB from a mail program over TLS to the Maildir of another provider, through programs as they are
// published: none ever holds it, or a large part of it, in memory.

const BODY_OCTETS = 100 << 20;
/** mailauth, which only the border loads, takes some of them whatever the size of messages (decision 0102). */
const MOST_RESIDENT_MIB: Readonly<Record<string, number>> = { sender: 150, receiver: 165 };

const repository = join(import.meta.dirname, "..");
const folder = mkdtempSync(join(tmpdir(), "vsmtp-large-"));
const programFile = join(folder, "bin/vsmtp.mjs");
const dns = new DnsServer();
const ports = { smtps: 0, mx: 0, key: 0 };
let certificate = "";
const programs: Record<string, RunningProgram> = {};

before(async () => {
  build();
  const authority = await createAuthority();
  certificate = authority.cert;
  writeFileSync(join(folder, "ca.pem"), authority.cert);
  const { cert, key } = await authority.issue(["mx.someisp.test", "mx.dest.test"]);
  writeFileSync(join(folder, "cert.pem"), cert);
  writeFileSync(join(folder, "key.pem"), key, { mode: 0o600 });
  for (const domain of ["someisp.test", "dest.test"]) {
    dns.set(domain, { MX: [[10, `mx.${domain}`]] });
    dns.set(`mx.${domain}`, { A: ["127.0.0.1"] });
  }
  dns.set("_vsmtp.someisp.test", { TXT: ["v=VSMTP1; p=reject"] });
  const { port: dnsPort } = await dns.listen(0, "127.0.0.1");
  [ports.smtps = 0, ports.mx = 0, ports.key = 0] = await freePorts(3);
  mkdirSync(join(folder, "mail/bob"), { recursive: true });
  const common = `
[limits]
message_size = "128MiB"
[tls]
certificate = "cert.pem"
key = "key.pem"
[network]
resolvers = ["127.0.0.1:${dnsPort}"]
ca_file = "ca.pem"
allow_private_addresses = true
connect = { "mx.dest.test:25" = "127.0.0.1:${ports.mx}", "mx.someisp.test:8757" = "127.0.0.1:${ports.key}" }
`;
  writeFileSync(
    join(folder, "sender.toml"),
    `roles = ["submission", "key-server", "delivery"]
hostname = "mx.someisp.test"
data_directory = "sender"
${common}
[submission]
listen = [{ address = "127.0.0.1:${ports.smtps}", tls = "implicit" }]
[key_server]
listen = ["127.0.0.1:${ports.key}"]
`,
  );
  writeFileSync(
    join(folder, "receiver.toml"),
    `roles = ["mx", "delivery"]
hostname = "mx.dest.test"
data_directory = "receiver"
${common}
[mx]
listen = ["127.0.0.1:${ports.mx}"]
[[domains]]
name = "dest.test"
maildir_root = "../mail"
`,
  );
});

after(async () => {
  await Promise.all(Object.values(programs).map((program) => program.stop("SIGKILL")));
  await dns.close();
  rmSync(folder, { recursive: true, force: true });
});

test("MSG-15 100 MiB are signed, delivered, verified and stored by programs of less than 165 MiB each", {
  timeout: 110_000,
}, async (t) => {
  const settings = ["--config", join(folder, "sender.toml")];
  for (const args of [
    ["domain", "add", "someisp.test"],
    ["account", "add", "allice@someisp.test", "--password-file", "-"],
  ]) {
    const { status, stderr } = await vsmtp([...args, ...settings], "correct horse battery");
    assert.equal(status, 0, stderr);
  }
  for (const name of ["sender", "receiver"]) {
    programs[name] = new RunningProgram(["serve", "--config", join(folder, `${name}.toml`)], programFile);
    await programs[name].line((line) => line.msg === "started");
  }
  const { sender, receiver } = programs as Record<"sender" | "receiver", RunningProgram>;

  const sent = createHash("sha256");
  await submit(sent);
  const queued = await receiver.line(
    ({ role, queuedAs }) => role === "mx" && typeof queuedAs === "string",
    60_000,
  );
  assert.deepEqual([queued.result, queued.align, queued.rcpt], ["pass", "from", "match"]);
  for (const program of [receiver, sender])
    await program.line(({ role, msg }) => role === "delivery" && msg === "delivered", 30_000);

  assert.equal(await storedBodyHash(), sent.digest("hex"));
  const peaks = Object.entries({ sender, receiver }).map(([name, program]) => {
    return { name, mebibytes: peakResidentOctets(program) / (1 << 20) };
  });
  t.diagnostic(peaks.map(({ name, mebibytes }) => `${name}: ${Math.round(mebibytes)} MiB`).join(", "));
  for (const { name, mebibytes } of peaks)
    assert.ok(mebibytes < (MOST_RESIDENT_MIB[name] ?? 0), `${name}: ${mebibytes} MiB`);
  const left = ["sender", "receiver"].flatMap((name) => readdirSync(join(folder, name, "spool")));
  assert.deepEqual(left, []);
});

/** What `npm run build` publishes: types are erased once, and not by each program that starts. */
function build(): void {
  const compiler = join(repository, "node_modules/typescript/bin/tsc");
  const options = [
    "-p",
    join(repository, "tsconfig.build.json"),
    "--outDir",
    join(folder, "dist"),
    "--declaration",
    "false",
  ];
  const { status, stdout } = spawnSync(process.execPath, [compiler, ...options], { encoding: "utf8" });
  assert.equal(status, 0, stdout);
  for (const name of ["node_modules", "package.json"])
    symlinkSync(join(repository, name), join(folder, name));
  mkdirSync(join(folder, "bin"));
  copyFileSync(join(repository, "bin/vsmtp.mjs"), programFile);
}

async function submit(sent: { update(octets: Uint8Array): unknown }): Promise<void> {
  const host = "mx.someisp.test";
  const target = { host, address: "127.0.0.1", port: ports.smtps };
  const opened = await openSmtp(new MappingDialer(), target, {
    hostname: "client.test",
    tls: { mode: "implicit", name: host, ca: certificate },
    credentials: { user: "allice@someisp.test", password: "correct horse battery" },
  });
  assert.ok(opened.ok);
  const [outcome] = await opened.client.send({
    reversePath: "allice@someisp.test",
    recipients: [{ address: "bob@dest.test" }],
    content: message(sent),
  });
  assert.equal(outcome?.status, "delivered", outcome?.text);
  await opened.client.quit();
}

async function* message(sent: { update(octets: Uint8Array): unknown }): AsyncGenerator<Uint8Array> {
  yield Buffer.from("From: allice@someisp.test\r\nTo: bob@dest.test\r\nSubject: large\r\n\r\n");
  const piece = Buffer.alloc(78 * 800);
  for (let octets = 0, line = 0; octets < BODY_OCTETS; octets += piece.length) {
    for (let at = 0; at < piece.length; at += 78, line++) piece.write(`${`${line}`.padEnd(76, "x")}\r\n`, at);
    sent.update(piece);
    yield Buffer.from(piece);
  }
}

async function storedBodyHash(): Promise<string> {
  const inbox = join(folder, "mail/bob/new");
  const [name] = readdirSync(inbox);
  assert.ok(name);
  const hash = createHash("sha256");
  let header = "";
  for await (const piece of createReadStream(join(inbox, name))) {
    if (header.includes("\r\n\r\n")) hash.update(piece);
    else {
      header += piece.toString("latin1");
      const end = header.indexOf("\r\n\r\n");
      if (end >= 0) hash.update(Buffer.from(header.slice(end + 4), "latin1"));
    }
  }
  assert.match(
    header,
    /^Authentication-Results: mx\.dest\.test;\r\n vsmtp=pass header\.i=allice@someisp\.test/m,
  );
  return hash.digest("hex");
}

function peakResidentOctets(program: RunningProgram): number {
  const [, kibibytes] =
    /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${program.child.pid}/status`, "utf8")) ?? [];
  return Number(kibibytes) * 1024;
}
