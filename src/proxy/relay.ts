import type { MessageId } from "../queue/index.ts";
import type { EnvelopeRecipient, Failure, Reply, StepOutcome } from "../smtp/index.ts";
import { SpoolError } from "../spool/index.ts";
import type { NextHopTransaction } from "./next-hop-transaction.ts";
import { replyToAll } from "./replies.ts";

/** What some recipients of a message get: one transaction. */
export interface Copy {
  /** In Received. */
  readonly id: MessageId;
  readonly recipients: readonly EnvelopeRecipient[];
  /** What this copy alone begins with. */
  readonly prefix: Uint8Array;
  /** The header, and what follows of it in memory; the same for all copies. */
  readonly inline: readonly Uint8Array[];
  /** The rest; from its beginning at each call. Rejects with a SpoolError. */
  body(): AsyncIterable<Uint8Array>;
  readonly octets: number;
  readonly eightBit: boolean;
}

export interface Relayed {
  /** For our client. */
  readonly reply: Reply;
  /** The copies that the next hop took; all of them where the reply is positive. */
  readonly accepted: readonly Copy[];
  /** What became of each copy, as far as it was tried. */
  readonly outcomes: ReadonlyMap<Copy, StepOutcome>;
  /** What failed on our side; null where nothing did. */
  readonly cause: unknown;
}

export interface RelayOptions {
  /** A transaction for this copy, nothing of it begun. */
  readonly begin: (copy: Copy) => NextHopTransaction;
  /** The one in which the recipients were asked for. */
  readonly opened: NextHopTransaction;
  /** How many more transactions may be under way beside one. */
  readonly room: () => number;
  readonly wait: (ms: number) => Promise<void>;
}

/** So many copies are under way at a time. */
const MOST_AT_ONCE = 10;
/** How long it is waited for a next hop that took a part of the copies and then failed; below what clients wait (100 s). */
const RETRY_AFTER_MS = [1000, 3000, 10_000, 30_000];
/** After this nothing is tried any more: it may have been slow, too. */
const PATIENCE_MS = 60_000;

/** Passes the copies of one message on, and makes one reply of what the next hop says. */
export class Relay {
  readonly #options: RelayOptions;
  readonly #copies: readonly Copy[];
  readonly #outcomes = new Map<Copy, StepOutcome>();
  #cause: unknown = null;

  /** @param copies at least one */
  constructor(copies: readonly Copy[], options: RelayOptions) {
    this.#copies = copies;
    this.#options = options;
  }

