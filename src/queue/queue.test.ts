import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Spool } from "../spool/index.ts";
import { openQueueStore } from "../store/index.ts";
import {
  type DirectTaker,
  type LeasedMessage,
  Queue,
  type QueueOptions,
  QueueStoreError,
  RetrySchedule,
} from "./index.ts";
import { newOwner, processHost } from "./lease-owner.ts";
import { orderAll } from "./order-all.ts";
import { TestClock } from "./test-clock.ts";
import { newMessage, newNote, octetsOf } from "./test-messages.ts";

const minute = 60_000;
const hour = 60 * minute;
const retry = new RetrySchedule({ jitter: 0 });
const all = { limit: 1000, perDestination: () => 1000, inWork: new Map() };

async function open(t: TestContext, options: Partial<QueueOptions> = {}) {
  const folder = mkdtempSync(join(tmpdir(), "vsmtp-queue-"));
  const path = join(folder, "queue.sqlite");
  const spool = await Spool.open(join(folder, "spool"), { memoryOctets: 1000 });
  const clock = new TestClock();
  const store = await openQueueStore(path, spool, { busyTimeoutMs: 10 });
  const start = (more: Partial<QueueOptions> = {}): Queue =>
    new Queue({ store, retry, clock, random: () => 0.5, hostname: "mail.here.test", ...options, ...more });
  const queue = start();
  t.after(async () => {
    await queue.close();
    await store.close();
    rmSync(folder, { recursive: true });
  });
  return { queue, store, clock, path, spool, start };
}

function outcomes(message: LeasedMessage, kind: "delivered" | "deferred" | "failed") {
  const each = message.recipients.map(({ index }) => ({ index, kind, detail: "said so" }));
  return { outcomes: each, attempted: true, warned: false, reports: [] };
}

/** A delivery with so many places. */
class Taker implements DirectTaker {
  readonly taken: LeasedMessage[] = [];
  missedCount = 0;
  places: number;

  constructor(places: number) {
    this.places = places;
  }

  wants(): boolean {
    if (this.places === 0) return false;
    this.places--;
    return true;
  }

  take(message: LeasedMessage): void {
    this.taken.push(message);
  }

  missed(): void {
    this.missedCount++;
    this.places++;
  }
}

test("one entry for each destination; the id that is known is that of the first", async (t) => {
  const { queue, clock } = await open(t);
  const recipients = ["a@x.test", "b@y.test", "c@X.test", "Postmaster"];
  deepEqual(await queue.enqueue([newMessage({ id: "0123456789ABCDEF", recipients })]), ["0123456789ABCDEF"]);
  const leased = await queue.lease(all);
  deepEqual(
    leased
      .map(({ destination, recipients }) => `${destination}: ${recipients.map(({ address }) => address)}`)
      .sort(),
    ["mail.here.test: Postmaster", "x.test: a@x.test,c@X.test", "y.test: b@y.test"],
  );
  equal(leased.find(({ id }) => id === "0123456789ABCDEF")?.destination, "x.test");
  for (const message of leased) {
    equal(
      (await octetsOf(await queue.content(message))).toString(),
      "Received: here\r\nSubject: x\r\n\r\nHello\r\n",
    );
    equal(message.expiresAt, clock.now() + 120 * hour);
  }
});

test("new messages go straight to a delivery that wants them, and to nobody else", async (t) => {
  const { queue, start } = await open(t);
  const taker = new Taker(1);
  queue.deliverDirectly(taker);
  const [first, second] = await queue.enqueue([newMessage(), newMessage()]);
  deepEqual(
    taker.taken.map(({ id }) => id),
    [first],
  );
  const [taken] = taker.taken;
  ok(taken);
  equal(
    (await octetsOf(await queue.content(taken))).toString(),
    "Received: here\r\nSubject: x\r\n\r\nHello\r\n",
  );
  const other = start();
  const leased = await other.lease(all);
  deepEqual(
    leased.map(({ id }) => id),
    [second],
    "what was handed over is leased",
  );
  deepEqual(await queue.settle(taken, outcomes(taken, "delivered")), { kind: "settled", retryAt: null });
  const { queued, leased: held } = await queue.counts();
  deepEqual([queued, held], [0, 1]);
  await other.close();
  const [waiting] = await queue.lease(all);
  ok(waiting);
  const same = {
    ...waiting,
    lease: taken.lease,
    id: taken.id,
    size: taken.size,
    enqueuedAt: taken.enqueuedAt,
  };
  deepEqual(same, { ...taken, lease: 1 }, "handed over as it would have been leased");
});

