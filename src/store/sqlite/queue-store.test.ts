import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import {
  type LeasedMessage,
  type NewMessage,
  Queue,
  type QueueClock,
  type QueueOptions,
  type QueueStore,
  QueueStoreError,
  RetrySchedule,
} from "../../queue/index.ts";
import { SqliteQueueStore } from "../index.ts";

// The test of crashes runs this file as its victim: it enqueues, and delivers every third, until it is killed.
const [, , role, victimPath] = process.argv;
if (role === "victim" && victimPath !== undefined) await enqueueUntilKilled(victimPath);
else tests();

function message(overrides: Partial<NewMessage> = {}): NewMessage {
  return {
    sender: "allice@someisp.test",
    recipients: ["bob@dest.test"],
    prefix: Buffer.from("Received: here\r\n"),
    content: Buffer.from("Subject: x\r\n\r\nbody\r\n"),
    body: "7bit",
    smtputf8: false,
    account: "a1",
    ...overrides,
  };
}

class VirtualClock implements QueueClock {
  #now = 1_073_304_000_000;
  #timers: { at: number; callback: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  schedule(delayMs: number, callback: () => void): () => void {
    const timer = { at: this.#now + delayMs, callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Moves on, stopping at every timer on the way, and lets what each began come to its end. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      const [next] = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (next === undefined) break;
      this.#now = Math.max(this.#now, next.at);
      this.#timers = this.#timers.filter((timer) => timer !== next);
      next.callback();
      await sleep(1);
    }
    this.#now = end;
  }
}

async function contentOf(queue: Queue, leased: LeasedMessage): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of queue.content(leased)) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

function only<T>(items: readonly T[]): T {
  assert.equal(items.length, 1);
  return items[0] as T;
}

async function enqueueUntilKilled(path: string): Promise<void> {
  const queue = new Queue({ store: new SqliteQueueStore(path), retry: new RetrySchedule() });
  const producer = async (): Promise<void> => {
    for (;;) {
      const content = Buffer.alloc(100 + Math.floor(Math.random() * 20_000), "x");
      const [id] = await queue.enqueue([
        message({ content }),
        message({ content, recipients: ["c@dest.test"] }),
      ]);
      process.stdout.write(`+${id}\n`);
    }
  };
  const consumer = async (): Promise<void> => {
    for (;;) {
      for (const leased of await queue.lease(1)) {
        process.stdout.write(`?${leased.id}\n`);
        await queue.settle(leased, [{ index: 0, kind: "delivered", detail: "250" }]);
      }
      await sleep(3);
    }
  };
  await Promise.all([producer(), producer(), producer(), consumer()]);
}

