import assert from "node:assert/strict";
import { test } from "node:test";
import { SettledRecipients } from "./settled-recipients.ts";

test("who has which message is remembered for five days, and of no more than 100,000 recipients", () => {
  const settled = new SettledRecipients();
  const thousand = Array.from({ length: 1000 }, (_, at) => `${at}@dest.test`);
  for (let n = 0; n < 150; n++) {
    settled.add(`message ${n}`, thousand.slice(0, 500), 0);
    settled.add(`message ${n}`, thousand.slice(300), 0);
  }
  const kept = (n: number) => settled.has(`message ${n}`, "999@dest.test", 1);
  assert.deepEqual([49, 50, 149].map(kept), [false, true, true]);
  assert.equal(settled.has("message 149", "999@dest.test", 5 * 86_400_000), false);
  for (let n = 0; n < 150; n++) settled.forget(`message ${n}`);
  assert.ok(settled.isEmpty);
  settled.add("another", thousand, 0);
  assert.ok(settled.has("another", "0@dest.test", 1));
});
