import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type ChangeFeed, RecentChanges } from "./index.ts";

/** Knows all that ever changed, unless it is told to forget. */
class TestFeed implements ChangeFeed {
  readonly changed: string[] = [];
  forgotten = 0;

  changeCount(): number {
    return this.changed.length;
  }
  changedSince(count: number): ReadonlySet<string> | null {
    return count < this.forgotten ? null : new Set(this.changed.slice(count));
  }
}

test("what changed is never taken for unchanged, and what is looked at often enough is never forgotten", () => {
  const subject = fc.constantFrom("a", "b", "c", "d", "e", "f");
  const step = fc.oneof(
    subject.map((name) => ({ kind: "change" as const, name })),
    subject.map((name) => ({ kind: "read" as const, name })),
    fc.constant({ kind: "forget" as const }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), fc.integer({ min: 1, max: 4 }), (steps, max) => {
      const feed = new TestFeed();
      const changes = new RecentChanges(feed, max);
      const read = new Map<string, number>();
      for (const next of steps) {
        if (next.kind === "change") feed.changed.push(next.name);
        else if (next.kind === "read") read.set(next.name, changes.count);
        else feed.forgotten = feed.changed.length;
        for (const [name, asOf] of read) {
          const isChanged = feed.changed.slice(asOf).includes(name);
          if (changes.unchanged(name, asOf)) {
            assert.equal(isChanged, false, name);
            read.set(name, changes.count);
          } else {
            if (max > 1 && feed.forgotten === 0) assert.equal(isChanged, true, name);
            read.delete(name);
          }
        }
      }
    }),
    { numRuns: 500 },
  );
});

test("more changes than are held: what nobody wanted meanwhile is forgotten, the rest stays", () => {
  const feed = new TestFeed();
  const changes = new RecentChanges(feed, 10);
  const start = changes.count;
  let wanted = start;
  for (let n = 0; n < 100; n++) {
    feed.changed.push(`account ${n}`);
    assert.ok(changes.unchanged("wanted", wanted));
    wanted = changes.count;
  }
  assert.equal(changes.unchanged("not wanted", start), false);
  for (let n = 0; n < 100; n++) feed.changed.push(`account ${n}`);
  assert.equal(changes.unchanged("wanted", wanted), false, "a hundred at once are too many");
});
