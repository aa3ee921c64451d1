import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createTransport } from "nodemailer";
import type { QueueStore } from "../src/queue/index.ts";
import { BufferedSink, OctetBudget, reply, SmtpServer } from "../src/smtp/index.ts";
import { Spool } from "../src/spool/index.ts";
import { openQueueStore } from "../src/store/index.ts";
import { createAuthority } from "./support/certificates.ts";
import { CommandLine } from "./support/command-line.ts";
import { freePorts } from "./support/free-ports.ts";
import { RunningProgram } from "./support/program.ts";

// A process that passes mail on is killed at random. What it had said 250 to goes to everybody that it stands for; and since
// each expansion signs anew, two signatures of one message for one recipient would tell of one that was made twice.

const lives = 8;
const author = "allice@someisp.test";
/** As they came: recipient, Message-ID and the signature on top. */
const arrived: { readonly recipient: string; readonly id: string; readonly signature: string }[] = [];
let cli: CommandLine;
let ca = "";
let port = 0;
let store: QueueStore;

const sink = new SmtpServer({
  hostname: "mx.dest.test",
  tlsMode: "plain",
  handler: {
    data: (_session, { recipients }) =>
      new BufferedSink({
        budget,
        accept: (pieces) => {
          const text = Buffer.concat(pieces).toString("latin1");
          for (const one of recipients) arrived.push({ recipient: one.text, ...readMessage(text) });
          return reply(250, "2.0.0", "Ok");
        },
      }),
  },
});
const budget = new OctetBudget(1 << 30);

function readMessage(text: string) {
  const [, id = ""] = /^Message-ID: (.*)\r$/m.exec(text) ?? [];
  const [, signature = ""] = /^VSMTP-Signature:[\s\S]*?\bb=(\S+)\r\n(?=\S)/m.exec(text) ?? [];
  return { id, signature };
}

before(async () => {
  const [smtps = 0, key = 0] = await freePorts(2);
  port = smtps;
  const { port: sinkPort } = await sink.listen({ host: "127.0.0.1", port: 0 });
  cli = new CommandLine(
    `[submission]
listen = [{ address = "127.0.0.1:${smtps}", tls = "implicit" }]
[accounts]
recipients_per_period = 1_000_000
new_account_recipients = 1_000_000
[key_server]
listen = ["127.0.0.1:${key}"]
[routes]
"dest.test" = "127.0.0.1:${sinkPort}"
[delivery]
retry_first = "1s"
[[domains]]
name = "someisp.test"
maildir_root = "mail"
[domains.forwards]
bob = { to = ["x@dest.test", "y@dest.test"], keep = true }
alias = "bob@someisp.test"
[domains.lists.team]
members = ["x@dest.test", "y@dest.test", "z@dest.test"]
posts = "anyone"
`,
    ["submission", "delivery", "key-server"],
  );
  const authority = await createAuthority();
  const { cert, key: privateKey } = await authority.issue(["mx.someisp.test"]);
  ca = authority.cert;
  writeFileSync(join(cli.folder, "cert.pem"), cert);
  writeFileSync(join(cli.folder, "key.pem"), privateKey, { mode: 0o600 });
  await cli.does("domain add someisp.test", /is hosted/);
  for (const user of ["allice", "bob", "team"]) {
    await cli.object(`account add ${user}@someisp.test --password-file -`, "secret\n");
  }
  const data = join(cli.folder, "data");
  mkdirSync(join(data, "mail/bob"), { recursive: true });
  store = await openQueueStore(join(data, "queue.sqlite"), await Spool.open(join(data, "spool")));
});

after(async () => {
  await store.close();
  await sink.close(0);
  cli.remove();
});

test("killed while it passes mail on: nothing is lost, and nothing is passed on twice", async () => {
  const accepted: { readonly id: string; readonly to: string }[] = [];
  for (let life = 0; life < lives; life++) {
    const program = new RunningProgram(["serve", "--config", cli.settings]);
    await program.line((line) => line.msg === "started");
    const client = createTransport({
      host: "127.0.0.1",
      port,
      secure: true,
      pool: true,
      maxConnections: 3,
      auth: { user: author, pass: "secret" },
      tls: { ca, servername: "mx.someisp.test" },
    });
    let dead = false;
    let last: unknown = null;
    const clients = [0, 1, 2].map(async (number) => {
      for (let count = 0; !dead; count++) {
        const id = `<${life}-${number}-${count}@someisp.test>`;
        const to = `${["bob", "team", "alias"][count % 3]}@someisp.test`;
        const raw = `From: ${author}\r\nTo: ${to}\r\nMessage-ID: ${id}\r\n\r\nx\r\n`;
        const sent = await client.sendMail({ raw, envelope: { from: author, to } }).catch((error) => {
          last = error;
          return null;
        });
        if (sent !== null) accepted.push({ id, to });
      }
    });
    const before = accepted.length;
    for (let waited = 0; accepted.length < before + 3 && waited < 20_000; waited += 10) await sleep(10);
    await sleep(Math.random() * 300);
    assert.ok(accepted.length > before, `nothing is accepted: ${last}`);
    await program.stop("SIGKILL");
    dead = true;
    client.close();
    await Promise.all(clients);
  }
  const program = new RunningProgram(["serve", "--config", cli.settings]);
  await program.line((line) => line.msg === "started");
  for (let waited = 0; waited < 60_000; waited += 100) {
    const { queued, leased } = await store.counts();
    if (queued + leased === 0) break;
    await sleep(100);
  }
  assert.equal(await program.stop(), 0);

  const got = Map.groupBy(arrived, ({ id, recipient }) => `${id} ${recipient}`);
  const folder = join(cli.folder, "data/mail/bob/new");
  const kept = readdirSync(folder).map((name) => readMessage(readFileSync(join(folder, name), "latin1")).id);
  const problems: string[] = [];
  for (const { id, to } of accepted) {
    const isList = to.startsWith("team");
    for (const name of isList ? ["x", "y", "z"] : ["x", "y"]) {
      if (!got.has(`${id} ${name}@dest.test`)) problems.push(`lost: ${id} to ${to} for ${name}`);
    }
    const copies = kept.filter((one) => one === id).length;
    if (copies !== (isList ? 0 : 1)) problems.push(`${copies} copies of ${id} to ${to} in the mailbox`);
  }
  for (const [what, times] of got) {
    const signatures = new Set(times.map(({ signature }) => signature));
    if (signatures.size !== 1) problems.push(`passed on ${signatures.size} times: ${what}`);
  }
  assert.deepEqual(problems, []);
  assert.ok(accepted.length > lives * 3, `${accepted.length} messages`);
});