test("what is handed over stays in memory within a bound; a large message is read from its file", async (t) => {
  const { queue, spool } = await open(t, { directOctets: 100 });
  const taker = new Taker(10);
  queue.deliverDirectly(taker);
  await queue.enqueue([newMessage(), newMessage(), newMessage()]);
  equal(taker.taken.length, 2, "38 octets each");
  const writer = spool.receive();
  await writer.write(Buffer.alloc(5000, "x"));
  const { file } = await writer.finish();
  const large = { ...newMessage(), prefix: Buffer.alloc(0), content: { inline: Buffer.alloc(0), file } };
  await queue.enqueue([large]);
  const [one, , last] = taker.taken;
  ok(one && last);
  equal(last.size, 5000);
  equal((await octetsOf(await queue.content(last))).toString(), "x".repeat(5000));
  await queue.settle(one, outcomes(one, "delivered"));
  await queue.enqueue([newMessage()]);
  equal(taker.taken.length, 4, "there is room again");
});

test("a delivery that ends gets nothing more; what it wanted goes back to the queue", async (t) => {
  const { queue } = await open(t);
  const taker = new Taker(5);
  queue.deliverDirectly(taker);
  const enqueued = queue.enqueue([newMessage()]);
  queue.deliverDirectly(null);
  await enqueued;
  deepEqual([taker.taken.length, taker.missedCount], [0, 1]);
  while ((await queue.counts()).queued === 0) await sleep(1);
  while ((await queue.lease(all)).length === 0) await sleep(1);
});

test("where the store refuses nothing is taken, and the place is free again", async (t) => {
  const { queue, path } = await open(t);
  const taker = new Taker(1);
  queue.deliverDirectly(taker);
  const intruder = new DatabaseSync(path);
  intruder.exec("BEGIN IMMEDIATE");
  await rejects(
    queue.enqueue([newMessage()]),
    (error) => error instanceof QueueStoreError && error.kind === "busy",
  );
  intruder.exec("ROLLBACK");
  intruder.close();
  deepEqual([taker.taken.length, taker.places], [0, 1]);
  await queue.enqueue([newMessage()]);
  equal(taker.taken.length, 1);
});

test("what is remembered is not queued again: no place is taken, and its key can be asked for (RPL-1)", async (t) => {
  const { queue, clock } = await open(t);
  const taker = new Taker(9);
  queue.deliverDirectly(taker);
  const keys = [1, 2, 3].map((n) => ({ key: Buffer.alloc(32, n), until: clock.now() / 1000 + 60 }));
  const once = await queue.enqueueOnce([newMessage()], keys.slice(0, 2));
  equal(once.kind, "queued");
  deepEqual(await queue.enqueueOnce([newMessage()], keys.slice(1)), { kind: "seen" });
  deepEqual(await queue.seen(keys), [true, true, false]);
  deepEqual([taker.taken.length, taker.missedCount], [1, 1]);
  const both = await Promise.all([1, 2].map(() => queue.enqueueOnce([newMessage()], keys.slice(2))));
  deepEqual(both.map(({ kind }) => kind).sort(), ["queued", "seen"], "two that come at a time");
});

test("who wants to know hears under which ids a message to several destinations is queued", async (t) => {
  const split: unknown[] = [];
  const { queue } = await open(t, { onSplit: (id, others) => split.push([id, ...others]) });
  const recipients = ["a@x.test", "b@y.test", "c@x.test"];
  const [id] = await queue.enqueue([newMessage({ recipients }), newMessage()]);
  const queued = await queue.list({}, 9);
  const ids = queued
    .filter((one) => /@[xy]\.test/.test(one.recipients[0]?.address ?? ""))
    .map((one) => one.id);
  equal(ids.length, 2);
  deepEqual(split, [[id, ...ids.filter((one) => one !== id)]]);
});

