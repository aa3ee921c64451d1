import type { DeliveredEntry, MailLog, ReceivedEntry, SubmittedEntry } from "./entries.ts";
import { type MailLogBatch, type MailLogStore, MailLogStoreError } from "./mail-log-store.ts";

export interface MailLogWriterOptions {
  readonly store: Pick<MailLogStore, "add">;
  /** Writing failed, for the first time since it last worked: entries wait. */
  readonly onAway?: (cause: unknown) => void;
  /** It works again, or the log is closed; so many entries were lost meanwhile. */
  readonly onBack?: (lost: number) => void;
  /** How long an entry waits for others. */
  readonly waitMs?: number;
  /** Bounds a transaction: on SQLite the event loop waits for it, about 40 µs for each entry. */
  readonly batchEntries?: number;
  /** What waits at most, about 1 KiB each; further entries are counted and dropped. */
  readonly waitingEntries?: number;
  /** How long it waits after a failure at first, and at most. */
  readonly againMs?: number;
  readonly againMostMs?: number;
}

/**
 * Writes entries behind the mail: adding one costs a push to a list. Several are written in one transaction, off the way of
 * whoever waits for an answer; a power failure loses the last of them, never mail.
 */
export class MailLogWriter implements MailLog {
  readonly #options: Required<Omit<MailLogWriterOptions, "store" | "onAway" | "onBack">>;
  readonly #store: Pick<MailLogStore, "add">;
  readonly #onAway: (cause: unknown) => void;
  readonly #onBack: (lost: number) => void;
  #received: ReceivedEntry[] = [];
  #submitted: SubmittedEntry[] = [];
  #delivered: DeliveredEntry[] = [];
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

  received(entry: ReceivedEntry): void {
    if (this.#hasRoom()) this.#received.push(entry);
    this.#plan();
  }

  submitted(entry: SubmittedEntry): void {
    if (this.#hasRoom()) this.#submitted.push(entry);
    this.#plan();
  }

  delivered(entry: DeliveredEntry): void {
    if (this.#hasRoom()) this.#delivered.push(entry);
    this.#plan();
  }

  /** How many wait to be written. */
  get waiting(): number {
    return this.#received.length + this.#submitted.length + this.#delivered.length;
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
    this.#received = [];
    this.#submitted = [];
    this.#delivered = [];
  }

  #hasRoom(): boolean {
    if (this.waiting < this.#options.waitingEntries) return true;
    this.#lost++;
    return false;
  }

  /** A full batch is written soon, others when they have waited. */
  #plan(): void {
    if (this.#writing !== null || this.waiting === 0 || this.#closing) return;
    const soon = this.#failures === 0 && this.waiting >= this.#options.batchEntries;
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
    if (this.waiting === 0) return;
    const { batchEntries } = this.#options;
    const received = this.#received.splice(0, batchEntries);
    const submitted = this.#submitted.splice(0, batchEntries - received.length);
    const delivered = this.#delivered.splice(0, batchEntries - received.length - submitted.length);
    try {
      await this.#add({ received, submitted, delivered });
    } catch (cause) {
      this.#received.unshift(...received);
      this.#submitted.unshift(...submitted);
      this.#delivered.unshift(...delivered);
      if (this.#failures++ === 0) this.#onAway(cause);
      return;
    }
    if (this.#failures > 0 || this.#lost > 0) this.#onBack(this.#lost);
    this.#failures = 0;
    this.#lost = 0;
  }

  /** An entry that the database does not take, and never will, costs no other entry its place: nobody can hide by one. */
  async #add(batch: MailLogBatch): Promise<void> {
    try {
      await this.#store.add(batch);
    } catch (cause) {
      if (cause instanceof MailLogStoreError) throw cause;
      const { received = [], submitted = [], delivered = [] } = batch;
      if (received.length + submitted.length + delivered.length === 1) {
        this.#lost++;
        return;
      }
      for (const entry of received) await this.#add({ received: [entry] });
      for (const entry of submitted) await this.#add({ submitted: [entry] });
      for (const entry of delivered) await this.#add({ delivered: [entry] });
    }
  }

  #stopTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
