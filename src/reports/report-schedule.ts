import { createHash } from "node:crypto";
import type { MailLogStore } from "../mail-log/index.ts";
import type { DailyReports } from "./daily-reports.ts";

export interface ReportScheduleOptions {
  readonly log: Pick<MailLogStore, "claimDay">;
  readonly reports: Pick<DailyReports, "send">;
  /** Decides the minute: receivers of reports should not get all of them at once. */
  readonly reporter: string;
  /** The mail log could not be used; it is tried again. */
  readonly onFailure: (cause: unknown) => void;
  /** Unix milliseconds. */
  readonly now?: () => number;
}

const DAY_MS = 86_400_000;
const LOOK_EVERY_MS = 600_000;
/** Entries of the day before have been written by then. */
const EARLIEST_MS = 30 * 60_000;
const SPREAD_MS = 2 * 3_600_000;

/** Sends reports once a day, from whichever process of an installation comes first. */
export class ReportSchedule {
  readonly #options: ReportScheduleOptions;
  readonly #now: () => number;
  readonly #startsAfterMs: number;
  readonly #stopped = new AbortController();
  #doneFor: string | null = null;
  #timer: NodeJS.Timeout | null = null;
  #working: Promise<void> = Promise.resolve();

  constructor(options: ReportScheduleOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    const hash = createHash("sha256").update(options.reporter).digest().readUInt32BE(0);
    this.#startsAfterMs = EARLIEST_MS + (hash % SPREAD_MS);
  }

  start(): void {
    const look = (): void => {
      this.#working = this.#working.then(() => this.look());
    };
    this.#timer = setInterval(look, LOOK_EVERY_MS).unref();
    look();
  }

  /** Lets the reports under way come to their end. */
  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#stopped.abort();
    await this.#working;
  }

  /** Sends the reports if it is time and nobody did. Never rejects. */
  async look(): Promise<void> {
    const now = this.#now();
    const today = dayOf(now);
    if (this.#doneFor === today || now % DAY_MS < this.#startsAfterMs || this.#stopped.signal.aborted) return;
    const { log, reports } = this.#options;
    try {
      const first = await log.claimDay("reports", today);
      this.#doneFor = today;
      if (!first) return;
      const { signal } = this.#stopped;
      await reports.send(dayOf(now - DAY_MS), { last: false, signal });
      // What failed yesterday, or was left when a process ended, has its second and last chance.
      await reports.send(dayOf(now - 2 * DAY_MS), { last: true, signal });
    } catch (cause) {
      this.#options.onFailure(cause);
    }
  }
}

/** As `2026-11-25`. @param time Unix milliseconds */
export function dayOf(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}
