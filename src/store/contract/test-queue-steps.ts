import * as fc from "fast-check";
import { MINUTE } from "./test-queue-place.ts";

// Operations of the queue at random. `message` counts round what there is.

const OWNERS = ["here", "there", "elsewhere"];
export const DESTINATIONS = ["a.test", "b.test", "c.test"];
const owner = fc.constantFrom(...OWNERS);
const destination = fc.constantFrom(...DESTINATIONS);
const minutes = fc.integer({ min: 0, max: 30 }).map((count) => count * MINUTE);

export const newOnes = fc.record({
  kind: fc.constant("insert"),
  destination,
  owner: fc.option(owner, { nil: null }),
  copies: fc.integer({ min: 1, max: 3 }),
  recipients: fc.integer({ min: 1, max: 3 }),
  wakesAfter: minutes,
  expiresAfter: minutes,
  kept: fc.nat(3).map((die) => die === 0),
  seen: fc.uniqueArray(fc.nat(6), { maxLength: 3 }),
});
export const settled = fc.record({
  kind: fc.constant("settle"),
  message: fc.nat(30),
  staleLease: fc.nat(9).map((die) => die === 0),
  next: fc.constantFrom("wait", "wait", "hold", "gone"),
  dueAfter: minutes,
  wakesAfter: minutes,
  attempted: fc.boolean(),
  warned: fc.boolean(),
  fates: fc.array(fc.constantFrom("deferred", "delivered", "failed", null), { maxLength: 3 }),
  reports: fc.integer({ min: 0, max: 1 }),
});
const rested = fc.record({
  kind: fc.constant("destination"),
  destination,
  restsFor: fc.option(minutes, { nil: null }),
  failures: fc.nat(3),
});
export const change = fc.oneof(newOnes, settled, settled, rested);
export const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constant("commit"), changes: fc.array(change, { maxLength: 5 }) }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("lease"),
      owner,
      limit: fc.constantFrom(1, 2, 3, 5, 1000),
      perDestination: fc.constantFrom(1, 2, 1000),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("wait"), ms: minutes }) },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("order"),
      order: fc.constantFrom("retry", "hold", "release", "bounce", "remove", "bounce"),
      destination: fc.option(destination, { nil: null }),
      inQuarantine: fc.nat(3).map((die) => die === 0),
      limit: fc.constantFrom(1, 3, 1000),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("expire"), limit: fc.constantFrom(1, 2, 1000) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("renew"), owner }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("release"), owner }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("tidy") }) },
);
export type Made<From> = From extends fc.Arbitrary<infer One> ? One : never;
export type Step = Made<typeof step>;
