import assert from "node:assert/strict";
import { test } from "node:test";
import { FreshCache } from "./fresh-cache.ts";

test("a value is loaded once until something it depends on changes, and only then again", async () => {
  const changed: string[] = [];
  const feed = {
    changeCount: () => changed.length,
    changedSince: (count: number) => new Set(changed.slice(count)),
  };
  const values = new Map([
    ["allice", { owner: "a", text: "1" }],
    ["bob", { owner: "b", text: "2" }],
  ]);
  const loaded: string[] = [];
  let whileLoading = (): void => {};
  const cache = new FreshCache(
    feed,
    10,
    async (key) => {
      loaded.push(key);
      const value = values.get(key) ?? null;
      whileLoading();
      return value;
    },
    ({ owner }) => [owner],
  );
  for (const key of ["allice", "bob", "allice", "bob"]) await cache.get(key);
  assert.deepEqual(loaded.splice(0), ["allice", "bob"]);
  changed.push("a", "c");
  assert.equal(cache.peek("allice"), undefined);
  assert.equal(cache.peek("bob")?.text, "2");
  whileLoading = () => changed.push("a");
  assert.equal((await cache.get("allice"))?.text, "1", "serves who asked");
  assert.equal(cache.peek("allice"), undefined, "and nobody else: it changed while it was read");
  whileLoading = () => {};
  assert.deepEqual([await cache.get("carol"), await cache.get("carol")], [null, null]);
  assert.deepEqual(loaded, ["allice", "carol", "carol"], "nothing is remembered of what is not there");
});
