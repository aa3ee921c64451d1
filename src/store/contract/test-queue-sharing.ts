import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { QueueOrder, QueueStore } from "../../queue/index.ts";
import {
  assertSound,
  changed,
  elsewhere,
  HOUR,
  ids,
  insert,
  lease,
  type MakeQueuePlace,
  MINUTE,
  newMessage,
  orderAll,
  type QueuePlace,
  START,
  settle,
  startElsewhere,
} from "./test-queue-place.ts";

/** Several processes share one queue. @param count how many */
export function queueSharingContract(make: MakeQueuePlace, count: number): void {
  test("queue: several that lease at a time get different messages, and nothing is left over", async () => {
    const place = await make();
    const stores = await Promise.all(Array.from({ length: count }, () => place.open()));
    const inserted: string[] = [];
    const leasedOnce: string[] = [];
    let inserting = true;
    const produce = async (store: QueueStore): Promise<void> => {
      for (let n = 0; n < 40; n++) {
        const messages = Array.from({ length: 5 }, (_, m) =>
          newMessage({ destination: `d${(n + m) % 7}.test` }),
        );
        await insert(store, ...messages);
        inserted.push(...ids(messages));
      }
    };
    const deliver = async (store: QueueStore, owner: string): Promise<void> => {
      for (let idle = 0; inserting || idle < 2; ) {
        const leased = await lease(store, { owner, limit: 10, perDestination: () => 4 });
        // What was looked for before the last one came does not count.
        idle = leased.length === 0 && !inserting ? idle + 1 : 0;
        leasedOnce.push(...ids(leased));
        assert.ok(leased.every((one) => one.lease === 1));
        const answers = await Promise.all(leased.map((one) => settle(store, one, { owner })));
        assert.ok(answers.every((answer) => answer === "done"));
        if (leased.length === 0) await delay(5);
      }
    };
    const delivering = Promise.all(stores.map((store, n) => deliver(store, `owner ${n}`)));
    await Promise.all(stores.map(produce)).finally(() => {
      inserting = false;
    });
    await delivering;
    assert.deepEqual(leasedOnce.sort(), inserted.sort());
    assert.equal(inserted.length, count * 200);
    await assertSound(place);
  });

  test("queue: no two ever wait for each other, whatever they do", async () => {
    const place = await make();
    const stores = await Promise.all(Array.from({ length: count }, () => place.open()));
    const names = Array.from({ length: 4 }, (_, n) => `d${n}.test`);
    const content = { inline: Buffer.from("shared by many"), file: null };
    const work = async (store: QueueStore, n: number): Promise<void> => {
      const owner = `owner ${n}`;
      const orders: QueueOrder[] = [{ kind: "retry" }, { kind: "release" }, { kind: "hold", because: "x" }];
      for (let round = 0; round < 12; round++) {
        const order = orders[round % orders.length] as QueueOrder;
        const direct = { owner, until: START + HOUR };
        // In another sequence each time: rows are held in one order all the same.
        const messages = names.flatMap((destination) => [
          newMessage({ destination, content }),
          newMessage({ destination, content, lease: direct }),
        ]);
        if (n % 2 === 1) messages.reverse();
        const later = {
          next: { kind: "wait", dueAt: START + n },
          changes: [changed(0, "deferred")],
        } as const;
        const settleSome = async (): Promise<void> => {
          const leased = await lease(store, { owner, limit: 8, now: START + HOUR });
          await Promise.all(
            leased.map((one, index) => settle(store, one, { owner, ...(index % 2 === 0 ? {} : later) })),
          );
        };
        const change = {
          destination: names[round % 4] as string,
          restsUntil: START,
          failures: 0,
          failure: null,
        };
        await Promise.all([
          insert(store, ...messages),
          settleSome(),
          settleSome(),
          store.order({}, order, START + round, 5),
          store.commit([{ kind: "destination", change }]),
          store.renew(owner, START + HOUR + round),
          store.tidy(START + 9 * HOUR),
        ]);
        if (round % 5 === 4) await store.release([owner], START);
      }
    };
    await Promise.all(stores.map(work));
    await assertSound(place);
    const [store] = stores as [QueueStore];
    await store.release(
      stores.map((_, n) => `owner ${n}`),
      START,
    );
    await orderAll(store, {}, { kind: "remove" }, START, 100);
    for (const table of ["message", "recipient", "content"])
      assert.deepEqual(await place.sql(`SELECT * FROM ${table}`), []);
  });

  test("queue: processes that start at once make one schema, and see each other's messages", async () => {
    const place = await make();
    const add = `for (let n = 0; n < 20; n++) await insert(store, newMessage());`;
    await Promise.all([elsewhere(place, add), elsewhere(place, add), elsewhere(place, add)]);
    const store = await place.open();
    assert.equal((await lease(store)).length, 60);
  });

  test("queue: killed at any moment, it has everything it said it had", { timeout: 240_000 }, async () => {
    const place = await make();
    const said = { promised: new Set<string>(), handedOut: new Set<string>(), settled: new Set<string>() };
    for (let round = 0; round < 6; round++) await killOnce(place, said);
    const store = await place.open();
    await assertSound(place);
    const found = ids(await store.list({}, 1e6));
    const present = new Set(found);
    const lost = [...said.promised].filter((id) => !present.has(id) && !said.handedOut.has(id));
    assert.deepEqual(lost, []);
    const again = [...said.settled].filter((id) => present.has(id));
    assert.deepEqual(again, []);
    assert.ok(said.promised.size >= 6, `only ${said.promised.size} messages were promised`);
    await store.release(await store.owners(), START + MINUTE);
    const { queued, leased } = await store.counts();
    assert.deepEqual([queued, leased], [found.length, 0]);
  });
}