test("what is in quarantine is handed to nobody, and goes when its time is over", async (t) => {
  const gone: string[] = [];
  const { queue, clock } = await open(t, {
    onExpired: (messages) => gone.push(...messages.flatMap(({ recipients }) => recipients)),
  });
  const taker = new Taker(9);
  queue.deliverDirectly(taker);
  const quarantine = newNote({ until: clock.now() + 2 * hour });
  const recipients = ["b@dest.test", "c@other.test"];
  const [id] = await queue.enqueue([newMessage({ quarantine, recipients })]);
  await queue.enqueue([newMessage({ quarantine: { ...quarantine, until: clock.now() + 9 * hour } })]);
  deepEqual([taker.taken.length, await queue.lease(all)], [0, []]);
  const kept = await queue.list({ state: "quarantined" }, 9);
  ok(kept.length === 3 && kept.some((one) => one.id === id));
  await queue.start();
  await clock.advance(2 * hour);
  equal((await queue.counts()).quarantined, 3);
  await clock.advance(hour);
  await queue.close();
  deepEqual(gone.sort(), recipients);
  equal((await queue.counts()).quarantined, 1);
});

test("quarantine has a bound; other mail does not know it", async (t) => {
  const quarantine = newNote({ until: Number.MAX_SAFE_INTEGER });
  const { queue, clock, start, spool } = await open(t, { quarantineOctets: 1_000 });
  const prefix = Buffer.alloc(400);
  const kept = newMessage({ quarantine, prefix, content: new Uint8Array() });
  await queue.enqueue([kept, kept]);
  const full = { name: "QueueStoreError", kind: "full", message: /as large as it may be/ };
  await rejects(queue.enqueue([kept]), full);
  const other = start({ processHost: "other" });
  await rejects(other.enqueue([newMessage(), kept]), full);
  await other.close();
  const large = spool.receive();
  await large.write(Buffer.alloc(300_000));
  const { file } = await large.finish();
  await rejects(queue.enqueue([{ ...kept, content: { inline: new Uint8Array(), file } }]), full);
  await queue.enqueue([newMessage({ prefix: Buffer.alloc(2_000) })]);
  const [first] = await queue.list({ state: "quarantined" }, 1);
  await queue.order({ state: "quarantined", ids: [first?.id ?? ""] }, { kind: "remove" });
  await rejects(queue.enqueue([kept]), full, "it is not counted for each message");
  await clock.advance(minute);
  await queue.enqueue([kept]);
  deepEqual([(await queue.counts()).quarantined, (await queue.counts()).queued], [2, 1]);
});

test("a settlement is made in the end, however long the store refuses; its report comes with it", async (t) => {
  const { queue, path, clock } = await open(t);
  await queue.enqueue([newMessage()]);
  const [message] = await queue.lease(all);
  ok(message);
  const intruder = new DatabaseSync(path);
  intruder.exec("BEGIN IMMEDIATE");
  let settled = false;
  const report = newMessage({ sender: "", recipients: ["a@here.test"] });
  const settling = queue.settle(message, { ...outcomes(message, "failed"), reports: [report] });
  settling.then(() => {
    settled = true;
  });
  await clock.advance(5_000);
  equal(settled, false);
  intruder.exec("ROLLBACK");
  intruder.close();
  await clock.advance(5_000);
  deepEqual(await settling, { kind: "settled", retryAt: null });
  const [next, ...others] = await queue.lease(all);
  equal(others.length, 0);
  deepEqual([next?.sender, next?.destination], ["", "here.test"]);
});

test("a process that starts takes over what dead ones of its host held, and no others", async (t) => {
  const { store, clock, start } = await open(t);
  const queue = start();
  const ids = await queue.enqueue([newMessage(), newMessage(), newMessage()]);
  const { pid } = spawnSync(process.execPath, ["--version"]);
  const host = processHost();
  const owners = [`${host}:${pid}:dead`, `elsewhere:${pid}:x`, newOwner(host)];
  for (const owner of owners) {
    const until = clock.now() + minute;
    equal((await store.lease({ now: clock.now(), until, owner, ...all, limit: 1 })).length, 1);
  }
  deepEqual(await queue.lease(all), []);
  await queue.start();
  const taken = await queue.lease(all);
  equal(taken.length, 1);
  equal(taken[0]?.lease, 2);
  await clock.advance(minute + 1000);
  deepEqual((await queue.lease(all)).length, 2, "theirs ran out");
  ok(ids.includes(taken[0]?.id ?? ""));
  await queue.close();
});

