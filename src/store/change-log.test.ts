import assert from "node:assert/strict";
import { test } from "node:test";
import { ChangeLog } from "./change-log.ts";

test("what changed is told since any count that is remembered, and nothing is left out", () => {
  const log = new ChangeLog();
  const counts = [log.count];
  for (let n = 0; n < 30_000; n += 2) {
    log.add([`s${n}`, `s${n + 1}`]);
    counts.push(log.count);
  }
  assert.equal(log.since(0), null, "too long ago");
  let told = 0;
  for (const [index, count] of counts.entries()) {
    if (index % 500 !== 0) continue;
    const since = log.since(count);
    if (since === null) continue;
    assert.equal(since.size, 30_000 - 2 * index);
    told++;
  }
  assert.ok(told > 4);
  const { count } = log;
  log.add([]);
  assert.equal(log.count, count, "nothing changed");
  assert.deepEqual([...(log.since(count) ?? ["?"])], []);
  log.forgetAll();
  assert.equal(log.since(count), null);
  assert.deepEqual([...(log.since(log.count) ?? ["?"])], []);
});
