import { deepEqual, ok } from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { TestPostgresql } from "../src/store/test-postgresql.ts";
import { CrashSite } from "./support/crash-site.ts";
import { type Undo, undoes } from "./support/undo.ts";

// What clients hear while the disk or the database fails, and that the queue is sound and goes on when it works again.

test("a full disk: 452 to clients; what was accepted is delivered, and then there is room again", async (t) => {
  const undo = undoes(t);
  const folder = newFolder(undo);
  const small = join(folder, "small");
  const missing = mountSmall(small, undo);
  if (missing !== null) return t.skip(missing);
  const queue = join(small, "queue.sqlite");
  const site = await CrashSite.prepare({ folder, queue, spool: join(small, "spool"), clients: 3 });
  undo(() => site.end());
  site.sink.takes = false;
  const child = await site.begin(null);
  site.startClients();
  await until(() => site.refusals("452") >= 20);
  const full = site.accepted;
  ok(full > 20);
  site.sink.takes = true;
  child.tell({ do: "release" });
  await until(() => site.accepted > full + 20);
  const { problems } = await site.finish(child);
  deepEqual(problems, []);
  ok(site.refusals("452") > 0);
});

test("a disk that fails to sync: 451 to clients, and nothing is lost or sent twice", async (t) => {
  if (spawnSync("strace", ["--version"]).status !== 0) return t.skip("peer: strace is not installed");
  const undo = undoes(t);
  const folder = newFolder(undo);
  const site = await CrashSite.prepare({ folder, queue: "queue.sqlite", clients: 3 });
  undo(() => site.end());
  const inject = "inject=fsync,fdatasync:error=EIO:when=60+5";
  const under = [
    "strace",
    "-f",
    "--seccomp-bpf",
    "-o",
    "/dev/null",
    "-e",
    "trace=fsync,fdatasync",
    "-e",
    inject,
  ];
  const failing = await site.begin(null, under);
  site.startClients();
  await until(() => site.refusals("451") >= 20 && site.accepted >= 20);
  await failing.stop();
  const { problems } = await site.finish(await site.begin(null));
  deepEqual(problems, []);
});

test("PostgreSQL vanishes under load: 451 to clients, and all goes on when it is back", async (t) => {
  const undo = undoes(t);
  const server = await TestPostgresql.start();
  if (typeof server === "string") return t.skip(server);
  undo(() => server.stop());
  const queue = await server.makeDatabase();
  const site = await CrashSite.prepare({ folder: newFolder(undo), queue, clients: 3 });
  undo(() => site.end());
  const child = await site.begin(null);
  site.startClients();
  for (let round = 1; round <= 3; round++) {
    const before = site.accepted;
    await until(() => site.accepted >= before + 20);
    await server.kill();
    const refused = site.refusals("451");
    await until(() => site.refusals("451") >= refused + 5);
    await server.startAgain();
  }
  const before = site.accepted;
  await until(() => site.accepted >= before + 20);
  const { problems } = await site.finish(child);
  deepEqual(problems, []);
});

function newFolder(undo: Undo): string {
  const folder = mkdtempSync(join(tmpdir(), "vsmtp-faults-"));
  undo(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function until(reached: () => boolean): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!reached()) {
    ok(Date.now() < deadline, "it did not come to that within a minute");
    await sleep(10);
  }
}

/** Why a file system of 32 MiB cannot be had; null where it was mounted. */
function mountSmall(folder: string, undo: Undo): string | null {
  if (process.getuid?.() !== 0) return "only root can mount a small file system";
  mkdirSync(folder);
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=32m", "tmpfs", folder]).status === 0;
  if (!mounted) return "a small file system cannot be mounted here";
  undo(() => execFileSync("umount", ["--lazy", folder]));
  return null;
}
