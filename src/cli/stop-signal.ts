import { constants } from "node:os";

/**
 * Within this time the same request may come twice: terminals and timeout(1) signal a whole process group, in which
 * npm and scripts/run.mjs pass their signal on.
 */
const ECHO_MS = 1000;

/** Waits until the process is told to stop. Told again later, it ends at once, whatever it is doing. */
export function stopSignal(): Promise<NodeJS.Signals> {
  const { promise, resolve } = Promise.withResolvers<NodeJS.Signals>();
  let stoppedAtMs: number | null = null;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      const nowMs = performance.now();
      stoppedAtMs ??= nowMs;
      if (nowMs - stoppedAtMs > ECHO_MS) process.exit(128 + constants.signals[signal]);
      resolve(signal);
    });
  }
  return promise;
}
