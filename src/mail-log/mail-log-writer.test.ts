import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import {
  beginForgetting,
  LateMailLogStore,
  type MailLogBatch,
  type MailLogStore,
  MailLogStoreError,
  MailLogWriter,
  type ReceivedEntry,
} from "./index.ts";
import { received } from "./test-entries.ts";

/** A store as far as the writer knows it, on an array. */
class Shelf {
  readonly batches: MailLogBatch[] = [];
  away = false;
  refuses: (entry: ReceivedEntry) => boolean = () => false;

  get ids(): string[] {
    return this.batches.flatMap(({ received: some = [] }) => some.map(({ id }) => id));
  }

  async add(batch: MailLogBatch): Promise<void> {
    if (this.away) throw new MailLogStoreError("busy", "away");
    if (batch.received?.some(this.refuses)) throw new Error("no such text");
    this.batches.push(batch);
  }
}

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries++) {
    assert.ok(tries < 500, "it does not happen");
    await sleep(2);
  }
}

const entries = (count: number): ReceivedEntry[] => Array.from({ length: count }, () => received(0));

test("entries are written together, in order: when they have waited, or when there are many", async () => {
  const store = new Shelf();
  const log = new MailLogWriter({ store, waitMs: 20, batchEntries: 10 });
  const some = entries(3);
  for (const entry of some) log.received(entry);
  log.delivered({ id: "1", at: 0, recipient: "bob@dest.test", outcome: "delivered", detail: "" });
  assert.equal(store.ids.length, 0, "nobody waited for it");
  await until(() => store.batches.length > 0);
  assert.deepEqual(
    store.ids,
    some.map(({ id }) => id),
  );
  assert.equal(store.batches[0]?.delivered?.length, 1);
  const patient = new MailLogWriter({ store, waitMs: 60_000, batchEntries: 10 });
  const many = entries(35);
  for (const entry of many) patient.received(entry);
  await until(() => store.batches.length >= 4);
  assert.ok(store.batches.every((batch) => (batch.received?.length ?? 0) <= 10));
  await patient.close();
  assert.deepEqual(
    store.ids,
    [...some, ...many].map(({ id }) => id),
  );
  await log.close();
});

test("while the database is away entries wait, then they are counted and dropped, and it is said once", async () => {
  const store = new Shelf();
  const said: string[] = [];
  const log = new MailLogWriter({
    store,
    waitMs: 1,
    batchEntries: 10,
    waitingEntries: 25,
    againMs: 2,
    againMostMs: 10,
    onAway: (cause) => said.push((cause as Error).message),
    onBack: (lost) => said.push(`back, lost ${lost}`),
  });
  store.away = true;
  const many = entries(30);
  for (const entry of many) log.received(entry);
  await sleep(50);
  assert.deepEqual(said, ["mail log: away"]);
  assert.equal(log.waiting, 25);
  store.away = false;
  await until(() => log.waiting === 0);
  assert.deepEqual(
    store.ids,
    many.slice(0, 25).map(({ id }) => id),
  );
  assert.deepEqual(said, ["mail log: away", "back, lost 5"]);
  log.received(received(0));
  await log.close();
  assert.equal(store.ids.length, 26);
  assert.equal(said.length, 2);
});

test("messages to very many weigh more: neither a transaction nor what waits grows beyond bounds by them", async () => {
  const store = new Shelf();
  store.away = true;
  const lost: number[] = [];
  const options = { batchEntries: 10, waitingEntries: 100, waitMs: 1, againMs: 2, againMostMs: 2 };
  const log = new MailLogWriter({ store, ...options, onBack: (n) => lost.push(n) });
  const recipients = Array.from({ length: 240 }, (_, n) => `u${n}@dest.test`);
  for (let n = 0; n < 6; n++) log.received(received(0, { recipients }));
  assert.equal(log.waiting, 4, "31 each");
  store.away = false;
  await until(() => log.waiting === 0);
  assert.deepEqual(lost, [2]);
  assert.equal(store.batches.length, 4);
  await log.close();
});

test("at the end everything is written, or counted as lost without waiting long", async () => {
  const store = new Shelf();
  const lost: number[] = [];
  const log = new MailLogWriter({ store, waitMs: 60_000, batchEntries: 10, onBack: (n) => lost.push(n) });
  for (const entry of entries(9)) log.received(entry);
  await log.close();
  assert.equal(store.ids.length, 9);
  assert.equal(lost.length, 0);
  const other = new MailLogWriter({ store, waitMs: 60_000, batchEntries: 10, onBack: (n) => lost.push(n) });
  store.away = true;
  for (const entry of entries(9)) other.received(entry);
  await other.close();
  assert.deepEqual(lost, [9]);
});

test("a log whose database is away is opened when it can be, and what waited is written", async () => {
  const store = new Shelf();
  let reachable = false;
  let openings = 0;
  const late = new LateMailLogStore(async () => {
    openings++;
    if (!reachable) throw new MailLogStoreError("busy", "no answer");
    return store as unknown as MailLogStore;
  });
  const log = new MailLogWriter({ store: late, waitMs: 1, againMs: 2, againMostMs: 5 });
  log.received(received(0));
  await until(() => openings >= 2);
  await assert.rejects(late.claimDay("x", "2026-11-26"), MailLogStoreError);
  reachable = true;
  await until(() => store.ids.length === 1);
  const before = openings;
  log.received(received(0));
  await until(() => store.ids.length === 2);
  assert.equal(openings, before, "it stays open");
  await log.close();
});

test("what was kept long enough goes in steps, time after time, until it is told to stop", async () => {
  const asked: number[] = [];
  const failures: unknown[] = [];
  let left = 3;
  const store = {
    forget: async (before: number) => {
      asked.push(before);
      if (asked.length === 6) throw new MailLogStoreError("busy", "away");
      return left-- > 0;
    },
  };
  const end = beginForgetting({
    store,
    keepMs: 400,
    clock: { now: () => 1000 },
    everyMs: 5,
    firstAfterMs: 1,
    pauseMs: 1,
    onFailure: (cause) => failures.push(cause),
  });
  await until(() => asked.length >= 8);
  await end();
  assert.ok(asked.every((before) => before === 600));
  assert.equal(failures.length, 1);
});

test("an entry that no database takes costs no other its place", async () => {
  const store = new Shelf();
  const lost: number[] = [];
  const log = new MailLogWriter({ store, waitMs: 1, onBack: (n) => lost.push(n) });
  const many = entries(5);
  store.refuses = ({ id }) => id === many[2]?.id;
  for (const entry of many) log.received(entry);
  await until(() => store.ids.length === 4);
  assert.deepEqual(lost, [1]);
  await log.close();
});
