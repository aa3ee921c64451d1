import { deepEqual, ok } from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { TestPostgresql } from "../src/store/test-postgresql.ts";
import { Killer, places } from "./support/crash-deaths.ts";
import { CrashSite } from "./support/crash-site.ts";
import { type Undo, undoes } from "./support/undo.ts";

// Whatever was answered 250 arrives whole, and once unless the other server's own 250 was on its way, however often the
// process is killed. VSMTP_KILLS=1000 kills longer, in parts that the runner does not take for a standstill.
const kills = Number(process.env.VSMTP_KILLS ?? 210);
const killsInPart = 10;

const timeout = kills * 4_000;

test("killed at every step and at random", { concurrency: true, timeout }, async (t) => {
  const share = Math.ceil(kills / 3);
  await Promise.all([
    t.test("its queue in a file", { timeout }, (t) => kill(t, undoes(t), "queue.sqlite", share)),
    t.test("its queue in another file", { timeout }, (t) => kill(t, undoes(t), "queue.sqlite", share)),
    t.test("its queue in PostgreSQL", { timeout }, async (t) => {
      const server = await TestPostgresql.start();
      if (typeof server === "string") return t.skip(server);
      const undo = undoes(t);
      undo(() => server.stop());
      await kill(t, undo, await server.makeDatabase(), share);
    }),
  ]);
});

async function kill(t: TestContext, undo: Undo, queue: string, times: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "vsmtp-crash-"));
  undo(() => rmSync(folder, { recursive: true, force: true }));
  const site = await CrashSite.prepare({ folder, queue, clients: 3 });
  undo(() => site.end());
  site.startClients();
  const killer = new Killer(site);
  for (let left = times; left > 0; left -= killsInPart) {
    await t.test("some kills", () => killer.kill(Math.min(killsInPart, left)));
  }
  await site.sink.openLate();
  const { problems, ...figures } = await site.finish(await site.begin(null));
  t.diagnostic(JSON.stringify({ ...figures, ...Object.fromEntries(killer.struck) }));
  deepEqual(problems, []);
  ok(figures.accepted > times);
  // Every other kill is at random; a busy machine does not come to all places in time.
  if (times >= 2 * places) ok(killer.struck.size > places / 2, "killed at too few places");
}
