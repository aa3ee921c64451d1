import assert from "node:assert/strict";
import { test } from "node:test";
import { type AccountRecord, recipientLimit } from "./index.ts";

test("which limit applies: an account's own, the lower one while it is new, else the usual one (LIF-14)", () => {
  const settings = { recipients: 100, periodMs: 1, newAccountRecipients: 20, newAccountMs: 10_000 };
  const limit = (createdAt: number, own: number | null, now: number, some = settings) =>
    recipientLimit({ createdAt, recipientLimit: own } as AccountRecord, some, now);
  assert.equal(limit(0, null, 0), 20);
  assert.equal(limit(0, null, 9_999), 20);
  assert.equal(limit(0, null, 10_000), 100);
  assert.equal(limit(0, 5, 0), 5);
  assert.equal(limit(0, 5000, 0), 5000);
  assert.equal(limit(0, 0, 10_000), 0);
  assert.equal(limit(0, null, 0, { ...settings, recipients: 10 }), 10, "a new account is never allowed more");
});
