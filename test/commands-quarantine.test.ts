import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import {
  type NewMessage,
  piecesOf,
  type QuarantineNote,
  Queue,
  type QueueStore,
  RetrySchedule,
} from "../src/queue/index.ts";
import { Spool } from "../src/spool/index.ts";
import { mailLogLocation, openMailLogStore, openQueueStore } from "../src/store/index.ts";
import { CommandLine } from "./support/command-line.ts";

// vsmtp quarantine on a real store, beside a queue that has it open.

const DAY = 86_400_000;
const cli = new CommandLine("", ["submission", "delivery"]);
const ids: string[] = [];
let store: QueueStore;
let queue: Queue;

before(async () => {
  await cli.refuses("quarantine list", /there is no queue on this host/);
  const spool = await Spool.open(join(cli.folder, "data/spool"));
  store = await openQueueStore(join(cli.folder, "data/queue.sqlite"), spool);
  // As a server has made it.
  await (await openMailLogStore(join(cli.folder, "data/mail-log.sqlite"))).close();
  queue = new Queue({ store, retry: new RetrySchedule(), hostname: "mx.someisp.test" });
});
after(async () => {
  await queue.close();
  await store.close();
  cli.remove();
});

function message(quarantine: Partial<QuarantineNote> | null, to: readonly string[]): NewMessage {
  const results =
    "Authentication-Results: mx.someisp.test; vsmtp=fail\r\n reason=body header.i=eve@evil.test\r\n";
  return {
    sender: "bounces@evil.test",
    recipients: to.map((address) => ({ address, notify: null, originalRecipient: null })),
    prefix: Buffer.from(`${results}Received: here\r\n`),
    content: {
      inline: Buffer.from("From: eve@evil.test\r\nSubject: gr\x1b[31meetings\r\n\r\nHello\r\n"),
      file: null,
    },
    body: "7bit",
    smtputf8: false,
    requireTls: false,
    envelopeId: null,
    returned: null,
    account: null,
    kids: [],
    suspicious: false,
    quarantine: quarantine && {
      until: Date.now() + 30 * DAY,
      result: "fail",
      reason: "body",
      identity: "eve@evil.test",
      kid: "FIH_rUKoiX6PoyILK0Uagg",
      from: "=?utf-8?Q?=C3=9Cnal?= <eve@evil.test>",
      authors: ["eve@evil.test"],
      subject: "gr\x1b[31meetings",
      messageId: "<1@evil.test>",
      client: "192.0.2.1",
      decidedBy: "policy",
      because: "evil.test",
      ...quarantine,
    },
  };
}

async function keep(quarantine: Partial<QuarantineNote>, ...to: readonly string[]): Promise<string> {
  const [id = ""] = await queue.enqueue([message(quarantine, to)]);
  await setTimeout(2); // messages of one millisecond have no order
  return id;
}

test("vsmtp quarantine list: who, what, why, chosen by all of it; nothing of it is in vsmtp queue", async () => {
  await cli.does("quarantine list", /^nothing is in quarantine\n$/);
  assert.deepEqual(await cli.objects("quarantine list"), []);
  ids.push(await keep({}, "bob@someisp.test", "carol@someisp.test"));
  const unsigned = { result: "none", reason: "unsigned", identity: null, kid: null, because: null };
  ids.push(await keep({ ...unsigned, authors: ["a@shop.test"], from: "a@shop.test" }, "bob@someisp.test"));
  const [first, second] = ids;
  await cli.does("queue list", /^the queue is empty\n$/);
  await cli.does(
    "queue stats",
    /^The queue is empty\.\n2 messages in quarantine, \d+ B: see vsmtp quarantine list\n$/,
  );
  await cli.does(
    "quarantine list",
    new RegExp(
      `^ID +AGE +LEFT +WHY +FROM +TO +SUBJECT\n${first} +\\d+s +29d +body +Ünal <eve@evil\\.test> +bob@someisp\\.test \\+1 +gr\u{fffd}\\[31meetings\n${second} .*unsigned`,
    ),
  );
  const [object] = await cli.objects("quarantine list");
  assert.deepEqual(
    { ...object, enqueued_at: 0, until: 0 },
    {
      id: first,
      from: "=?utf-8?Q?=C3=9Cnal?= <eve@evil.test>",
      authors: ["eve@evil.test"],
      recipients: ["bob@someisp.test", "carol@someisp.test"],
      subject: "gr\x1b[31meetings",
      message_id: "<1@evil.test>",
      result: "fail",
      reason: "body",
      identity: "eve@evil.test",
      kid: "FIH_rUKoiX6PoyILK0Uagg",
      decided_by: "policy",
      because: "evil.test",
      client: "192.0.2.1",
      sender: "bounces@evil.test",
      size: object?.size,
      enqueued_at: 0,
      until: 0,
    },
  );
  const found = async (options: string) =>
    (await cli.objects(`quarantine list ${options}`)).map(({ id }) => id);
  for (const [options, expected] of [
    ["--from Eve@evil.test", [first]],
    ["--from @shop.test", [second]],
    ["--to carol@someisp.test", [first]],
    ["--destination SomeISP.test", [first, second]],
    ["--destination other.test", []],
    ["--verdict none", [second]],
    ["--reason body", [first]],
    ["--before 1h", []],
    ["--limit 1", [first]],
  ] as const) {
    assert.deepEqual(await found(options), expected, options);
  }
  await cli.does("quarantine list --reason revoked", /^no such messages\n$/);
});

