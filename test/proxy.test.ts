import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { MappingDialer } from "../src/dialer/index.ts";
import { DnsServer } from "../src/dns/index.ts";
import { openSmtp, reply, type SmtpClient, SmtpServer } from "../src/smtp/index.ts";
import { createAuthority } from "./support/certificates.ts";
import { freePorts } from "./support/free-ports.ts";
import { RunningProgram, vsmtp } from "./support/program.ts";

// The proxy as a program: users log in at one, which signs and passes on to another, which verifies and passes on to a mail
// server. Nothing is queued, little is in memory, and whenever it is killed nobody was told more than is true.

const BODY_OCTETS = 50 << 20;
/** Both proxies and mailauth in one process, run from sources, which the runtime has to erase types from. */
const MOST_RESIDENT_MIB = 260;

const folder = mkdtempSync(join(tmpdir(), "vsmtp-proxy-program-"));
const dns = new DnsServer();
const ports = { submission: 0, verify: 0, key: 0, hop: 0 };
let certificate = "";
let program: RunningProgram;

/** What the mail server behind all took, by subject: how often, and the hash of the body. */
const taken = new Map<string, { times: number; bodyHash: string; header: string }>();
let slowMs = 0;
let hop: SmtpServer;

before(async () => {
  const authority = await createAuthority();
  certificate = authority.cert;
  const { cert, key } = await authority.issue(["mx.someisp.test"]);
  dns.set("someisp.test", { MX: [[10, "mx.someisp.test"]] });
  dns.set("mx.someisp.test", { A: ["127.0.0.1"] });
  dns.set("_vsmtp.someisp.test", { TXT: ["v=VSMTP1; p=reject"] });
  const { port: dnsPort } = await dns.listen(0, "127.0.0.1");
  [ports.submission = 0, ports.verify = 0, ports.key = 0] = await freePorts(3);
  await startHop();
  const text = `roles = ["proxy", "key-server"]
hostname = "mx.someisp.test"
data_directory = "data"
[limits]
message_size = "128MiB"
[tls]
certificate = "cert.pem"
key = "key.pem"
[key_server]
listen = ["127.0.0.1:${ports.key}"]
[[proxy]]
job = "submission"
listen = [{ address = "127.0.0.1:${ports.submission}", tls = "implicit" }]
next_hop = "127.0.0.1:${ports.verify}"
[[proxy]]
job = "verify"
listen = ["127.0.0.1:${ports.verify}"]
next_hop = "127.0.0.1:${ports.hop}"
[network]
resolvers = ["127.0.0.1:${dnsPort}"]
ca_file = "ca.pem"
allow_private_addresses = true
connect = { "mx.someisp.test:8757" = "127.0.0.1:${ports.key}" }
`;
  const files = { "cert.pem": cert, "key.pem": key, "ca.pem": authority.cert, "vsmtp.toml": text };
  for (const [name, content] of Object.entries(files))
    writeFileSync(join(folder, name), content, { mode: 0o600 });
  for (const args of [
    ["domain", "add", "someisp.test"],
    ["account", "add", "allice@someisp.test", "--password-file", "-"],
  ]) {
    const ran = await vsmtp([...args, "--config", join(folder, "vsmtp.toml")], "correct horse battery");
    assert.equal(ran.status, 0, ran.stderr);
  }
  await serve();
});

after(async () => {
  await program?.stop("SIGKILL");
  await hop?.close(0);
  await dns.close();
  rmSync(folder, { recursive: true, force: true });
});

async function startHop(): Promise<void> {
  hop = new SmtpServer({
    hostname: "inner.test",
    tlsMode: "plain",
    limits: { messageOctets: 128 << 20 },
    handler: {
      data: () => {
        const hash = createHash("sha256");
        let header = "";
        return {
          write: (octets) => {
            if (header.includes("\r\n\r\n")) return void hash.update(octets);
            header += Buffer.from(octets).toString("latin1");
            const end = header.indexOf("\r\n\r\n") + 4;
            if (end >= 4) {
              hash.update(Buffer.from(header.slice(end), "latin1"));
              header = header.slice(0, end);
            }
          },
          finish: async () => {
            const subject = /^Subject: (.*)\r$/m.exec(header)?.[1] ?? "";
            const times = (taken.get(subject)?.times ?? 0) + 1;
            taken.set(subject, { times, bodyHash: hash.digest("hex"), header });
            await sleep(slowMs);
            return reply(250, "2.0.0", `taken ${subject}`);
          },
          abort: () => {},
        };
      },
    },
  });
  ports.hop = (await hop.listen({ host: "127.0.0.1", port: ports.hop })).port;
}

async function serve(): Promise<void> {
  program = new RunningProgram(["serve", "--config", join(folder, "vsmtp.toml")]);
  await program.line((line) => line.msg === "started");
}

async function logIn(): Promise<SmtpClient | null> {
  const host = "mx.someisp.test";
  const target = { host, address: "127.0.0.1", port: ports.submission };
  const opened = await openSmtp(new MappingDialer(), target, {
    hostname: "client.test",
    tls: { mode: "implicit", name: host, ca: certificate },
    credentials: { user: "allice@someisp.test", password: "correct horse battery" },
  });
  return opened.ok ? opened.client : null;
}

