import { setTimeout as pause } from "node:timers/promises";
import type { MailLogStore } from "./mail-log-store.ts";

export interface ForgettingOptions {
  readonly store: Pick<MailLogStore, "forget">;
  readonly keepMs: number;
  readonly onFailure?: (cause: unknown) => void;
  readonly clock?: { now(): number };
  /** Between two times, and before the first. */
  readonly everyMs?: number;
  readonly firstAfterMs?: number;
  /** Messages that go at a time: on SQLite the event loop waits for it, some 2 ms. */
  readonly messages?: number;
  readonly pauseMs?: number;
}

/** Removes what was kept long enough, in steps that hold nobody up. @returns what ends it */
export function beginForgetting(options: ForgettingOptions): () => Promise<void> {
  const { store, keepMs, clock = Date, everyMs = 900_000, firstAfterMs = 60_000 } = options;
  const { messages = 50, pauseMs = 20, onFailure = () => {} } = options;
  const stop = new AbortController();
  const { signal } = stop;
  const forget = async (): Promise<void> => {
    try {
      while (!signal.aborted && (await store.forget(clock.now() - keepMs, messages))) {
        await pause(pauseMs, null, { signal });
      }
    } catch (cause) {
      if (!signal.aborted) onFailure(cause);
    }
  };
  const run = (async () => {
    for (let waitMs = firstAfterMs; ; waitMs = everyMs) {
      await pause(waitMs, null, { signal, ref: false }).catch(() => {});
      if (signal.aborted) return;
      await forget();
    }
  })();
  return () => {
    stop.abort();
    return run;
  };
}
