import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { LeasedMessage } from "./queued-message.ts";
import { RetrySchedule } from "./retry-schedule.ts";
import { settlementOf, type WorkResult } from "./settlement.ts";
import { leasedMessage } from "./test-messages.ts";

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
const retry = new RetrySchedule({ jitter: 0 });

function settle(message: Partial<LeasedMessage>, result: Partial<WorkResult>, now = minute) {
  const whole: WorkResult = { outcomes: [], attempted: true, warned: false, reports: [], ...result };
  return settlementOf(leasedMessage(message), whole, { now, retry, warnAfterMs: 4 * hour });
}

const outcomes = (...kinds: ("delivered" | "deferred" | "failed")[]) =>
  kinds.map((kind, index) => ({ index, kind, detail: `2${index}` }));

test("a message is gone when each recipient got it or failed, and waits by the schedule otherwise", () => {
  deepEqual(settle({}, { outcomes: outcomes("delivered", "failed", "delivered") }).next, { kind: "gone" });
  const waits = settle({ attempts: 2 }, { outcomes: outcomes("delivered", "deferred", "failed") });
  deepEqual(waits.next, { kind: "wait", dueAt: minute + 20 * minute });
  deepEqual(waits.changes, [
    { index: 0, state: "delivered", detail: "20" },
    { index: 1, state: "deferred", detail: "21" },
    { index: 2, state: "failed", detail: "22" },
  ]);
  equal(waits.wakeAt, 4 * hour, "the sender is to be warned");
  equal(waits.warned, false);
});

test("a recipient without outcome stays as it is, and is not done with", () => {
  const { next, changes } = settle({}, { outcomes: outcomes("delivered", "delivered") });
  equal(changes.length, 2);
  equal(next.kind, "wait");
});

test("what was not attempted is due at once, when its destination lets it", () => {
  deepEqual(settle({ attempts: 5 }, { attempted: false }).next, { kind: "wait", dueAt: minute });
});

test("the sender is warned once; then the message wakes when it is too old", () => {
  equal(settle({}, { warned: true }).wakeAt, 5 * day);
  equal(settle({ warned: true }, {}).warned, true);
  const unwanted = settle({ purpose: "warn" }, { attempted: false }, 4 * hour);
  deepEqual([unwanted.warned, unwanted.wakeAt], [true, 5 * day], "it is not asked a second time");
});

test("what was woken before its time is woken again when it comes", () => {
  const early = settle({ purpose: "warn" }, { attempted: false }, hour);
  deepEqual([early.warned, early.wakeAt], [false, 4 * hour]);
});

test("the last attempt comes just before the end, which is no matter of the schedule", () => {
  const near = settle({ attempts: 9 }, {}, 5 * day - hour);
  deepEqual(near.next, { kind: "wait", dueAt: 5 * day - 5 * minute });
  const atTheEnd = settle({ attempts: 10, warned: true }, {}, 5 * day - minute);
  deepEqual(atTheEnd.next, { kind: "wait", dueAt: 5 * day });
  equal(atTheEnd.wakeAt, 5 * day);
});

test("a report that cannot be made now comes back within the hour, for what it was for", () => {
  const now = 5 * day + minute;
  for (const purpose of ["expired", "bounce"] as const) {
    const later = settle({ purpose, attempts: 12 }, { attempted: false, unreported: true }, now);
    deepEqual(later.next, { kind: "wait", dueAt: now + hour });
    equal(later.wakeAt, now + hour);
  }
  const warning = settle({ purpose: "warn", attempts: 1 }, { attempted: false, unreported: true }, 4 * hour);
  deepEqual([warning.warned, warning.wakeAt], [false, 4 * hour + 5 * minute]);
  const attempt = settle({ attempts: 1 }, { unreported: true, outcomes: outcomes("deferred") }, hour);
  deepEqual([attempt.warned, attempt.wakeAt], [false, 4 * hour], "no warning before its time");
});

test("held is held", () => {
  const held = settle({}, { hold: "key revoked", outcomes: outcomes("delivered") });
  deepEqual(held.next, { kind: "hold", because: "key revoked" });
});

test("no settlement brings a message straight back for the same reason", () => {
  const message = fc.record({
    attempts: fc.nat(40),
    warned: fc.boolean(),
    purpose: fc.constantFrom("attempt" as const, "warn" as const, "expired" as const, "bounce" as const),
  });
  const result = fc.record({ attempted: fc.boolean(), warned: fc.boolean(), unreported: fc.boolean() });
  fc.assert(
    fc.property(message, result, fc.integer({ min: 0, max: 6 * day }), (leased, worked, now) => {
      const { next, wakeAt, warned } = settle(leased, worked, now);
      ok(next.kind === "wait");
      ok(next.dueAt >= now, "due in the past");
      ok(Number.isSafeInteger(next.dueAt) && Number.isSafeInteger(wakeAt));
      const { purpose } = leased;
      // Woken at once only for another reason than it was taken for.
      if (wakeAt <= now && purpose === "warn") ok(warned && wakeAt === 5 * day, "warned again");
      if (purpose === "expired" || purpose === "bounce") ok(wakeAt > now && next.dueAt > now);
    }),
  );
});
