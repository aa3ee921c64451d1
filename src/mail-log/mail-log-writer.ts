import type { CopiedEntry, DeliveredEntry, MailLog, ReceivedEntry, SubmittedEntry } from "./entries.ts";
import { type MailLogBatch, type MailLogStore, MailLogStoreError } from "./mail-log-store.ts";

export interface MailLogWriterOptions {
  readonly store: Pick<MailLogStore, "add">;
  /** Writing failed, for the first time since it last worked: entries wait. */
  readonly onAway?: (cause: unknown) => void;
  /** It works again, or the log is closed; so many entries were lost meanwhile. */
  readonly onBack?: (lost: number) => void;
  /** How long an entry waits for others. */
  readonly waitMs?: number;
  /** Bounds a transaction, in usual entries: on SQLite the event loop waits for it, some 2 ms. A larger one goes by itself. */
  readonly batchEntries?: number;
  /** What waits at most, in usual entries of about 1 KiB; further ones are counted and dropped. */
  readonly waitingEntries?: number;
  /** How long it waits after a failure at first, and at most. */
  readonly againMs?: number;
  readonly againMostMs?: number;
}

type Waiting = { readonly weight: number } & (
  | { readonly received: ReceivedEntry }
  | { readonly submitted: SubmittedEntry }
  | { readonly copied: CopiedEntry }
  | { readonly delivered: DeliveredEntry }
);

/** So many recipients cost as much as an entry. */
const RECIPIENTS_OF_WEIGHT = 8;

/**
 * Writes entries behind the mail: adding one costs a push to a list. Several are written in one transaction, off the way of
 * whoever waits for an answer; a power failure loses the last of them, never mail.
 */
export class MailLogWriter implements MailLog {
  readonly #options: Required<Omit<MailLogWriterOptions, "store" | "onAway" | "onBack">>;
  readonly #store: Pick<MailLogStore, "add">;
  readonly #onAway: (cause: unknown) => void;
  readonly #onBack: (lost: number) => void;
  #entries: Waiting[] = [];
  #weight = 0;
  #timer: NodeJS.Timeout | null = null;
  /** The timer waits for nothing. */
  #soon = false;
  #closing = false;
  #writing: Promise<void> | null = null;
  #failures = 0;
  #lost = 0;

  constructor({ store, onAway, onBack, ...options }: MailLogWriterOptions) {
    this.#store = store;
    this.#onAway = onAway ?? (() => {});
    this.#onBack = onBack ?? (() => {});
    this.#options = {
      waitMs: 200,
      batchEntries: 64,
      waitingEntries: 20_000,
      againMs: 1000,
      againMostMs: 30_000,
      ...options,
    };
  }

  received(received: ReceivedEntry): void {
    this.#add({ received, weight: weightOf(received.recipients) });
  }

  submitted(submitted: SubmittedEntry): void {
    this.#add({ submitted, weight: weightOf(submitted.recipients) });
  }

  copied(copied: CopiedEntry): void {
    this.#add({ copied, weight: weightOf(copied.copies) });
  }

  delivered(delivered: DeliveredEntry): void {
    this.#add({ delivered, weight: 1 });
  }

  /** How many wait to be written. */
  get waiting(): number {
    return this.#entries.length;
  }

  /** Writes what waits; what cannot be written now is lost. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#stopTimer();
    await this.#writing;
    do await this.#write();
    while (this.waiting > 0 && this.#failures === 0);
    this.#lost += this.waiting;
    if (this.#lost > 0) this.#onBack(this.#lost);
    this.#lost = 0;
    this.#entries = [];
  }

  #add(entry: Waiting): void {
    if (this.#weight >= this.#options.waitingEntries) this.#lost++;
    else {
      this.#entries.push(entry);
      this.#weight += entry.weight;
    }
    this.#plan();
  }

  /** A full batch is written soon, others when they have waited. */
  #plan(): void {
    if (this.#writing !== null || this.waiting === 0 || this.#closing) return;
    const soon = this.#failures === 0 && this.#weight >= this.#options.batchEntries;
    if (this.#timer !== null && (!soon || this.#soon)) return;
    this.#stopTimer();
    this.#soon = soon;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#writing = this.#write().finally(() => {
        this.#writing = null;
        this.#plan();
      });
    }, this.#pauseMs(soon));
  }

  #pauseMs(soon: boolean): number {
    const { againMs, againMostMs, waitMs } = this.#options;
    if (this.#failures > 0) return Math.min(againMostMs, againMs * 2 ** (this.#failures - 1));
    return soon ? 0 : waitMs;
  }

  async #write(): Promise<void> {
    const batch = this.#nextBatch();
    if (batch.length === 0) return;
    try {
      await this.#store.add(asBatch(batch));
    } catch (cause) {
      if (cause instanceof MailLogStoreError) {
        if (this.#failures++ === 0) this.#onAway(cause);
        return;
      }
      await this.#writeEach(batch);
    }
    this.#entries.splice(0, batch.length);
    this.#weight -= weightOfAll(batch);
    if (this.#failures > 0 || this.#lost > 0) this.#onBack(this.#lost);
    this.#failures = 0;
    this.#lost = 0;
  }

  #nextBatch(): readonly Waiting[] {
    let weight = 0;
    const end = this.#entries.findIndex((entry, index) => {
      weight += entry.weight;
      return index > 0 && weight > this.#options.batchEntries;
    });
    return end < 0 ? this.#entries.slice() : this.#entries.slice(0, end);
  }

  /** An entry that the database does not take, and never will, costs no other entry its place: nobody can hide by one. */
  async #writeEach(batch: readonly Waiting[]): Promise<void> {
    for (const entry of batch) {
      try {
        await this.#store.add(asBatch([entry]));
      } catch {
        this.#lost++;
      }
    }
  }

  #stopTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}

function asBatch(entries: readonly Waiting[]): MailLogBatch {
  return {
    received: entries.flatMap((entry) => ("received" in entry ? entry.received : [])),
    submitted: entries.flatMap((entry) => ("submitted" in entry ? entry.submitted : [])),
    copied: entries.flatMap((entry) => ("copied" in entry ? entry.copied : [])),
    delivered: entries.flatMap((entry) => ("delivered" in entry ? entry.delivered : [])),
  };
}

function weightOf(recipients: readonly string[]): number {
  return 1 + Math.floor(recipients.length / RECIPIENTS_OF_WEIGHT);
}

function weightOfAll(entries: readonly Waiting[]): number {
  return entries.reduce((sum, { weight }) => sum + weight, 0);
}
