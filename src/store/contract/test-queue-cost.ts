import assert from "node:assert/strict";
import { test } from "node:test";
import type { LargeContents } from "../queue/large-contents.ts";
import type { ChangeOptions, QueueDriver } from "../queue/queue-driver.ts";
import { SqlQueueStore } from "../queue/sql-queue-store.ts";
import type { Program } from "../sql/program.ts";
import { changed, HOUR, lease, newMessage, rest, START, settlement } from "./test-queue-place.ts";

/** What the queue asks of its database, in statements and transactions: they are what it costs. */
export function queueCostContract(
  open: () => Promise<{ readonly driver: QueueDriver; readonly large: LargeContents }>,
): void {
  test("queue: a hundred messages on their way through take few statements, in two transactions", async () => {
    const { driver, large } = await open();
    const counting = new CountingDriver(driver);
    const store = new SqlQueueStore(counting, large);
    const messages = Array.from({ length: 128 }, () =>
      newMessage({ lease: { owner: "here", until: START + HOUR } }),
    );
    await store.commit(messages.map((message) => ({ kind: "insert", messages: [message] })));
    assert.deepEqual(counting.take(), { statements: 4, changes: 1 });
    const seen = (n: number) => [{ key: Buffer.alloc(32, n), until: START / 1000 }];
    await store.commit(
      Array.from({ length: 128 }, (_, n) => ({ kind: "insert", messages: [newMessage()], seen: seen(n) })),
    );
    // One more, for what is remembered: there is no read to find that it is no repeat.
    assert.deepEqual(counting.take(), { statements: 5, changes: 1 });
    const settlements = messages.map(({ id }) => settlement({ id, lease: 1 }));
    await store.commit(settlements.map((one) => ({ kind: "settle", settlement: one })));
    assert.deepEqual(counting.take(), { statements: 4, changes: 1 });
    await store.commit([{ kind: "insert", messages: [messages[0] ?? assert.fail()] }]);
    assert.deepEqual(counting.take(), { statements: 4, changes: 1 });
    const later = { next: { kind: "wait", dueAt: START }, changes: [changed(0, "deferred")] } as const;
    const id = messages[0]?.id ?? "";
    await store.commit([{ kind: "settle", settlement: settlement({ id, lease: 1 }, later) }]);
    assert.deepEqual(counting.take(), { statements: 4, changes: 1 });
    await driver.close();
  });

  test("queue: to find that there is nothing to do takes no transaction, however much rests or is in work", async () => {
    const { driver, large } = await open();
    const counting = new CountingDriver(driver);
    const store = new SqlQueueStore(counting, large);
    const dead = Array.from({ length: 1000 }, () => newMessage({ destination: "dead.test" }));
    const full = Array.from({ length: 100 }, () => newMessage({ destination: "full.test" }));
    await store.commit([{ kind: "insert", messages: [...dead, ...full] }]);
    await rest(store, "dead.test", START + HOUR);
    counting.take();
    const inWork = new Map([["full.test", 10]]);
    assert.deepEqual(await lease(store, { perDestination: () => 10, inWork }), []);
    assert.deepEqual(counting.take(), { statements: 2, changes: 0 });
    assert.equal(await store.nextDueAt(), START);
    assert.deepEqual(counting.take(), { statements: 1, changes: 0 });
    await store.order({ destination: "full.test" }, { kind: "remove" }, START, 1000);
    await lease(store);
    counting.take();
    assert.deepEqual(await lease(store), []);
    assert.deepEqual(counting.take(), { statements: 1, changes: 0 });
    assert.equal((await lease(store, { now: START + HOUR })).length, 1, "a probe");
    assert.ok(counting.take().statements <= 10);
    await driver.close();
  });
}

class CountingDriver implements QueueDriver {
  readonly #driver: QueueDriver;
  #statements = 0;
  #changes = 0;

  constructor(driver: QueueDriver) {
    this.#driver = driver;
  }

  get locks() {
    return this.#driver.locks;
  }

  /** What was counted since the last time. */
  take(): { statements: number; changes: number } {
    const counted = { statements: this.#statements, changes: this.#changes };
    this.#statements = 0;
    this.#changes = 0;
    return counted;
  }

  read<T>(program: Program<T>): Promise<T> {
    return this.#driver.read(this.#counted(program));
  }

  change<T>(make: () => Program<T>, options: ChangeOptions): Promise<T> {
    this.#changes++;
    return this.#driver.change(() => this.#counted(make()), options);
  }

  close(): Promise<void> {
    return this.#driver.close();
  }

  *#counted<T>(program: Program<T>): Program<T> {
    let step = program.next();
    while (!step.done) {
      this.#statements++;
      step = program.next(yield step.value);
    }
    return step.value;
  }
}
