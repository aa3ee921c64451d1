import { randomUUID } from "node:crypto";
import { newMessageId } from "./message-id.ts";
import { type QueueCommits, queueCommits } from "./queue-commits.ts";
import {
  type LeasedMessage,
  type MessageId,
  type NewMessage,
  type QueueChange,
  type QueueCounts,
  type QueueStore,
  QueueStoreError,
  type RecipientChange,
} from "./queue-store.ts";
import type { RetrySchedule } from "./retry-schedule.ts";

// The legal states, what moves between them, and what a crash leaves.
//
//   message  | becomes              | by
//   ---------+----------------------+---------------------------------------------------------------------------
//   –        | queued               | enqueue (due at once)
//   queued   | leased by a process  | lease, once it is due
//   leased   | queued               | settle with a recipient left (due when the retry schedule says), or release
//   leased   | leased by another    | lease, once the lease has run out: its process died or hung
//   leased   | gone (done)          | settle with no recipient left; the content goes with its last copy
//
//   recipient | becomes                      | by settle with
//   ----------+------------------------------+--------------------------------------------------------------------
//   pending   | delivered, deferred, failed  | that outcome; a recipient without outcome is deferred
//   deferred  | delivered, deferred, failed  | that outcome; deferred beyond the greatest age is failed
//   delivered, failed                        | final
//
// Every change is one synced transaction, so a crash leaves the state before it or the state after it:
//   before enqueue resolved      the message may be there or not; its sender was not told 250 and sends again
//   while leased                 the lease runs out and another process delivers; what the remote took without
//                                our hearing its 250 is delivered twice, nothing else is
//   before settle resolved       as while leased

/** Time as the queue sees it; tests pass a clock that they move. */
export interface QueueClock {
  /** Unix milliseconds. */
  now(): number;
  /** Calls back once after a delay; the returned function cancels. */
  schedule(delayMs: number, callback: () => void): () => void;
}

export interface QueueOptions {
  readonly store: QueueStore;
  readonly retry: RetrySchedule;
  readonly clock?: QueueClock;
  /** After how long without a sign of life another process takes over. */
  readonly leaseMs?: number;
  /** How often a waiting delivery looks for messages that another process enqueued. */
  readonly pollMs?: number;
}

/** What an attempt came to for one recipient; `detail` is the reply or the reason, for people. */
export interface RecipientOutcome {
  readonly index: number;
  readonly kind: "delivered" | "deferred" | "failed";
  readonly detail: string;
}

export type Settled =
  | {
      readonly kind: "settled";
      /** Who will never get it, with the reason: the sender has to be told. */
      readonly failed: readonly { readonly address: string; readonly detail: string }[];
      /** When the deferred are tried again, Unix milliseconds; null when none is left. */
      readonly retryAt: number | null;
    }
  /** Another process took the message over; what it finds is what counts. */
  | { readonly kind: "lease-lost" };

/** How long a settlement that the store refused waits before it is tried again. */
const SETTLE_AGAIN_MS = 2_000;
const MAX_DETAIL = 1_000;

/** A durable queue of messages on their way out. */
export class Queue {
  readonly #store: QueueStore;
  readonly #retry: RetrySchedule;
  readonly #clock: QueueClock;
  readonly #commits: QueueCommits;
  readonly #leaseMs: number;
  readonly #pollMs: number;
  /** Names this process among those that deliver from the same store. */
  readonly #owner = randomUUID();
  readonly #held = new Set<MessageId>();
  readonly #wakers = new Set<() => void>();
  #cancelRenewal: (() => void) | null = null;
  #closed = false;

  constructor(options: QueueOptions) {
    this.#store = options.store;
    this.#retry = options.retry;
    this.#clock = options.clock ?? systemClock;
    this.#commits = queueCommits(options.store);
    this.#leaseMs = options.leaseMs ?? 60_000;
    this.#pollMs = options.pollMs ?? 5_000;
  }

  /**
   * Takes messages, all or none. They are on the disk when this resolves: only then may a client hear 250.
   *
   * @throws QueueStoreError when nothing was taken
   */
  async enqueue(messages: readonly NewMessage[]): Promise<MessageId[]> {
    const enqueuedAt = this.#clock.now();
    const stored = messages.map((message) => {
      if (message.recipients.length === 0)
        throw new RangeError("a message without recipients cannot be queued");
      return { ...message, id: message.id ?? newMessageId(enqueuedAt), enqueuedAt };
    });
    await this.#commits.add({ kind: "insert", messages: stored });
    this.#wake();
    return stored.map(({ id }) => id);
  }

  /** Takes up to `limit` due messages. This process holds each, and says so again and again, until it settles it. */
  async lease(limit: number): Promise<readonly LeasedMessage[]> {
    const now = this.#clock.now();
    const leased = await this.#store.lease({ now, until: now + this.#leaseMs, owner: this.#owner, limit });
    for (const { id } of leased) this.#held.add(id);
    this.#renewLater();
    return leased;
  }

