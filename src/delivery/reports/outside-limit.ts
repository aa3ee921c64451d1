import { LRUCache } from "lru-cache";

const HOUR_MS = 3_600_000;
const PER_SENDER = 10;
const IN_ALL = 1_000;
const REMEMBERED_SENDERS = 20_000;

/**
 * How many reports go to senders elsewhere, whom nobody proved: whoever forges an address must not be able to have it
 * flooded from here, nor many of them. Counted by the hour, in this process.
 */
export class OutsideLimit {
  readonly #perSender = new LRUCache<string, number>({ max: REMEMBERED_SENDERS });
  #began = Number.NEGATIVE_INFINITY;
  #inAll = 0;

  /** Null: there may be one more, and it is counted. Else why not, for the log. @param now Unix milliseconds */
  take(sender: string, now: number): string | null {
    if (now - this.#began >= HOUR_MS) {
      this.#perSender.clear();
      this.#inAll = 0;
      this.#began = now;
    }
    // What stands behind a plus sign comes to the same mailbox (RFC 5233), whatever a forger puts there.
    const key = sender.toLowerCase().replace(/\+[^@]*(?=@[^@]*$)/, "");
    const count = this.#perSender.get(key) ?? 0;
    if (count >= PER_SENDER) return `${PER_SENDER} reports went to this sender in an hour`;
    if (this.#inAll >= IN_ALL) return `${IN_ALL} reports went to senders elsewhere in an hour`;
    this.#perSender.set(key, count + 1);
    this.#inAll++;
    return null;
  }
}