async function send(client: SmtpClient, subject: string, body: Uint8Array | AsyncIterable<Uint8Array>) {
  const header = Buffer.from(`From: allice@someisp.test\r\nTo: bob@dest.test\r\nSubject: ${subject}\r\n\r\n`);
  const whole = async function* () {
    yield header;
    if (body instanceof Uint8Array) yield body;
    else yield* body;
  };
  const [outcome] = await client.send({
    reversePath: "allice@someisp.test",
    recipients: [{ address: "bob@dest.test" }],
    content: whole(),
  });
  assert.ok(outcome);
  return outcome;
}

test("50 MiB are signed, verified and passed on in little memory, and nothing is left of them", async (t) => {
  const client = await logIn();
  assert.ok(client);
  const sent = createHash("sha256");
  const outcome = await send(client, "large", lines(sent));
  await client.quit();
  assert.deepEqual([outcome.status, outcome.text], ["delivered", "taken large"]);
  const came = taken.get("large");
  assert.equal(came?.bodyHash, sent.digest("hex"));
  assert.match(came?.header ?? "", /^Authentication-Results: mx\.someisp\.test;\r\n vsmtp=pass/);
  const [, kibibytes] =
    /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${program.child.pid}/status`, "utf8")) ?? [];
  t.diagnostic(`${Math.round(Number(kibibytes) / 1024)} MiB`);
  assert.ok(Number(kibibytes) / 1024 < MOST_RESIDENT_MIB, `${kibibytes} KiB`);
  assert.deepEqual(readdirSync(join(folder, "data/spool/passing")), []);
  assert.ok(!readdirSync(join(folder, "data")).includes("queue.sqlite"), "no queue is even opened");
});

test("the mail log tells what became of it", async () => {
  const show = async (args: string[]) => {
    const ran = await vsmtp(["log", ...args, "--json", "--config", join(folder, "vsmtp.toml")]);
    assert.equal(ran.status, 0, ran.stderr);
    return ran.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
  };
  let found: Record<string, unknown>[] = [];
  while (found.length < 2) found = await show(["search", "--to", "bob@dest.test"]);
  const [verified, signed] = ["in", "out"].map((direction) =>
    found.find((one) => one.direction === direction),
  );
  assert.deepEqual([verified?.result, verified?.action, verified?.code], ["pass", "deliver", 250]);
  assert.match(String(signed?.identity), /^allice@/);
  for (const message of [verified, signed]) {
    const [story] = await show(["show", String(message?.id)]);
    const [delivery] = story.deliveries;
    assert.deepEqual([delivery.recipient, delivery.outcome], ["bob@dest.test", "delivered"]);
    assert.match(delivery.detail, /^250 2\.0\.0 taken large/);
  }
});

test("killed at any time it has told nobody 250 for what the mail server has not", {
  timeout: 100_000,
}, async (t) => {
  slowMs = 20;
  const told: string[] = [];
  let count = 0;
  const body = Buffer.from(`${"x".repeat(76)}\r\n`.repeat(5000));
  for (let kill = 0; kill < 6; kill++) {
    let killed = false;
    const clients = Array.from({ length: 4 }, async () => {
      const client = await logIn();
      while (client?.usable && !killed) {
        const subject = `crash ${count++}`;
        const outcome = await send(client, subject, body);
        if (outcome.status === "delivered") told.push(subject);
      }
    });
    const so = told.length;
    while (told.length < so + 3) await sleep(5);
    await sleep((kill * 37) % 100);
    await program.stop("SIGKILL");
    killed = true;
    await Promise.all(clients);
    await serve();
  }
  slowMs = 0;
  assert.deepEqual(
    told.filter((subject) => !taken.has(subject)),
    [],
  );
  const twice = [...taken].filter(([subject, { times }]) => subject.startsWith("crash") && times > 1);
  assert.deepEqual(twice, []);
  t.diagnostic(`${told.length} of ${count} messages were told 250`);
});

test("told to stop it ends what is under way", async () => {
  slowMs = 600;
  const client = await logIn();
  assert.ok(client);
  const sending = send(client, "last", Buffer.from("Hello\r\n"));
  while (!taken.has("last")) await sleep(5);
  const [outcome, status] = await Promise.all([sending, program.stop("SIGTERM")]);
  assert.deepEqual([outcome.status, status], ["delivered", 0]);
});

async function* lines(sent: { update(octets: Uint8Array): unknown }): AsyncGenerator<Uint8Array> {
  const piece = Buffer.alloc(78 * 800);
  for (let octets = 0, line = 0; octets < BODY_OCTETS; octets += piece.length) {
    for (let at = 0; at < piece.length; at += 78, line++) piece.write(`${`${line}`.padEnd(76, "x")}\r\n`, at);
    sent.update(piece);
    yield Buffer.from(piece);
  }
}
