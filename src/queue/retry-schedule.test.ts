import { equal, ok } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { RetrySchedule } from "./retry-schedule.ts";

const minute = 60_000;

test("waits double from five minutes to four hours", () => {
  const schedule = new RetrySchedule({ jitter: 0 });
  const waits = Array.from({ length: 8 }, (_, index) => schedule.next(index + 1, 0) / minute);
  equal(waits.join(" "), "5 10 20 40 80 160 240 240");
});

test("the jitter is a fifth, and no attempt is too many", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5000 }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (attempt, random) => {
        const wait = new RetrySchedule({}, () => random).next(attempt, 0);
        const plain = Math.min(240, 5 * 2 ** (attempt - 1)) * minute;
        ok(Math.abs(wait - plain) <= plain / 5 + 1 && Number.isSafeInteger(wait), `${wait}`);
      },
    ),
  );
});
