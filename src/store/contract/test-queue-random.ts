import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import type {
  ChangeAnswer,
  LeaseRequest,
  QueueChange,
  QueueFilter,
  QueueOrder,
  QueueStore,
  Settlement,
  StoredMessage,
} from "../../queue/index.ts";
import { AGAIN_MS, type ModelMessage, QueueModel } from "./test-queue-model.ts";
import {
  assertSound,
  changed,
  contentOf,
  HOUR,
  ids,
  type MakeQueuePlace,
  MINUTE,
  newMessage,
  newNote,
  newRecipient,
  only,
  type QueuePlace,
  START,
} from "./test-queue-place.ts";
import {
  type change,
  DESTINATIONS,
  type Made,
  type newOnes,
  type Step,
  type settled,
  step,
} from "./test-queue-steps.ts";

/** @param runs how many sequences */
export function queueRandomContract(make: MakeQueuePlace, runs: number): void {
  test("queue: every sequence of operations leaves what the model says", { timeout: 300_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60, size: "max" }), async (steps) => {
        const place = await make();
        const run = new Run(place, await place.open());
        try {
          for (const one of steps) await run.take(one);
          await run.end();
        } finally {
          await place.close();
        }
      }),
      { numRuns: runs },
    );
  });
}

class Run {
  readonly #place: QueuePlace;
  readonly #store: QueueStore;
  readonly #model = new QueueModel();
  readonly #contents = new Map<string, string>();
  #now = START;

  constructor(place: QueuePlace, store: QueueStore) {
    this.#place = place;
    this.#store = store;
  }

