/**
 * Does something with each item, so many at a time. After a failure no more are begun; rejects with it when those under way
 * have ended.
 */
export async function inParallel<T>(
  atATime: number,
  items: readonly T[],
  act: (item: T) => Promise<void>,
): Promise<void> {
  const left = items.values();
  let failed = false;
  const workers = Array.from({ length: Math.min(atATime, items.length) }, async () => {
    for (const item of left) {
      if (failed) return;
      await act(item).catch((error) => {
        failed = true;
        throw error;
      });
    }
  });
  for (const ended of await Promise.allSettled(workers)) if (ended.status === "rejected") throw ended.reason;
}
