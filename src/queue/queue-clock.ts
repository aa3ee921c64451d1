/** Time as the queue sees it; tests pass a clock that they move. */
export interface QueueClock {
  /** Unix milliseconds. */
  now(): number;
  /** Calls back once after a delay; the returned function cancels. */
  schedule(delayMs: number, callback: () => void): () => void;
}

export const systemClock: QueueClock = {
  now: () => Date.now(),
  schedule: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};