  async take(step: Step): Promise<void> {
    switch (step.kind) {
      case "commit": {
        const made = step.changes.map((one) => this.#change(one));
        const answers = made.map((one) => this.#commit(one));
        assert.deepEqual(await this.#store.commit(made), answers);
        break;
      }
      case "lease":
        await this.#lease(step);
        break;
      case "wait":
        this.#now += step.ms + 1;
        break;
      case "order":
        await this.#order(step);
        break;
      case "expire":
        await this.#expire(step.limit);
        break;
      case "renew":
        await this.#store.renew(step.owner, this.#now + MINUTE);
        this.#model.renew(step.owner, this.#now + MINUTE);
        break;
      case "release":
        await this.#store.release([step.owner], this.#now);
        this.#model.release([step.owner], this.#now);
        break;
      case "tidy":
        await this.#store.tidy(this.#now);
        await this.#learnWhatIsForgotten();
        for (const [name, { until }] of this.#model.seen)
          if (until < Math.floor(this.#now / 1000)) this.#model.seen.delete(name);
    }
    await this.#compare();
  }

  async end(): Promise<void> {
    for (const [id, text] of this.#contents) {
      const found = this.#model.messages.get(id);
      const stored = (await contentOf(this.#store, id))?.toString();
      const history = found?.wasReleased
        ? (/^X-VSMTP-Quarantine: [^\r]+(\r\n [^\r]+)+\r\n/.exec(stored ?? "")?.[0] ?? assert.fail())
        : "";
      assert.equal(stored, found === undefined ? undefined : history + text);
    }
    await assertSound(this.#place);
  }

  /** What is generated, made to fit what there is. */
  #change(made: Made<typeof change>): QueueChange {
    if (made.kind === "insert") {
      const seen = made.seen.map((n) => ({ key: Buffer.alloc(32, n), until: START / 1000 + 1200 * n }));
      return { kind: "insert", messages: this.#newMessages(made), seen };
    }
    if (made.kind === "settle") return { kind: "settle", settlement: this.#settlement(made) };
    const restsUntil = made.restsFor === null ? null : this.#now + made.restsFor;
    const { failures } = made;
    const failure = failures === 0 ? null : `failure ${failures}`;
    return {
      kind: "destination",
      change: { destination: made.destination, restsUntil, failures, failure },
    };
  }

  #newMessages(made: Made<typeof newOnes>): StoredMessage[] {
    const content = { inline: Buffer.from(`content ${this.#contents.size}`), file: null };
    return Array.from({ length: made.copies }, (_, copy) => {
      const message = newMessage({
        destination: made.destination,
        recipients: Array.from({ length: made.recipients }, (__, n) => newRecipient(`${n}@x.test`)),
        content,
        prefix: Buffer.from(copy === 1 ? "" : `copy ${copy} `),
        enqueuedAt: this.#now,
        wakeAt: this.#now + made.wakesAfter,
        expiresAt: this.#now + made.expiresAfter,
        lease: made.owner === null || made.kept ? null : { owner: made.owner, until: this.#now + MINUTE },
        quarantine: made.kept ? newNote({ until: this.#now + made.expiresAfter }) : null,
      });
      this.#contents.set(message.id, `${message.prefix}${content.inline}`);
      return message;
    });
  }

  #settlement(made: Made<typeof settled>): Settlement {
    const all = [...this.#model.messages.values()];
    const held = all.filter(({ state }) => state === "leased");
    const found = (held.length > 0 ? held : all)[
      made.message % Math.max(1, (held.length > 0 ? held : all).length)
    ];
    const next = {
      wait: { kind: "wait", dueAt: this.#now + made.dueAfter },
      hold: { kind: "hold", because: "settled so" },
      gone: { kind: "gone" },
    } as const;
    const one = { copies: 1, recipients: 1, kept: false, seen: [] };
    const report = { kind: "insert", destination: "a.test", owner: null, ...one } as const;
    return {
      id: found?.message.id ?? "nothing",
      lease: (found?.lease ?? 0) - (made.staleLease ? 1 : 0),
      owner: found?.owner ?? "here",
      changes: made.fates.flatMap((fate, index) => {
        const state = found?.recipients[index];
        return fate === null || (state !== "pending" && state !== "deferred") ? [] : [changed(index, fate)];
      }),
      attempted: made.attempted,
      next: next[made.next],
      warned: made.warned,
      wakeAt: this.#now + made.wakesAfter,
      reports: Array.from({ length: made.reports }, () =>
        only(this.#newMessages({ ...report, wakesAfter: MINUTE, expiresAfter: HOUR })),
      ),
    };
  }

  #commit(made: QueueChange): ChangeAnswer {
    if (made.kind === "settle") return this.#model.settle(made.settlement);
    if (made.kind === "destination") this.#model.changeDestination(made.change);
    else if (!this.#model.remember(made.seen ?? [])) return "seen";
    else for (const message of made.messages) this.#model.insert(message);
    return "done";
  }

  async #lease({ owner, limit, perDestination }: Extract<Step, { kind: "lease" }>): Promise<void> {
    const now = this.#now;
    const held = [...this.#model.messages.values()].filter((found) => found.owner === owner);
    const grouped = Map.groupBy(held, ({ message }) => message.destination);
    const inWork = new Map([...grouped].map(([name, messages]) => [name, messages.length]));
    const until = now + MINUTE;
    const request = { now, until, owner, limit, perDestination: () => perDestination, inWork };
    const leased = await this.#store.lease(request);
    this.#model.endLostLeases(request);
    assert.ok(leased.length <= limit);
    await this.#learnWhatWasPutOff();
    const before = new Map([...this.#model.messages].map(([id, found]) => [id, { ...found }]));
    const room = new Map(DESTINATIONS.map((name) => [name, this.#model.roomAt(name, request)]));
    for (const one of leased) {
      const found = this.#model.messages.get(one.id) ?? assert.fail("it is not there");
      const purpose = this.#model.purposeOf(found, now);
      const mayProbe = found.pending === null && found.dueAt <= now && limit < 1000;
      assert.ok(one.purpose === purpose || (one.purpose === "attempt" && purpose !== null && mayProbe));
      if (this.#takesRoom(found, one.purpose))
        room.set(one.destination, (room.get(one.destination) ?? 0) - 1);
      this.#model.take(found, one.purpose, request);
      const known = this.#model.destination(one.destination);
      assert.deepEqual(
        [one.lease, one.attempts, one.warned, one.destinationFailure, one.destinationFailures],
        [found.lease, found.attempts, found.warned, known.failure, known.failures],
      );
      const left = found.recipients.flatMap((state, index) => (isLeft(state) ? [`${index} ${state}`] : []));
      assert.deepEqual(
        one.recipients.map(({ index, state }) => `${index} ${state}`),
        left,
      );
    }
    for (const [name, left] of room) assert.ok(left >= 0, `too many of ${name}`);
    if (limit === 1000) this.#missesNone([...before.values()], request, room);
  }

  #takesRoom(found: ModelMessage, purpose: string): boolean {
    return purpose === "attempt" || (purpose === "bounce" && found.wakeAt > this.#now);
  }

  /** Where there was no limit, nothing that can be taken is left. */
  #missesNone(
    before: readonly ModelMessage[],
    { now }: LeaseRequest,
    room: ReadonlyMap<string, number>,
  ): void {
    for (const found of before) {
      const { id, destination } = found.message;
      const purpose = this.#model.purposeOf(found, now);
      if (purpose === null || this.#model.messages.get(id)?.state === "leased") continue;
      assert.ok(this.#takesRoom(found, purpose), `${purpose} of ${id} was left`);
      assert.equal(room.get(destination), 0, `there was room for ${id}`);
    }
  }

  /** Of those that will be attempted rather, as many as were looked at are looked at again later. */
  async #learnWhatWasPutOff(): Promise<void> {
    for (const { id, wake_at: wakeAt } of await this.#place.sql("SELECT id, wake_at FROM message")) {
      const found = this.#model.messages.get(id as string) ?? assert.fail();
      if (!this.#model.isAttemptedRather(found, this.#now) || Number(wakeAt) === found.wakeAt) continue;
      assert.equal(Number(wakeAt), this.#now + AGAIN_MS);
      found.wakeAt = Number(wakeAt);
    }
  }

  async #expire(limit: number): Promise<void> {
    const past = this.#model.expire(this.#now);
    const expired = await this.#store.expire(this.#now, limit);
    assert.equal(expired.length, Math.min(limit, past.length));
    for (const { id, recipients } of expired) {
      assert.ok(past.includes(id));
      const found = this.#model.messages.get(id) ?? assert.fail();
      assert.deepEqual(
        recipients,
        found.message.recipients.map(({ address }) => address),
      );
      this.#model.messages.delete(id);
    }
  }

  async #order({
    order: kind,
    destination,
    inQuarantine,
    limit,
  }: Extract<Step, { kind: "order" }>): Promise<void> {
    const order: QueueOrder = kind === "hold" ? { kind, because: "ordered so" } : { kind };
    const filter: QueueFilter = {
      ...(destination === null ? {} : { destination }),
      ...(inQuarantine ? { state: "quarantined" } : {}),
    };
    const expected = this.#model.order(
      order,
      ({ message, state }) =>
        (destination === null || message.destination === destination) &&
        (state === "quarantined") === inQuarantine,
      this.#now,
      limit,
    );
    assert.equal(await this.#store.order(filter, order, this.#now, limit), expected.length);
  }

  async #learnWhatIsForgotten(): Promise<void> {
    const rows = await this.#place.sql("SELECT name FROM destination");
    const kept = new Set(rows.map(({ name }) => name as string));
    const waiting = [...this.#model.messages.values()].filter(({ state }) => state === "queued");
    for (const { message } of waiting) assert.ok(kept.has(message.destination));
    for (const [name, { restsUntil, failures }] of this.#model.destinations) {
      if (kept.has(name)) continue;
      assert.ok(restsUntil <= this.#now && (failures === 0 || restsUntil <= this.#now - HOUR));
      this.#model.destinations.delete(name);
    }
  }

  async #compare(): Promise<void> {
    const { messages, holders } = this.#model;
    const all = [...messages.values()];
    const waiting = await this.#store.list({}, 9999);
    const kept = await this.#store.list({ state: "quarantined" }, 9999);
    for (const { state } of waiting) assert.notEqual(state, "quarantined");
    const list = [...waiting, ...kept];
    assert.deepEqual(ids(list), [...messages.keys()].sort());
    for (const shown of list) {
      const found = messages.get(shown.id) as ModelMessage;
      const { restsUntil } = this.#model.destination(shown.destination);
      const queuedDueAt = found.pending === "bounce" ? found.wakeAt : Math.max(found.dueAt, restsUntil);
      const leasedUntil = holders.get(found.owner as string);
      const dueAt = { held: null, quarantined: null, leased: leasedUntil, queued: queuedDueAt };
      assert.deepEqual(
        {
          state: shown.state,
          pending: shown.pendingOrder,
          because: shown.heldBecause,
          dueAt: shown.dueAt,
          attempts: shown.attempts,
          warned: shown.warned,
          times: [shown.enqueuedAt, shown.expiresAt],
          note: shown.quarantine,
          recipients: shown.recipients.map(({ state }) => state),
        },
        {
          state: found.state,
          pending: found.pending,
          because: found.state === "held" ? found.heldBecause : null,
          dueAt: dueAt[found.state],
          attempts: found.attempts,
          warned: found.warned,
          times: [found.enqueuedAt, found.expiresAt],
          note: found.state === "quarantined" ? found.message.quarantine : null,
          recipients: found.recipients,
        },
      );
    }
    const count = (state: string): number => all.filter((found) => found.state === state).length;
    const { queued, leased, held, quarantined, deferredRecipients } = await this.#store.counts();
    const states = ["queued", "leased", "held", "quarantined"];
    assert.deepEqual([queued, leased, held, quarantined], states.map(count));
    const keys = [...this.#model.seen.values()];
    assert.deepEqual(
      await this.#store.seen(keys),
      keys.map(() => true),
    );
    assert.equal(deferredRecipients, all.flatMap(({ recipients }) => recipients).filter(isDeferred).length);
    const expectedOwners = new Set(all.flatMap(({ owner }) => (owner === null ? [] : [owner])));
    assert.deepEqual(new Set(await this.#store.owners()), expectedOwners);
    const nextAt = await this.#store.nextDueAt();
    const latest = this.#model.nextDueAt();
    if (latest !== null) assert.ok(nextAt !== null && nextAt <= latest, `${nextAt} is later than ${latest}`);
  }
}

function isLeft(state: string): boolean {
  return state === "pending" || state === "deferred";
}

function isDeferred(state: string): boolean {
  return state === "deferred";
}