  /**
   * A client can be told one thing only, so as long as nothing was accepted it is all or nothing: of the first group every
   * copy is there but for its dot before the first dot is sent, and the others' only when that was accepted. What fails behind
   * that is tried again while the client waits.
   */
  async run(): Promise<Relayed> {
    const { opened, wait } = this.#options;
    const [only] = this.#copies;
    if (only !== undefined && this.#copies.length === 1 && isFor(only, opened)) {
      this.#outcomes.set(only, await this.#sendAlone(opened, only));
      return this.#conclude();
    }
    await opened.abandon();
    const first = this.#copies.slice(0, this.#groupSize);
    const failure = await this.#sendTogether(first);
    if (failure !== null) {
      for (const copy of first)
        if (!this.#outcomes.has(copy)) this.#outcomes.set(copy, { ok: false, failure });
      return this.#conclude();
    }
    const until = performance.now() + PATIENCE_MS;
    await this.#sendEach(this.#copies.slice(first.length));
    for (const ms of RETRY_AFTER_MS) {
      const deferred = this.#copies.filter((copy) => isDeferred(this.#outcomes.get(copy)));
      if (deferred.length === 0 || performance.now() > until) break;
      await wait(ms);
      await this.#sendEach(deferred);
    }
    return this.#conclude();
  }

  get #groupSize(): number {
    return Math.min(MOST_AT_ONCE, 1 + this.#options.room());
  }

  /** @returns what went wrong; then nothing was accepted */
  async #sendTogether(copies: readonly Copy[]): Promise<Failure | null> {
    const transactions = copies.map((copy) => ({ copy, transaction: this.#options.begin(copy) }));
    let accepted = false;
    try {
      const sending = transactions.map(async ({ copy, transaction }) => {
        return (await openFor(transaction, copy)) ?? this.#sendContent(transaction, copy);
      });
      const failed = (await Promise.all(sending)).find((failure) => failure !== null);
      if (failed !== undefined) return failed;
      const [first, ...others] = transactions;
      if (first === undefined) return null;
      const outcome = await first.transaction.end();
      if (!outcome.ok) return outcome.failure;
      accepted = true;
      this.#outcomes.set(first.copy, outcome);
      await Promise.all(
        others.map(async ({ copy, transaction }) => void this.#outcomes.set(copy, await transaction.end())),
      );
      return null;
    } finally {
      if (!accepted) await Promise.all(transactions.map(({ transaction }) => transaction.abandon()));
    }
  }

  /** Each for itself: what becomes of one changes nothing for the others. */
  async #sendEach(copies: readonly Copy[]): Promise<void> {
    for (let at = 0; at < copies.length; ) {
      const some = copies.slice(at, at + this.#groupSize);
      at += some.length;
      const sending = some.map(async (copy) => {
        const transaction = this.#options.begin(copy);
        const failure = await openFor(transaction, copy);
        const outcome: StepOutcome =
          failure === null ? await this.#sendAlone(transaction, copy) : { ok: false, failure };
        this.#outcomes.set(copy, outcome);
        await transaction.abandon();
      });
      await Promise.all(sending);
    }
  }

  /** All but the dot. */
  async #sendContent(transaction: NextHopTransaction, copy: Copy): Promise<Failure | null> {
    const go = await transaction.data(copy.eightBit);
    if (!go.ok) return go.failure;
    for await (const piece of this.#pieces(copy)) {
      const failure = piece instanceof Uint8Array ? await transaction.write(piece) : piece;
      if (failure !== null) return failure;
    }
    return null;
  }

  /** The same with the dot; what is small goes out in one piece with it. */
  async #sendAlone(transaction: NextHopTransaction, copy: Copy): Promise<StepOutcome> {
    const go = await transaction.data(copy.eightBit);
    if (!go.ok) return go;
    let last: Uint8Array | null = null;
    for await (const piece of this.#pieces(copy)) {
      if (!(piece instanceof Uint8Array)) {
        await transaction.abandon();
        return { ok: false, failure: piece };
      }
      // Always one piece behind, so that the last one goes out together with the dot.
      const failure = last && (await transaction.write(last));
      if (failure !== null) return { ok: false, failure };
      last = piece;
    }
    return transaction.end(last ?? undefined);
  }

  /** The content; a failure is the last of it. */
  async *#pieces({ prefix, inline, body }: Copy): AsyncGenerator<Uint8Array | Failure> {
    yield Buffer.concat([prefix, ...inline]);
    try {
      for await (const piece of body()) yield piece;
    } catch (error) {
      if (!(error instanceof SpoolError)) throw error;
      this.#cause = error;
      const text = "the message cannot be read here";
      yield { status: "deferred", stage: "content", code: null, enhanced: "4.3.0", text };
    }
  }

  #conclude(): Relayed {
    const accepted = this.#copies.filter((copy) => this.#outcomes.get(copy)?.ok === true);
    const answer = replyToAll(this.#copies, this.#outcomes);
    return { reply: answer, accepted, outcomes: this.#outcomes, cause: this.#cause };
  }
}

/** The transaction that is there has exactly this copy's recipients. */
function isFor({ recipients }: Copy, { accepted }: NextHopTransaction): boolean {
  return recipients.length === accepted.length && recipients.every((one) => accepted.includes(one));
}

/** MAIL, and RCPT for all of them. */
async function openFor(transaction: NextHopTransaction, { recipients }: Copy): Promise<Failure | null> {
  const begun = await transaction.mail();
  if (!begun.ok) return begun.failure;
  for (const recipient of recipients) {
    const outcome = await transaction.rcpt(recipient);
    // It was taken a moment ago.
    if (!outcome.ok) return { ...outcome.failure, text: `<${recipient.text}>: ${outcome.failure.text}` };
  }
  return null;
}

function isDeferred(outcome: StepOutcome | undefined): boolean {
  return outcome?.ok === false && outcome.failure.status === "deferred";
}
