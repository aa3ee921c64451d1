import type { QueueFilter, QueueOrder } from "./operators-view.ts";
import type { QueueStore } from "./queue-store.ts";

/** One transaction takes so many, so that the servers on this queue need not wait. */
const messagesAtATime = 500;

/**
 * Carries out an operator's order for all messages that match when it is given: what comes in meanwhile could keep it
 * going for ever.
 *
 * @param now Unix milliseconds
 * @param onStep is told after each transaction for how many it was carried out so far
 * @returns for how many
 */
export async function orderAll(
  store: QueueStore,
  filter: QueueFilter,
  order: QueueOrder,
  now: number,
  onStep: (messages: number) => void = () => {},
): Promise<number> {
  const there = { ...filter, before: Math.min(filter.before ?? Number.POSITIVE_INFINITY, now + 1) };
  let messages = 0;
  for (;;) {
    // One time for all: what it was carried out for once is not found again.
    const some = await store.order(there, order, now, messagesAtATime);
    if (some === 0) return messages;
    messages += some;
    onStep(messages);
  }
}