  /** The octets of a leased message in order, prefix first. @throws Error when the message is gone */
  async *content(message: LeasedMessage): AsyncGenerator<Uint8Array, void, undefined> {
    const pieces = await this.#store.content(message.id);
    if (pieces === null) throw new Error(`message ${message.id} is not in the queue any more`);
    yield* pieces;
  }

  /**
   * Records what an attempt came to and ends the lease. While the store refuses, this waits and tries again: a
   * delivery that is not recorded would be made twice.
   */
  async settle(message: LeasedMessage, outcomes: readonly RecipientOutcome[]): Promise<Settled> {
    const { id, attempt } = message;
    const now = this.#clock.now();
    const retryAt = this.#retry.next(attempt, message.enqueuedAt, now);
    const changes = message.recipients.map((recipient) => {
      const outcome = outcomes.find(({ index }) => index === recipient.index);
      return recipientChange(recipient.index, outcome, retryAt === null);
    });
    const left = changes.some(({ state }) => state === "deferred");
    const dueAt = left ? retryAt : null;
    const answer = await this.#commitPersistently({
      kind: "settle",
      settlement: { id, attempt, owner: this.#owner, changes, dueAt },
    });
    this.#held.delete(id);
    if (this.#held.size === 0) this.#stopRenewing();
    if (answer === "lease-lost") return { kind: "lease-lost" };
    if (dueAt !== null) this.#wake();
    const failed = changes
      .filter(({ state }) => state === "failed")
      .map(({ index, detail }) => ({ address: addressOf(message, index), detail }));
    return { kind: "settled", failed, retryAt: dueAt };
  }

  /** Resolves when there may be work to lease, or at once when `signal` is aborted. */
  async waitForWork(signal: AbortSignal): Promise<void> {
    let wake = (): void => {};
    const woken = new Promise<void>((resolve) => {
      wake = resolve;
    });
    this.#wakers.add(wake);
    signal.addEventListener("abort", wake);
    let cancel = (): void => {};
    try {
      if (signal.aborted) return;
      const dueAt = await this.#store.nextDueAt();
      const untilDueMs = dueAt === null ? this.#pollMs : dueAt - this.#clock.now();
      if (untilDueMs <= 0) return;
      cancel = this.#clock.schedule(Math.min(untilDueMs, this.#pollMs), wake);
      await woken;
    } finally {
      cancel();
      signal.removeEventListener("abort", wake);
      this.#wakers.delete(wake);
    }
  }

  counts(): Promise<QueueCounts> {
    return this.#store.counts();
  }

  /** Gives back what is still leased, so that the next process need not wait. The store stays open. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#stopRenewing();
    this.#wake();
    if (this.#held.size > 0) await this.#store.release(this.#owner, this.#clock.now());
    this.#held.clear();
  }

  #wake(): void {
    for (const wake of this.#wakers) wake();
  }

  #renewLater(): void {
    if (this.#cancelRenewal !== null || this.#held.size === 0 || this.#closed) return;
    this.#cancelRenewal = this.#clock.schedule(this.#leaseMs / 3, async () => {
      this.#cancelRenewal = null;
      // A renewal that fails is no catastrophe: the next one comes well before the lease runs out.
      await this.#store.renew(this.#owner, this.#clock.now() + this.#leaseMs).catch(onlyStorage);
      this.#renewLater();
    });
  }

  #stopRenewing(): void {
    this.#cancelRenewal?.();
    this.#cancelRenewal = null;
  }

  async #commitPersistently(change: QueueChange): Promise<"done" | "lease-lost"> {
    for (;;) {
      try {
        return await this.#commits.add(change);
      } catch (error) {
        onlyStorage(error);
        if (this.#closed) throw error;
        await new Promise<void>((resolve) => this.#clock.schedule(SETTLE_AGAIN_MS, resolve));
      }
    }
  }
}

const systemClock: QueueClock = {
  now: () => Date.now(),
  schedule: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};

function recipientChange(
  index: number,
  outcome: RecipientOutcome | undefined,
  tooOld: boolean,
): RecipientChange {
  const kind = outcome?.kind ?? "deferred";
  const detail = (outcome?.detail ?? "no attempt was made").slice(0, MAX_DETAIL);
  if (kind !== "deferred" || !tooOld) return { index, state: kind, detail };
  return { index, state: "failed", detail: `given up after repeated attempts; the last one: ${detail}` };
}

function addressOf(message: LeasedMessage, index: number): string {
  return message.recipients.find((recipient) => recipient.index === index)?.address ?? "";
}

function onlyStorage(error: unknown): void {
  if (!(error instanceof QueueStoreError)) throw error;
}
