import { existsSync } from "node:fs";
import { type Config, usesQueue } from "../config/index.ts";
import type { QueueStore } from "../queue/index.ts";
import { Spool } from "../spool/index.ts";
import { openQueueStore, queueLocation } from "../store/index.ts";

/** Whether these settings are of a host with a queue that has ever been used; a file is not made to find it empty. */
export function hasQueue({ store: { queue }, roles }: Config): boolean {
  return queue.kind === "file" ? existsSync(queue.path) : usesQueue(roles);
}

/** The queue's storage, beside the servers that use it. */
export interface OpenQueueStore extends AsyncDisposable {
  readonly queue: QueueStore;
}

/** @throws QueueStoreError, SpoolError, StoreMismatchError: it cannot be used, or not now */
export async function openQueue({ store }: Config): Promise<OpenQueueStore> {
  const queue = await openQueueStore(await queueLocation(store.queue), await Spool.open(store.spool));
  return { queue, [Symbol.asyncDispose]: () => queue.close() };
}
