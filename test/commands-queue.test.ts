import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { Queue, type QueueStore, RetrySchedule } from "../src/queue/index.ts";
import { Spool } from "../src/spool/index.ts";
import { openMailLogStore, openQueueStore } from "../src/store/index.ts";
import { CommandLine } from "./support/command-line.ts";

// vsmtp queue on a real store, beside a queue that has it open: what the commands print, their JSON, what they refuse.

const cli = new CommandLine();
const ID = /^[0-9A-Z]{16}$/;
let store: QueueStore;
let queue: Queue;
const ids: string[] = [];

before(async () => {
  await cli.refuses("queue list", /there is no queue on this host: .*queue\.sqlite is not there/);
  await cli.does("domain add someisp.test", /is hosted/);
  const { id: account } = await cli.object("account add allice@someisp.test");
  const spool = await Spool.open(join(cli.folder, "data/spool"));
  store = await openQueueStore(join(cli.folder, "data/queue.sqlite"), spool);
  // As a server has made it.
  await (await openMailLogStore(join(cli.folder, "data/mail-log.sqlite"))).close();
  queue = new Queue({ store, retry: new RetrySchedule(), hostname: "mx.someisp.test" });
  const large = spool.receive();
  await large.write(Buffer.from("x".repeat(78).concat("\r\n").repeat(10_000)));
  const { file } = await large.finish();
  const messages = [
    message("allice@someisp.test", ["bob@dest.test", "carol@dest.test"], {
      account: String(account),
      kids: ["k1"],
    }),
    message("mallory@someisp.test", ["bob@far.test"], { requireTls: true }),
    message("", ["x@dest.test"], { file }),
  ];
  for (const one of messages) {
    ids.push(...(await queue.enqueue([one])));
    await setTimeout(2); // messages of one millisecond have no order
  }
});
after(async () => {
  await queue.close();
  await store.close();
  cli.remove();
});

function message(
  sender: string,
  recipients: readonly string[],
  more: {
    account?: string;
    kids?: string[];
    requireTls?: boolean;
    file?: Awaited<ReturnType<Spool["file"]>> | null;
  } = {},
) {
  return {
    sender,
    recipients: recipients.map((address) => ({ address, notify: null, originalRecipient: null })),
    prefix: Buffer.from("Received: here\r\n"),
    content: { inline: Buffer.from("Subject: greetings\r\n\r\nHello\r\n"), file: more.file ?? null },
    body: "7bit" as const,
    smtputf8: false,
    requireTls: more.requireTls ?? false,
    envelopeId: null,
    returned: null,
    account: more.account ?? null,
    kids: more.kids ?? [],
    suspicious: false,
  };
}

/** As after an attempt that was told to come later. */
async function defer(destination: string): Promise<void> {
  const leased = await queue.lease({ limit: 10, perDestination: () => 10, inWork: new Map() });
  for (const one of leased) {
    const outcomes = one.recipients.map(({ index }) => ({
      index,
      kind: "deferred" as const,
      detail: "mx.dest.test said: 450 4.2.1 greylisted",
    }));
    const attempted = one.destination === destination;
    await queue.settle(one, { outcomes: attempted ? outcomes : [], attempted, warned: false, reports: [] });
  }
}

test("list tells people why a message is here, and programs all there is", async () => {
  await defer("dest.test");
  const listed = await cli.run("queue list");
  assert.match(listed.stdout, /^ID +STATE +AGE +SIZE +TRIED +NEXT +SENDER +RECIPIENTS +WHY\n/);
  assert.match(
    listed.stdout,
    /queued +\ds +\d+ B +1 +in \dm +allice@someisp\.test +bob@dest\.test \+1 +mx\.dest\.test said: 450/,
  );
  assert.match(listed.stdout, / <> +x@dest\.test /);
  const objects = await cli.objects("queue list");
  assert.deepEqual(
    objects.map(({ id }) => id),
    ids,
  );
  const [first, second, third] = objects;
  assert.ok(first && second && third);
  assert.match(String(first.id), ID);
  assert.deepEqual(
    [
      first.state,
      first.destination,
      first.attempts,
      first.kids,
      second.require_tls,
      second.attempts,
      third.sender,
    ],
    ["queued", "dest.test", 1, ["k1"], true, 0, ""],
  );
  assert.ok(Number(third.size) > 780_000);
  assert.deepEqual(first.recipients, [
    { address: "bob@dest.test", state: "deferred", detail: "mx.dest.test said: 450 4.2.1 greylisted" },
    { address: "carol@dest.test", state: "deferred", detail: "mx.dest.test said: 450 4.2.1 greylisted" },
  ]);
});

test("filters choose, alone and together", async () => {
  const found = async (options: string): Promise<unknown[]> =>
    (await cli.objects(`queue list ${options}`)).map(({ id }) => ids.indexOf(String(id)));
  assert.deepEqual(await found("--sender Allice@someisp.test"), [0]);
  assert.deepEqual(await found("--sender @someisp.test"), [0, 1]);
  assert.deepEqual(await found('--sender "<>"'), [2]);
  assert.deepEqual(await found("--recipient carol@dest.test"), [0]);
  assert.deepEqual(await found("--destination DEST.test"), [0, 2]);
  assert.deepEqual(await found("--account allice@someisp.test"), [0]);
  assert.deepEqual(await found("--state deferred --sender @someisp.test"), [0]);
  assert.deepEqual(await found("--before 1h"), []);
  assert.deepEqual(await found("--limit 2"), [0, 1]);
  await cli.refuses("queue list --account nobody@someisp.test", /no account has this address/);
  await cli.refuses("queue list --state lost", /one of queued, leased, held, deferred/);
  await cli.does("queue list --destination nowhere.test", /^no such messages\n$/);
});