test("vsmtp quarantine show: why it is there, what was found out, and what it says", async () => {
  const [first = ""] = ids;
  await cli.does(
    `quarantine show ${first}`,
    new RegExp(
      [
        `^${first}`,
        "from +Ünal <eve@evil\\.test>",
        "to +bob@someisp\\.test",
        " +carol@someisp\\.test",
        "subject +gr\u{fffd}\\[31meetings",
        "message-id +<1@evil\\.test>",
        "sender +bounces@evil\\.test",
        "client +192\\.0\\.2\\.1",
        "size +\\d+ B",
        "came +20\\d\\d-[^\n]*Z",
        "deleted +20\\d\\d-[^\n]*Z, unless it is released",
        "verdict +fail: body",
        "signed by +eve@evil\\.test, key FIH_rUKoiX6PoyILK0Uagg",
        "decided by +policy: evil\\.test",
        "results +mx\\.someisp\\.test; vsmtp=fail",
        " +reason=body header\\.i=eve@evil\\.test\n$",
      ].join("\n +"),
    ),
  );
  await cli.does(`quarantine show ${first} --header`, /^Authentication-Results: .*\r\nSubject: [^\n]*\r\n$/s);
  await cli.does(`quarantine show ${first} --raw`, /Received: here\r\nFrom: .*\r\n\r\nHello\r\n$/s);
  await cli.refuses(`quarantine show ${first} --raw --header`, /not both/);
  await cli.refuses("quarantine show 1M85MSH588YTNX5W", /no such message in quarantine/);
  await cli.refuses(`queue show ${first}`, /is in quarantine: see vsmtp quarantine show/);
});

test("vsmtp quarantine release: a running queue delivers it, with its history on top; the mail log has who did it", async () => {
  const [first = "", second = ""] = ids;
  await cli.refuses("quarantine release", /say which messages/);
  await cli.refuses(`quarantine release ${first} --all`, /not both/);
  for (const order of ["retry", "hold", "release"])
    await cli.does(`queue ${order} --all`, /^No message matches/);
  const missing = await cli.run(`quarantine release ${first} 1M85MSH588YTNX5W`);
  assert.deepEqual([missing.status, missing.stdout], [2, "1 message is released.\n"]);
  assert.match(missing.stderr, /^vsmtp: 1M85MSH588YTNX5W: no such message in quarantine\n$/);
  await cli.does(
    `quarantine release --from @evil.test`,
    /^No message matches, or they all are so already\.\n$/,
  );
  const [leased, ...others] = await queue.lease({ limit: 9, perDestination: () => 9, inWork: new Map() });
  assert.deepEqual([leased?.id, leased?.suspicious, others.length], [first, false, 0]);
  const pieces: Uint8Array[] = [];
  for await (const piece of piecesOf(await queue.content(leased ?? assert.fail()))) pieces.push(piece);
  const text = Buffer.concat(pieces).toString();
  const minute = "20\\d\\d-\\d\\d-\\d\\dT\\d\\d:\\d\\dZ";
  assert.match(
    text,
    new RegExp(
      `^X-VSMTP-Quarantine: released ${minute};\r\n kept since ${minute};\r\n VSMTP/body;\r\n by policy\r\nAuthentication-Results: `,
    ),
  );
  await cli.refuses(`quarantine show ${first}`, /no such message in quarantine; it may have been released/);
  assert.deepEqual(await outcomes(first), ["released bob@someisp.test", "released carol@someisp.test"]);
  assert.deepEqual(await outcomes(second), []);
});

test("vsmtp quarantine delete: asks, and leaves nothing but the mail log's entry", async () => {
  const [, second = ""] = ids;
  await cli.does("queue remove --all --yes", /^1 message is removed\.\n$/);
  await cli.refuses(
    `quarantine delete ${second}`,
    /nothing is done without --yes\. With it: 1 message is deleted\./,
  );
  assert.deepEqual(await cli.object("quarantine delete --reason unsigned --yes"), {
    order: "delete",
    messages: 1,
  });
  assert.equal(await store.content(second), null);
  assert.deepEqual(await outcomes(second), ["removed bob@someisp.test"]);
  await cli.does("quarantine delete --all --yes", /^No message matches/);
});

test("hundreds are released in steps, each of them written down", async () => {
  const many = Array.from({ length: 1200 }, (_, n) => message({}, [`b${n}@someisp.test`]));
  const made = await queue.enqueue(many);
  await cli.does("quarantine release --all", /^1,200 messages are released\.\n$/);
  assert.equal((await queue.counts()).quarantined, 0);
  for (const n of [0, 600, 1199])
    assert.deepEqual(await outcomes(made[n] ?? ""), [`released b${n}@someisp.test`]);
});

/** What the mail log says of a message. */
async function outcomes(id: string): Promise<string[]> {
  const source = { kind: "file", path: join(cli.folder, "data/mail-log.sqlite") } as const;
  const log = await openMailLogStore(await mailLogLocation(source));
  try {
    const story = await log.story(id);
    return (story?.deliveries ?? []).map(({ outcome, recipient }) => `${outcome} ${recipient}`);
  } finally {
    await log.close();
  }
}