test("forwards are queued with the outcome that says delivered, or not at all", async (t) => {
  const { clock, start } = await open(t);
  const [first, other] = [start(), start()];
  await first.enqueue([newMessage()]);
  const [held] = await first.lease(all);
  ok(held);
  await first.close();
  const [taken] = await other.lease(all);
  ok(taken);
  const forwards = [newMessage({ recipients: ["x@one.test"] }), newMessage({ recipients: ["y@two.test"] })];
  deepEqual(await first.settle(held, { ...outcomes(held, "delivered"), forwards }), { kind: "lease-lost" });
  equal((await other.counts()).queued, 0);
  deepEqual(await other.settle(taken, { ...outcomes(taken, "delivered"), forwards }), {
    kind: "settled",
    retryAt: null,
  });
  await clock.advance(minute);
  const leased = await other.lease(all);
  deepEqual(leased.map(({ destination }) => destination).sort(), ["one.test", "two.test"]);
});

test("a lease lives as long as its process says so; then another takes over, and the first settles nothing", async (t) => {
  const { clock, start } = await open(t);
  const [alive, other] = [start(), start()];
  await alive.enqueue([newMessage()]);
  const [held] = await alive.lease(all);
  ok(held);
  await clock.advance(5 * minute);
  deepEqual(await other.lease(all), [], "renewed all the while");
  await alive.close();
  const [taken] = await other.lease(all);
  equal(taken?.lease, 2, "given back at once");
  deepEqual(await alive.settle(held, outcomes(held, "delivered")), { kind: "lease-lost" });
  await other.close();
});

test("a destination that failed rests; then one message is the trial; an answer lets all go", async (t) => {
  const { queue, clock } = await open(t);
  const taker = new Taker(100);
  queue.deliverDirectly(taker);
  await queue.enqueue([newMessage()]);
  const [first] = taker.taken;
  ok(first);
  await queue.destinationFailed("dest.test", "no route to host");
  await queue.settle(first, outcomes(first, "deferred"));
  equal(queue.isResting("dest.test"), true);
  await queue.enqueue([newMessage(), newMessage(), newMessage({ recipients: ["b@live.test"] })]);
  deepEqual(
    taker.taken.slice(1).map(({ destination }) => destination),
    ["live.test"],
    "fresh messages to it wait",
  );
  deepEqual(await queue.lease(all), []);
  await clock.advance(minute);
  equal(queue.isResting("dest.test"), false);
  await queue.enqueue([newMessage()]);
  equal(taker.taken.length, 2, "not while it is on trial");
  const [trial, ...others] = await queue.lease(all);
  ok(trial);
  deepEqual([others.length, trial.destinationFailures, trial.destinationFailure], [0, 1, "no route to host"]);
  await queue.destinationFailed("dest.test", "still none");
  await queue.settle(trial, outcomes(trial, "deferred"));
  await clock.advance(minute);
  deepEqual(await queue.lease(all), [], "twice as long");
  await clock.advance(minute);
  const [again] = await queue.lease(all);
  equal(again?.destinationFailures, 2);
  await queue.destinationWorked("dest.test");
  equal((await queue.lease(all)).length, 1, "whatever is due");
  await queue.enqueue([newMessage()]);
  equal(taker.taken.length, 3);
});

test("a restart knows from the store how a destination is doing", async (t) => {
  const { queue, clock, start } = await open(t);
  await queue.enqueue([newMessage()]);
  await queue.destinationFailed("dest.test", "no route");
  const next = start();
  deepEqual(await next.lease(all), []);
  await clock.advance(minute);
  equal((await next.lease(all)).length, 1);
  await next.destinationFailed("dest.test", "no route");
  const [known] = await next.destinations(5);
  deepEqual([known?.failures, (known?.restsUntil ?? 0) - clock.now()], [2, 2 * minute]);
  await next.close();
});