/** What the victims said: `+` is in the queue, `?` may go, `-` is gone. */
async function killOnce(
  place: QueuePlace,
  said: Readonly<Record<"promised" | "handedOut" | "settled", Set<string>>>,
): Promise<void> {
  const victims = [1, 2].map(() => startElsewhere(place, VICTIM));
  await Promise.all(
    victims.map(async (victim) => {
      let output = "";
      victim.stdout?.on("data", (octets) => {
        output += octets;
      });
      const ended = new Promise((resolve) => victim.on("close", resolve));
      while (!output.includes("\n") && victim.exitCode === null) await delay(5);
      assert.equal(victim.exitCode, null);
      await delay(Math.random() * 100);
      victim.kill("SIGKILL");
      await ended;
      // A last line without its end was never said.
      for (const line of output.split("\n").slice(0, -1)) {
        const kind = line.startsWith("+") ? "promised" : line.startsWith("?") ? "handedOut" : "settled";
        said[kind].add(line.slice(1));
      }
    }),
  );
}

const VICTIM = `
  const owner = "victim " + process.pid;
  const say = (line) => process.stdout.write(line + "\\n");
  const produce = async () => {
    for (;;) {
      const content = { inline: Buffer.alloc(100 + Math.floor(Math.random() * 20_000), "x"), file: null };
      const direct = newMessage({ content, lease: { owner, until: START + MINUTE } });
      const other = newMessage({ content });
      await insert(store, direct, other);
      say("+" + other.id);
      say("+" + direct.id);
      if (Math.random() < 0.5) continue;
      say("?" + direct.id);
      await settle(store, { id: direct.id, lease: 1 }, { owner });
      say("-" + direct.id);
    }
  };
  const consume = async () => {
    for (;;) {
      for (const leased of await lease(store, { limit: 2, owner })) {
        const later = { next: { kind: "wait", dueAt: START + 1 }, changes: [changed(0, "deferred")] };
        const isLate = Math.random() < 0.5;
        if (!isLate) say("?" + leased.id);
        const answer = await settle(store, leased, { owner, ...(isLate ? later : {}) });
        if (!isLate && answer === "done") say("-" + leased.id);
      }
      await new Promise((resolve) => setTimeout(resolve, 3));
    }
  };
  await Promise.all([produce(), produce(), consume()]);`;
