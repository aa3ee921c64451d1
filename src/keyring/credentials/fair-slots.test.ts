import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FairSlots } from "./fair-slots.ts";

const settled = () => new Promise((resolve) => setImmediate(resolve));

test("whoever asks a hundred times waits behind himself, and gives way when the queue is full", async () => {
  const slots = new FairSlots(1, 10);
  const served: string[] = [];
  const refused: string[] = [];
  const ask = (name: string): void => {
    void slots.take(name).then((hasSlot) => void (hasSlot ? served : refused).push(name));
  };
  for (let n = 0; n < 100; n++) ask("flood");
  await settled();
  assert.deepEqual([served.length, refused.length], [1, 89]);
  for (const name of ["allice", "bob", "allice"]) ask(name);
  await settled();
  assert.deepEqual([served.length, refused.length], [1, 92], "three of the flood gave way");
  for (let n = 0; n < 4; n++) slots.give();
  await settled();
  assert.deepEqual(served, ["flood", "flood", "allice", "bob", "flood"]);
});

test("never more at work or waiting than there may be, and everybody is answered", async () => {
  const step = fc.oneof(fc.constantFrom("a", "b", "c", "d"), fc.constant(null));
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.nat({ max: 4 }), async (steps, maxWaiting) => {
      const slots = new FairSlots(2, maxWaiting);
      let [asked, atWork, refused] = [0, 0, 0];
      for (const name of steps) {
        if (name !== null) {
          asked++;
          void slots.take(name).then((hasSlot) => (hasSlot ? atWork++ : refused++));
        } else if (atWork > 0) {
          atWork--;
          asked--;
          slots.give();
        }
        await settled();
        assert.ok(atWork <= 2);
        assert.ok(asked - atWork - refused <= maxWaiting);
      }
      while (atWork > 0) {
        atWork--;
        asked--;
        slots.give();
        await settled();
      }
      assert.equal(asked, refused);
    }),
    { numRuns: 50 },
  );
});
