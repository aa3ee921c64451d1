// A thread that says when a millisecond has begun, as long as somebody wants to know: see ticks.ts.
import { parentPort, workerData } from "node:worker_threads";
import { nowMs } from "./ticks.ts";

/** The first cell is 1 while ticks are wanted; the second never changes: waiting for that is sleeping. */
const cells = workerData as Int32Array;
const WANTED = 0;
const NEVER = 1;

for (;;) {
  Atomics.wait(cells, WANTED, 0);
  const now = nowMs();
  Atomics.wait(cells, NEVER, 0, Math.floor(now) + 1 - now);
  parentPort?.postMessage(Math.floor(nowMs()));
}
