import { isAscii } from "node:buffer";
import { hash } from "node:crypto";
import { formatAddress, parseAddress } from "../message/index.ts";
import {
  firstMessageIdAt,
  isQuarantined,
  type NewMessage,
  newMessageId,
  type QuarantinedMessage,
  type Queue,
  type SeenKey,
} from "../queue/index.ts";
import { formatDigest } from "./format-digest.ts";

/** A mail of this host that somebody is to sign. */
export interface DigestOrder {
  readonly recipient: string;
  /** Whose role account signs it. */
  readonly domain: string;
  readonly smtputf8: boolean;
  /** @param from address of who signs. @returns the whole message, CRLF */
  compose(from: string): Buffer;
}

export type SignedDigest =
  | { readonly kind: "ready"; readonly messages: readonly NewMessage[] }
  | { readonly kind: "later" };

/** Never rejects. */
export interface DigestSigner {
  sign(order: DigestOrder): Promise<SignedDigest>;
}

export interface QuarantineDigestsOptions {
  readonly queue: Pick<Queue, "list" | "seen" | "enqueueOnce">;
  readonly signer: DigestSigner;
  /** This host's name. */
  readonly hostname: string;
  /** Whether somebody reads the mail to a canonical address here. */
  readonly isRead: (localPart: string, domain: string) => boolean;
  readonly reasonText: (reason: string) => string;
  readonly clock?: { now(): number };
}

const DAY_MS = 86_400_000;
/** Where no delivery ran for some days, people are told later. */
const DAYS_BACK = 7;
const PAGE = 500;
const LISTED = 100;

/** What came for a recipient on a day. */
interface Kept {
  readonly recipient: string;
  readonly domain: string;
  readonly messages: QuarantinedMessage[];
  count: number;
}

/**
 * Tells each recipient, once for each day, of what came on it and is in quarantine. That a digest was sent is remembered
 * in the transaction that queues it, so that of several processes one sends it, and none twice.
 */
export class QuarantineDigests {
  readonly #options: QuarantineDigestsOptions;
  readonly #clock: { now(): number };

  constructor(options: QuarantineDigestsOptions) {
    this.#options = options;
    this.#clock = options.clock ?? Date;
  }

  /**
   * Sends what is still to be sent of the days before this one. Rejects with a QueueStoreError.
   *
   * @returns whether that was all; what could not be signed now is to be tried again
   */
  async send(signal: AbortSignal): Promise<{ readonly sent: number; readonly complete: boolean }> {
    const today = Math.floor(this.#clock.now() / DAY_MS) * DAY_MS;
    let sent = 0;
    let complete = true;
    for (let day = today - DAYS_BACK * DAY_MS; day < today; day += DAY_MS) {
      for (const kept of await this.#keptOn(day)) {
        if (signal.aborted) return { sent, complete: false };
        const what = await this.#tell(kept, day);
        if (what === "sent") sent++;
        if (what === "later") complete = false;
      }
    }
    return { sent, complete };
  }

  async #keptOn(day: number): Promise<Kept[]> {
    const byRecipient = new Map<string, Kept>();
    for (let after = firstMessageIdAt(day); ; ) {
      const page = await this.#options.queue.list(
        { state: "quarantined", before: day + DAY_MS },
        PAGE,
        after,
      );
      for (const message of page) {
        if (!isQuarantined(message)) continue;
        for (const { address } of message.recipients) this.#note(byRecipient, address, message);
      }
      const last = page.at(-1);
      if (last === undefined || page.length < PAGE) break;
      after = last.id;
    }
    const all = [...byRecipient.values()];
    const seen = await this.#options.queue.seen(all.map((kept) => keyOf(kept, day)));
    return all.filter((_, index) => !seen[index]);
  }

  #note(byRecipient: Map<string, Kept>, recipient: string, message: QuarantinedMessage): void {
    const parsed = parseAddress(recipient);
    if (!parsed.ok || !this.#options.isRead(parsed.address.localPart, parsed.address.domain)) return;
    // Quoted where it must be: what a stranger wrote in RCPT stands in a header, and in RCPT again.
    const name = formatAddress(parsed.address);
    const kept = byRecipient.get(name) ?? {
      recipient: name,
      domain: parsed.address.domain,
      messages: [],
      count: 0,
    };
    byRecipient.set(name, kept);
    kept.count++;
    if (kept.messages.length < LISTED) kept.messages.push(message);
  }

  async #tell(kept: Kept, day: number): Promise<"sent" | "later" | "told"> {
    const { hostname, reasonText, signer, queue } = this.#options;
    const { recipient, domain, messages, count } = kept;
    const now = this.#clock.now();
    const id = newMessageId(now);
    const signed = await signer.sign({
      recipient,
      domain,
      smtputf8: !isAscii(Buffer.from(recipient)),
      compose: (from) =>
        formatDigest(messages, { from, recipient, hostname, day, count, now, id, reasonText }),
    });
    if (signed.kind === "later") return "later";
    const enqueued = await queue.enqueueOnce(signed.messages, [keyOf(kept, day)]);
    return enqueued.kind === "queued" ? "sent" : "told";
  }
}

function keyOf({ recipient }: Kept, day: number): SeenKey {
  const key = hash("sha256", `digest\0${day}\0${recipient}`, "buffer");
  return { key, until: (day + (DAYS_BACK + 2) * DAY_MS) / 1000 };
}
