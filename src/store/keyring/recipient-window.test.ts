import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { EMPTY_WINDOW, recipientsIn, takeRecipients } from "./recipient-window.ts";

const LIMIT = 20;
/** No multiple of the number of slots. */
const PERIOD_MS = 24_011;
const START = 1_795_600_000_123;

const take = fc.record({ waitMs: fc.nat({ max: 6000 }), recipients: fc.integer({ min: 1, max: 12 }) });

test("LIF-14 no window of a period ever holds more than the limit, and what is refused fits when it is said to", () => {
  fc.assert(
    fc.property(fc.array(take, { maxLength: 60 }), (takes) => {
      let window = EMPTY_WINDOW;
      let now = START;
      const taken: { at: number; recipients: number }[] = [];
      for (const { waitMs, recipients } of takes) {
        now += waitMs;
        const order = { recipients, limit: LIMIT, periodMs: PERIOD_MS };
        const answer = takeRecipients(window, { ...order, now });
        const inPeriod = taken.filter(({ at }) => at > now - PERIOD_MS);
        const used = inPeriod.reduce((sum, one) => sum + one.recipients, 0);
        assert.ok(recipientsIn(window, PERIOD_MS, now) >= used);
        if (answer.kind === "taken") {
          assert.ok(used + recipients <= LIMIT);
          window = answer.window;
          taken.push({ at: now, recipients });
          assert.ok(window.slots.length <= 25);
          continue;
        }
        const { freeAt } = answer;
        assert.ok(freeAt !== null && freeAt > now && freeAt <= now + PERIOD_MS + PERIOD_MS / 24 + 1);
        assert.equal(takeRecipients(window, { ...order, now: freeAt }).kind, "taken");
        assert.equal(takeRecipients(window, { ...order, now: freeAt - 1 }).kind, "limited");
        // Late by a slot at most.
        const late = taken.filter(({ at }) => at > now - PERIOD_MS - PERIOD_MS / 24 - 1);
        assert.ok(late.reduce((sum, one) => sum + one.recipients, recipients) > LIMIT);
      }
    }),
  );
});

test("LIF-14 what was counted stays counted when the settings change the period, and when a clock goes back", () => {
  const order = { recipients: 5, limit: 5, periodMs: PERIOD_MS };
  const taken = takeRecipients(EMPTY_WINDOW, { ...order, now: START });
  assert.ok(taken.kind === "taken");
  for (const periodMs of [PERIOD_MS * 7, 12_007, 3_600_000]) {
    assert.equal(recipientsIn(taken.window, periodMs, START), 5);
    const refused = takeRecipients(taken.window, { ...order, periodMs, now: START + periodMs - 1 });
    assert.equal(refused.kind, "limited");
  }
  assert.equal(recipientsIn(taken.window, PERIOD_MS, START - 10_000), 5);
  assert.deepEqual(takeRecipients(taken.window, { ...order, recipients: 6, now: START }), {
    kind: "limited",
    freeAt: null,
  });
});
