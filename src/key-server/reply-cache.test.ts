import assert from "node:assert/strict";
import { test } from "node:test";
import { ReplyCache } from "./reply-cache.ts";

const changed: string[] = [];
const feed = {
  changeCount: () => changed.length,
  changedSince: (count: number) => new Set(changed.slice(count)),
};
const NEVER = Number.POSITIVE_INFINITY;

function line(n: number): string {
  return `KEY u${n}@a.test ${Buffer.from(`${n} ${Math.imul(n, 0x9e3779b1)}`).toString("base64url")}`;
}

function keep(cache: ReplyCache, n: number, expiresMs = NEVER): void {
  const reply = { text: `reply ${n}`, owner: `o${n}`, domain: "a.test", asOf: cache.asOf, expiresMs };
  cache.keep(line(n), reply);
}

test("a reply is there until its own end, its account's change or its domain's", () => {
  const cache = new ReplyCache(feed, 1000);
  for (let n = 0; n < 10; n++) keep(cache, n, 1000 + n);
  assert.equal(cache.recall(line(3), 1002), "reply 3");
  assert.equal(cache.recall(line(3), 1003), undefined);
  assert.equal(cache.recall(line(4), 1003), "reply 4");
  changed.push("o4", "o5");
  assert.equal(cache.recall(line(4), 0), undefined);
  assert.equal(cache.recall(line(6), 0), "reply 6");
  keep(cache, 5);
  assert.equal(cache.recall(line(5), 0), "reply 5", "made after the change");
  assert.equal(cache.recall(line(5).slice(0, -1), 0), undefined);
  changed.push("a.test");
  assert.equal(cache.recall(line(6), 0), undefined);
});

test("it holds what it may and no more, and gives up first what nobody asked for again", () => {
  const cache = new ReplyCache(feed, 2000);
  for (let n = 0; n < 2000; n++) keep(cache, n);
  assert.equal(cache.size, 2000);
  const often = Array.from({ length: 200 }, (_, n) => n * 7);
  for (let n = 2000; n < 12_000; n++) {
    for (const m of n % 100 === 0 ? often : []) assert.equal(cache.recall(line(m), 0), `reply ${m}`, `${n}`);
    keep(cache, n);
    assert.ok(cache.size <= 2000);
  }
  assert.equal(cache.recall(line(2001), 0), undefined);
  keep(cache, 11_999);
  assert.equal(cache.size, 2000, "the same again takes no place");
});
