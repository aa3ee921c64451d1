import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { parseHeader } from "../src/message/index.ts";
import type { MilterOutcome } from "../src/milter/index.ts";
import { accepted, type Recorded, startMilter } from "../src/milter/test-milter-client.ts";
import { sendMessage, Talker } from "../src/smtp/test-peers.ts";
import { freePorts } from "./support/free-ports.ts";
import type { PeerProcess } from "./support/peers/peer-process.ts";
import { missingPostfix } from "./support/peers/postfix.ts";
import { makePostfixFolder, startPostfixMaster } from "./support/peers/postfix-master.ts";

// The milter protocol, without what is done with the mail, and a real Postfix at its other end.

const skip = missingPostfix();
let milter: Awaited<ReturnType<typeof startMilter>>;
let postfix: PeerProcess;
let port: number;
let outcome: (message: Recorded) => MilterOutcome | Promise<MilterOutcome> = () => accepted;

before(async () => {
  if (skip) return;
  milter = await startMilter({ outcome: (message) => outcome(message), deadlines: { progressMs: 500 } });
  assert.ok("port" in milter.where);
  const place = `inet:127.0.0.1:${milter.where.port}`;
  [port] = (await freePorts(1)) as [number];
  postfix = await startPostfixMaster({
    folder: makePostfixFolder(),
    settings: `myhostname = mx.test
relay_domains = mx.test
transport_maps = inline:{ mx.test=relay:[127.0.0.1]:9 }
local_header_rewrite_clients =
milter_content_timeout = 2s
smtpd_error_sleep_time = 0
milter_default_action = tempfail
`,
    listeners: `127.0.0.1:${port} inet n - n - - smtpd -o smtpd_milters=${place}\n`,
    ports: [port],
  });
});
after(async () => {
  await postfix?.stop();
  await milter?.server.close(0);
});

const edits = [{ kind: "prepend", octets: Buffer.from("A: b\r\n") }] as const;
const outcomes: readonly (readonly [string, () => MilterOutcome, RegExp])[] = [
  ["taken", () => accepted, /^250 /],
  ["quarantined", () => ({ ...accepted, quarantine: "why" }), /^250 /],
  ["quarantined and edited", () => ({ ...accepted, quarantine: "why", edits }), /^250 /],
  [
    "refused",
    () => ({ ...accepted, answer: refusal(550, "5.7.1", "100% (é)") }),
    /^550 5\.7\.1 100% \(\?\)$/,
  ],
  ["deferred", () => ({ ...accepted, answer: refusal(451, "4.7.1", "later") }), /^451 4\.7\.1 later$/],
  ["discarded", () => ({ ...accepted, answer: { kind: "discard" } }), /^250 /],
  ["accepted", () => ({ ...accepted, answer: { kind: "accept" } }), /^250 /],
  [
    "failed",
    () => ({ ...accepted, edits: [{ kind: "prepend", octets: Buffer.from("x") }] }),
    /^451 4\.3\.0 /,
  ],
];

function refusal(code: number, enhanced: string, text: string) {
  return { kind: "refuse", reply: { code, enhanced, text } } as const;
}

test("Postfix: outcomes of all kinds, one after another in one session", { skip }, async () => {
  const client = await Talker.hello(port);
  for (const [what, make, reply] of [...outcomes, ...outcomes.toReversed()]) {
    outcome = make;
    assert.match(await sendMessage(client), reply, what);
    if (!reply.source.startsWith("^250")) await client.ask("RSET");
  }
  client.destroy();
  assert.ok(milter.messages.every(({ macros, fate }) => macros.i !== undefined && fate === "finished"));
  assert.equal(new Set(milter.messages.map(({ transaction }) => transaction.connection.id)).size, 1);
});

test("Postfix: a header is shown as it stands, and is changed where it was meant", { skip }, async () => {
  outcome = ({ content }) => {
    const { fields } = parseHeader(Buffer.from(content.slice(0, content.indexOf("\r\n\r\n") + 2)));
    const same = fields.filter(({ name }) => name === "x-a");
    return {
      ...accepted,
      edits: same.filter((_, index) => index % 2 === 0).map((field) => ({ kind: "remove", field })),
    };
  };
  const header = [
    "From: a@client.test",
    "X-A:1",
    "X-a:  2",
    "Subject:\tone\r\n two\r\n\tthree ",
    "x-A:",
    "Date: Thu, 26 Nov 2026 08:00:00 +0000",
    "Message-ID: <1@client.test>",
    "X-A: \xfc",
  ];
  const content = `${header.join("\r\n")}\r\n\r\nbody\r\n\r\n`;
  const client = await Talker.hello(port);
  assert.match(await sendMessage(client, content), /^250 /);
  client.destroy();
  assert.equal(milter.messages.at(-1)?.content, content);
  assert.equal(milter.events.filter(({ kind }) => kind !== "handler-failed").length, 0);
});

test("Postfix waits longer than its own time, as long as it hears of progress", { skip }, async () => {
  outcome = async () => {
    await wait(3500);
    return accepted;
  };
  const client = await Talker.hello(port);
  assert.match(await sendMessage(client), /^250 /);
  client.destroy();
});

test("Postfix: a client that goes away within its message leaves nothing", { skip }, async () => {
  outcome = () => accepted;
  const before = milter.messages.length;
  const client = await Talker.hello(port);
  for (const line of ["MAIL FROM:<a@client.test>", "RCPT TO:<b@mx.test>", "DATA"]) await client.ask(line);
  client.send("Subject: x\r\n\r\nhalf");
  client.socket.resetAndDestroy();
  while (milter.server.connections > 0) await wait(5);
  assert.deepEqual(
    milter.messages.slice(before).map(({ fate, content }) => [fate, content]),
    [["aborted", ""]],
  );
});

test("Postfix: after a drain its clients are told to come again", { skip }, async () => {
  const client = await Talker.hello(port);
  assert.match(await sendMessage(client), /^250 /);
  const from = performance.now();
  await milter.server.close(60_000);
  assert.ok(performance.now() - from < 30_000, "a session between messages holds nothing up");
  await client.ask("MAIL FROM:<a@client.test>");
  await client.ask("RCPT TO:<b@mx.test>");
  assert.match(await client.ask("DATA"), /^451 4\.7\.1 /);
  client.destroy();
});