test("waits for new messages, for what falls due, for orders; not for what had no place", async (t) => {
  const { queue, clock } = await open(t, { pollMs: 10 * hour });
  const never = new AbortController();
  let woken = 0;
  const wait = async (): Promise<void> => {
    void queue.waitForWork(never.signal).then(() => woken++);
    await clock.advance(0);
  };
  deepEqual(await queue.lease(all), []);
  await wait();
  equal(woken, 0, "nothing there");
  await queue.enqueue([newMessage(), newMessage()]);
  await clock.advance(0);
  equal(woken, 1, "a new message");
  const narrow = { ...all, perDestination: () => 1 };
  const [first] = await queue.lease(narrow);
  ok(first);
  deepEqual(await queue.lease({ ...narrow, inWork: new Map([["dest.test", 1]]) }), []);
  await wait();
  equal(woken, 1, "what is due has no place");
  await queue.settle(first, outcomes(first, "delivered"));
  await clock.advance(0);
  equal(woken, 2, "there is a place now");
  const [second] = await queue.lease(narrow);
  ok(second);
  await queue.settle(second, outcomes(second, "deferred"));
  deepEqual(await queue.lease(all), []);
  await wait();
  await clock.advance(5 * minute - 1);
  equal(woken, 2);
  await clock.advance(1);
  equal(woken, 3, "due");
  deepEqual((await queue.lease(all)).length, 1);
  await wait();
  never.abort();
  await clock.advance(0);
  equal(woken, 4, "the end");
});

test("orders reach all that match, wake the delivery, and wait for leased ones", async (t) => {
  const { queue } = await open(t);
  await queue.enqueue(
    Array.from({ length: 1200 }, (_, i) => newMessage({ recipients: [`r${i}@dest.test`] })),
  );
  equal(await queue.order({}, { kind: "hold", because: "looked into" }), 1200);
  equal((await queue.counts()).held, 1200);
  deepEqual(await queue.lease(all), []);
  equal(await queue.order({ recipient: "r7@dest.test" }, { kind: "release" }), 1);
  const [one] = await queue.lease(all);
  ok(one);
  await queue.order({ ids: [one.id] }, { kind: "hold", because: "again" });
  await queue.settle(one, outcomes(one, "deferred"));
  const [listed] = await queue.list({ ids: [one.id] }, 1);
  deepEqual([listed?.state, listed?.heldBecause], ["held", "again"]);
});

test("an order is for what is there when it is given", async (t) => {
  const { queue, store, clock } = await open(t);
  await queue.enqueue(Array.from({ length: 600 }, () => newMessage()));
  const now = clock.now();
  await clock.advance(1);
  await queue.enqueue([newMessage()]);
  const steps: number[] = [];
  const hold = { kind: "hold", because: "a spam run" } as const;
  equal(await orderAll(store, {}, hold, now, (messages) => steps.push(messages)), 600);
  deepEqual(steps, [500, 600]);
  equal((await queue.counts()).queued, 1);
});

test("too old, to be warned, to be returned: taken though its destination rests, each for its reason", async (t) => {
  const { queue, clock } = await open(t, { giveUpAfterMs: 10 * hour, warnAfterMs: hour });
  const none = { outcomes: [], attempted: false, warned: false, reports: [] };
  await queue.enqueue([newMessage()]);
  const rest = async (): Promise<void> => {
    if (!queue.isResting("dest.test")) await queue.destinationFailed("dest.test", "no route");
  };
  for (let i = 0; i < 8; i++) {
    await rest();
    await clock.advance(hour / 8);
  }
  await rest();
  const [warn] = await queue.lease(all);
  ok(warn);
  deepEqual([warn.purpose, warn.destinationFailure], ["warn", "no route"]);
  await queue.settle(warn, { ...none, warned: true });
  await rest();
  deepEqual(await queue.lease(all), []);
  await queue.order({}, { kind: "bounce" });
  const [bounce] = await queue.lease(all);
  ok(bounce);
  equal(bounce.purpose, "bounce");
  await queue.settle(bounce, { ...none, unreported: true });
  await rest();
  deepEqual(await queue.lease(all), [], "its report is tried later");
  await clock.advance(hour);
  const [again] = await queue.lease(all);
  ok(again);
  equal(again.purpose, "bounce", "the order stays");
  await queue.settle(again, outcomes(again, "failed"));
  equal((await queue.counts()).queued, 0);
  await queue.enqueue([newMessage()]);
  await clock.advance(11 * hour);
  await rest();
  equal((await queue.lease(all))[0]?.purpose, "expired");
});