function tests(): void {
  const folder = mkdtempSync(join(tmpdir(), "vsmtp-queue-"));
  const opened: SqliteQueueStore[] = [];
  after(() => {
    for (const store of opened) store.close();
    rmSync(folder, { recursive: true });
  });
  let files = 0;
  const openStore = (
    options: { maxOctets?: number; busyTimeoutMs?: number } = {},
    path = join(folder, `${files++}.db`),
  ): SqliteQueueStore => {
    const store = new SqliteQueueStore(path, options);
    opened.push(store);
    return store;
  };
  const openQueue = (options: Partial<QueueOptions> = {}): Queue =>
    new Queue({ store: openStore(), retry: new RetrySchedule({ jitter: 0 }), ...options });

  test("a message comes out as it went in; copies share one content; delivered messages leave nothing", async () => {
    const path = join(folder, "whole.db");
    const queue = openQueue({ store: openStore({}, path) });
    const content = Buffer.from([0, 255, 13, 10, 200]);
    const ids = await queue.enqueue([
      message({ content, recipients: ["bob@dest.test", "eve@dest.test"], body: "8bitmime" }),
      message({
        content,
        prefix: Buffer.from("other\r\n"),
        recipients: ["ü@dest.test"],
        smtputf8: true,
        sender: "",
      }),
      message({ prefix: new Uint8Array(0), account: null }),
    ]);
    assert.equal(new Set(ids).size, 3);
    for (const id of ids) assert.match(id, /^[0-9A-Z]{16}$/);
    const raw = new DatabaseSync(path);
    const rows = (table: string) => raw.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.n;
    assert.equal(rows("content"), 2);
    const leased = await queue.lease(10);
    assert.deepEqual(leased.map(({ id }) => id).sort(), [...ids].sort());
    const [first, second] = ids.map((id) => only(leased.filter((one) => one.id === id)));
    assert.ok(first && second);
    assert.deepEqual(
      { ...first, enqueuedAt: 0 },
      {
        id: first.id,
        sender: "allice@someisp.test",
        recipients: [
          { index: 0, address: "bob@dest.test", state: "pending", detail: null },
          { index: 1, address: "eve@dest.test", state: "pending", detail: null },
        ],
        body: "8bitmime",
        smtputf8: false,
        account: "a1",
        quarantined: false,
        size: 21,
        enqueuedAt: 0,
        attempt: 1,
      },
    );
    assert.deepEqual(
      [second.sender, second.smtputf8, second.recipients[0]?.address],
      ["", true, "ü@dest.test"],
    );
    const pieces: Uint8Array[] = [];
    for await (const piece of queue.content(second)) pieces.push(piece);
    assert.deepEqual(Buffer.concat(pieces), Buffer.concat([Buffer.from("other\r\n"), content]));
    assert.deepEqual(await queue.lease(10), [], "what is held is not leased again");
    for (const one of leased) {
      const outcomes = one.recipients.map(({ index }) => ({
        index,
        kind: "delivered" as const,
        detail: "250 ok",
      }));
      assert.deepEqual(await queue.settle(one, outcomes), { kind: "settled", failed: [], retryAt: null });
      assert.deepEqual(await queue.settle(one, outcomes), { kind: "lease-lost" });
    }
    assert.deepEqual(["message", "recipient", "content"].map(rows), [0, 0, 0]);
    raw.close();
    await assert.rejects(contentOf(queue, first), /not in the queue/);
    await assert.rejects(queue.enqueue([message({ recipients: [] })]), RangeError);
  });

  test("recipients go their own ways; the deferred are tried again on schedule and given up in the end", async () => {
    const clock = new VirtualClock();
    const hour = 3_600_000;
    const retry = new RetrySchedule({
      firstDelayMs: hour,
      factor: 2,
      maxDelayMs: 6 * hour,
      jitter: 0,
      maxAgeMs: 24 * hour,
    });
    const queue = openQueue({ clock, retry });
    const start = clock.now();
    await queue.enqueue([message({ recipients: ["a@d.test", "b@d.test", "c@d.test", "d@d.test"] })]);
    const first = only(await queue.lease(1));
    assert.deepEqual(
      await queue.settle(first, [
        { index: 0, kind: "delivered", detail: "250 ok" },
        { index: 1, kind: "failed", detail: "550 no such user" },
        { index: 2, kind: "deferred", detail: `451 later${"!".repeat(2000)}` },
      ]),
      {
        kind: "settled",
        failed: [{ address: "b@d.test", detail: "550 no such user" }],
        retryAt: start + hour,
      },
    );
    assert.deepEqual(await queue.counts(), { queued: 1, leased: 0, deferredRecipients: 2, oldestAt: start });
    const attempts: number[] = [];
    for (;;) {
      const stop = new AbortController();
      let waited = false;
      const waiting = queue.waitForWork(stop.signal).then(() => {
        waited = true;
      });
      await sleep(1);
      while (!waited) await clock.advance(hour / 4);
      await waiting;
      const leased = await queue.lease(5);
      if (leased.length === 0) continue;
      const again = only(leased);
      attempts.push((clock.now() - start) / hour);
      assert.deepEqual(
        again.recipients.map(({ address, state }) => [address, state]),
        [
          ["c@d.test", "deferred"],
          ["d@d.test", "deferred"],
        ],
      );
      const settled = await queue.settle(again, [{ index: 2, kind: "deferred", detail: "451 later" }]);
      assert.ok(settled.kind === "settled");
      if (settled.retryAt !== null) continue;
      assert.deepEqual(settled.failed, [
        { address: "c@d.test", detail: "given up after repeated attempts; the last one: 451 later" },
        {
          address: "d@d.test",
          detail: "given up after repeated attempts; the last one: no attempt was made",
        },
      ]);
      break;
    }
    assert.deepEqual(attempts, [1, 3, 7, 13, 19, 24]);
    assert.deepEqual(await queue.counts(), { queued: 0, leased: 0, deferredRecipients: 0, oldestAt: null });
  });

  test("the retry schedule grows, stays within its jitter and ends at the greatest age", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 500 }),
        fc.nat({ max: 6 * 86_400_000 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (attempt, age, random) => {
          const next = new RetrySchedule({}, () => random).next(attempt, 0, age);
          if (age >= 5 * 86_400_000) assert.equal(next, null);
          else {
            const plain = Math.min(240 * 60_000, 300_000 * 2 ** (attempt - 1));
            const limit = 5 * 86_400_000;
            assert.ok(next !== null && next > age && next <= limit);
            assert.ok(next === limit || Math.abs(next - age - plain) <= 0.2 * plain + 1);
          }
        },
      ),
    );
  });

  test("waiting ends with work, from here or from another process, with the clock, and with abort", async () => {
    const clock = new VirtualClock();
    const path = join(folder, "wait.db");
    const here = openQueue({ clock, store: openStore({}, path) });
    const there = openQueue({ clock, store: openStore({}, path) });
    const wait = async (signal = new AbortController().signal): Promise<{ over: boolean }> => {
      const state = { over: false };
      void here.waitForWork(signal).then(() => {
        state.over = true;
      });
      await sleep(2);
      return state;
    };
    const local = await wait();
    assert.equal(local.over, false);
    await here.enqueue([message()]);
    await sleep(2);
    assert.equal(local.over, true);
    assert.equal((await wait()).over, true, "due work is not waited for");
    only(await here.lease(9));
    const remote = await wait();
    await there.enqueue([message()]);
    await clock.advance(4_000);
    assert.equal(remote.over, false);
    await clock.advance(1_000);
    assert.equal(remote.over, true);
    only(await here.lease(9));
    const stop = new AbortController();
    const aborted = await wait(stop.signal);
    assert.equal(aborted.over, false);
    stop.abort();
    await sleep(2);
    assert.equal(aborted.over, true);
    assert.equal((await wait(stop.signal)).over, true);
    await here.close();
  });

  test("a lease lasts while its process lives; after a crash another takes over, and the first settles nothing", async () => {
    const clock = new VirtualClock();
    const path = join(folder, "lease.db");
    const alive = openQueue({ clock, store: openStore({}, path), leaseMs: 60_000 });
    await alive.enqueue([message()]);
    const held = only(await alive.lease(1));
    const other = openQueue({ clock, store: openStore({}, path), leaseMs: 60_000 });
    await clock.advance(600_000);
    assert.deepEqual(await other.lease(1), [], "renewed all the while");

    // A process that died: its store is gone, its clock stands still.
    const deadClock = new VirtualClock();
    const dead = openQueue({ clock: deadClock, store: openStore({}, path), leaseMs: 60_000 });
    await other.enqueue([message({ sender: "second@someisp.test" })]);
    await deadClock.advance(clock.now() - deadClock.now());
    const orphan = only(await dead.lease(1));
    await clock.advance(59_000);
    assert.deepEqual(await other.lease(1), []);
    await clock.advance(2_000);
    const adopted = only(await other.lease(1));
    assert.deepEqual([adopted.id, adopted.attempt], [orphan.id, 2]);
    assert.deepEqual(await dead.settle(orphan, []), { kind: "lease-lost" });
    assert.deepEqual(await alive.counts(), {
      queued: 0,
      leased: 2,
      deferredRecipients: 0,
      oldestAt: held.enqueuedAt,
    });

    await alive.close();
    assert.equal(only(await other.lease(1)).id, held.id, "given back at once");
    await other.close();
    assert.equal((await other.counts()).queued, 2);
  });

  test("a full queue refuses with `full`, stays usable, and takes mail again when there is room", async () => {
    const queue = openQueue({ store: openStore({ maxOctets: 400_000 }) });
    const accepted: string[] = [];
    const refused: unknown[] = [];
    const big = () => message({ content: Buffer.alloc(50_000, "x") });
    // Together in one commit: the ones that fit are taken although the whole batch does not fit.
    await Promise.all(
      Array.from({ length: 12 }, () =>
        queue.enqueue([big()]).then(
          ([id]) => accepted.push(String(id)),
          (error) => refused.push(error),
        ),
      ),
    );
    assert.ok(
      accepted.length >= 4 && refused.length >= 4,
      `${accepted.length} taken, ${refused.length} refused`,
    );
    for (const error of refused)
      assert.ok(error instanceof QueueStoreError && error.kind === "full", String(error));
    assert.equal((await queue.counts()).queued, accepted.length);
    const leased = await queue.lease(100);
    assert.deepEqual(leased.map(({ id }) => id).sort(), accepted.sort());
    for (const one of leased) await queue.settle(one, [{ index: 0, kind: "delivered", detail: "250" }]);
    await queue.enqueue([big(), big()]);
    await assert.rejects(queue.enqueue(Array.from({ length: 12 }, big)), { kind: "full" });
    assert.equal((await queue.counts()).queued, 2, "all or none");
  });

  test("a locked queue refuses with `busy`; settlements wait until it is free again", async () => {
    const path = join(folder, "busy.db");
    const clock = new VirtualClock();
    const queue = openQueue({ clock, store: openStore({ busyTimeoutMs: 10 }, path) });
    await queue.enqueue([message()]);
    const held = only(await queue.lease(1));
    const intruder = new DatabaseSync(path);
    intruder.exec("BEGIN IMMEDIATE");
    await assert.rejects(queue.enqueue([message()]), { name: "QueueStoreError", kind: "busy" });
    await assert.rejects(
      queue.lease(1).then(() => openQueue({ store: openStore({ busyTimeoutMs: 10 }, path) }).lease(1)),
    );
    const settled = queue.settle(held, [{ index: 0, kind: "delivered", detail: "250" }]);
    await sleep(50);
    intruder.exec("COMMIT");
    intruder.close();
    await clock.advance(2_000);
    assert.equal((await settled).kind, "settled");
    await queue.enqueue([message()]);
    assert.equal((await queue.counts()).queued, 1);
    await queue.close();
  });

  test("all who wait share one commit", async () => {
    const store = openStore();
    const sizes: number[] = [];
    const counting = new Proxy<QueueStore>(store, {
      get: (target, name: keyof QueueStore) =>
        name === "commit"
          ? (changes: Parameters<QueueStore["commit"]>[0]) => {
              sizes.push(changes.length);
              return target.commit(changes);
            }
          : target[name].bind(target),
    });
    const queue = openQueue({ store: counting });
    await Promise.all(Array.from({ length: 50 }, () => queue.enqueue([message()])));
    assert.deepEqual(sizes, [50]);
    const huge = () => message({ content: Buffer.alloc(20 << 20) });
    await Promise.all([queue.enqueue([huge()]), queue.enqueue([huge()]), queue.enqueue([message()])]);
    assert.deepEqual(sizes, [50, 1, 2], "one transaction takes at most 32 MiB");
  });

  /** Starts victims on one queue and kills each; what they said they had must be there at the end. */
  async function killAgainAndAgain(path: string, rounds: number): Promise<void> {
    const promised = new Set<string>();
    const handedOut = new Set<string>();
    for (let round = 0; round < rounds; round++) {
      const victim = spawn(process.execPath, [import.meta.filename, "victim", path], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      let output = "";
      victim.stdout.on("data", (data) => {
        output += data;
      });
      const ended = new Promise((resolve) => victim.on("close", resolve));
      while (!output.includes("\n")) await sleep(5);
      await sleep(Math.random() * 60);
      victim.kill("SIGKILL");
      await ended;
      // A last line without its end was never reported: the promise had resolved, nobody heard it.
      for (const line of output.split("\n").slice(0, -1)) {
        (line[0] === "+" ? promised : handedOut).add(line.slice(1));
      }
    }
    const queue = openQueue({ store: openStore({}, path) });
    const raw = new DatabaseSync(path);
    assert.deepEqual({ ...raw.prepare("PRAGMA integrity_check").get() }, { integrity_check: "ok" });
    assert.equal(raw.prepare("PRAGMA foreign_key_check").get(), undefined);
    const present = new Set(
      raw
        .prepare("SELECT id FROM message")
        .all()
        .map(({ id }) => String(id)),
    );
    const orphans = "SELECT count(*) AS n FROM content WHERE id NOT IN (SELECT content FROM message)";
    assert.equal(raw.prepare(orphans).get()?.n, 0);
    raw.close();
    const lost = [...promised].filter((id) => !present.has(id) && !handedOut.has(id));
    assert.deepEqual(lost, []);
    assert.ok(promised.size >= rounds, `only ${promised.size} messages were promised`);
    assert.ok((await queue.counts()).queued > 0);
  }

  test("killed at any moment, the queue has everything it said it had", { timeout: 120_000 }, async () => {
    const paths = ["1", "2", "3", "4"].map((name) => join(folder, `killed-${name}.db`));
    await Promise.all(paths.map((path) => killAgainAndAgain(path, 6)));
  });
}