test("show tells everything, or prints the message", async () => {
  await cli.does(
    `queue show ${ids[0]}`,
    /sender +allice@someisp\.test\n[\s\S]*recipients +bob@dest\.test {2}deferred: mx\.dest/,
  );
  await cli.does(`queue show ${ids[1]}`, /needs TLS +authenticated/);
  const header = await cli.run(`queue show ${ids[0]} --header`);
  assert.equal(header.stdout, "Received: here\r\nSubject: greetings\r\n");
  const content = await cli.run(`queue show ${ids[2]} --content`);
  assert.equal(
    content.stdout.length,
    800_000 + Buffer.byteLength("Received: here\r\nSubject: greetings\r\n\r\nHello\r\n"),
  );
  await cli.refuses("queue show 0000000000000000", /no such message in the queue/);
  await cli.refuses(`queue show ${ids[0]} --header --content`, /not both/);
});

test("orders: retry, hold, release, bounce, remove", async () => {
  await cli.refuses("queue retry", /say which messages: ids, options that choose, or --all/);
  await cli.refuses(`queue retry ${ids[0]} --all`, /not both/);
  await cli.does("queue retry --destination dest.test", /^2 messages are due now\.\n$/);
  await cli.does(`queue hold ${ids[1]} --because "ticket 4711"`, /^1 message is held\.\n$/);
  await cli.does(`queue show ${ids[1]}`, /state +held: ticket 4711/);
  await cli.does(`queue hold ${ids[1]}`, /^No message matches, or they all are so already\.\n$/);
  const missing = await cli.run(`queue release ${ids[1]} 0000000000000000`);
  assert.deepEqual(
    [missing.status, missing.stdout, missing.stderr],
    [2, "1 message waits for delivery again.\n", "vsmtp: 0000000000000000: no such message in the queue\n"],
  );
  await cli.does("queue bounce --destination nowhere.test", /^No message matches/); // nothing to ask about
  await cli.refuses(
    `queue bounce ${ids[0]}`,
    /nothing is done without --yes\. With it: 1 message goes back to its sender\./,
  );
  await cli.does(`queue bounce ${ids[0]} --yes`, /^1 message goes back to its sender\.\n$/);
  await cli.does("queue list", / goes back to its sender\n/);
  const [bounced] = await queue.lease({ limit: 1, perDestination: () => 1, inWork: new Map() });
  assert.deepEqual([bounced?.id, bounced?.purpose], [ids[0], "bounce"]);
  await cli.refuses(
    "queue remove --all",
    /nothing is done without --yes\. With it: 3 messages are removed\./,
  );
  const removed = await cli.object("queue remove --all --yes");
  assert.deepEqual(removed, { order: "remove", messages: 3 });
  await cli.does(`log show ${ids[1]}`, /bob@far\.test {2}removed: from the queue, by /);
  // Delivery was at it: it goes when that ends.
  const left = await cli.objects("queue list");
  assert.deepEqual(
    left.map(({ id, pending_order }) => [id, pending_order]),
    [[ids[0], "remove"]],
  );
  assert.ok(bounced);
  await queue.settle(bounced, { outcomes: [], attempted: false, warned: false, reports: [] });
  await cli.does("queue list", /^the queue is empty\n$/);
});

test("stats counts, and names destinations that rest", async () => {
  await cli.does("queue stats", /^The queue is empty\.\n$/);
  await queue.enqueue([
    message("allice@someisp.test", ["a@down.test"]),
    message("b@someisp.test", ["b@down.test"]),
  ]);
  await queue.enqueue([message("allice@someisp.test", ["a@up.test"])]);
  await queue.destinationFailed("down.test", "4.4.1 cannot connect");
  await cli.does(
    "queue list --destination down.test",
    / a@down\.test +its destination rests: see vsmtp queue/,
  );
  await cli.does(
    "queue stats",
    /^3 messages, \d+ B, the oldest \ds old:\n3 messages queued, 0 leased, 0 held; 0 recipients[\s\S]*\ndown\.test +2 +0 +0 +\ds +in \S+ +1 +4\.4\.1 cannot connect\nup\.test +1 /,
  );
  const [all, down] = await cli.objects("queue stats");
  assert.deepEqual(
    [all?.destination, all?.queued, down?.destination, down?.failures],
    [null, 3, "down.test", 1],
  );
  await cli.does("queue retry --destination down.test", /^2 messages are due now/);
  const [, awake] = await cli.objects("queue stats");
  assert.ok(awake?.rests_until === null || Number(awake?.rests_until) <= Date.now() / 1000);
  await queue.enqueue([message("allice@someisp.test", ["a@bücher.test"])]);
  const [book] = await cli.objects("queue list --destination BÜCHER.test");
  assert.equal(book?.destination, "xn--bcher-kva.test");
});
