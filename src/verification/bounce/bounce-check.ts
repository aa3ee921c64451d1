import type { PolicySource } from "../../dns/index.ts";
import { StapledKeys, type StapleKeySource } from "../../key-lookup/index.ts";
import type { ScannedMessage } from "../../signature/index.ts";
import { judgeReturnedHeader } from "../../signature/index.ts";
import type { Transaction } from "../verification.ts";
import { isBounce } from "./is-bounce.ts";
import { returnedHeaders } from "./returned-headers.ts";

export interface BounceCheckOptions {
  readonly keys: StapleKeySource;
  readonly policies: PolicySource;
  readonly clock?: { now(): number };
  /** For everything that one bounce waits for; one that was not judged in time is taken. */
  readonly deadlineMs?: number;
}

/** What a bounce returns stands within its first mebibyte, or is not looked for. */
const MAX_BODY_OCTETS = 1 << 20;
/** Others try for as long before they give up (RFC 5321 §4.5.4.1). */
const GRACE_SECONDS = 5 * 86_400;

/**
 * Tells bounces of mail that we never sent (NBR-4): those to an account of a domain that signs all its mail, and whose
 * returned header holds no level-0 signature by one of that domain's keys. Where a key cannot be had now a bounce counts as
 * ours: better a forged one taken than an author who does not hear that his mail was lost.
 */
export class BounceCheck {
  readonly #keys: StapleKeySource;
  readonly #policies: PolicySource;
  readonly #clock: { now(): number };
  readonly #deadlineMs: number;

  constructor(options: BounceCheckOptions) {
    this.#keys = options.keys;
    this.#policies = options.policies;
    this.#clock = options.clock ?? Date;
    this.#deadlineMs = options.deadlineMs ?? 30_000;
  }

  /** Does not reject for what the network did; it does where the body cannot be read. */
  async isForged(message: ScannedMessage, transaction: Transaction): Promise<boolean> {
    if (transaction.reversePath !== "" || !isBounce(message.header)) return false;
    const deadline = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => deadline.resolve(false), this.#deadlineMs);
    try {
      return await Promise.race([this.#isForged(message, transaction), deadline.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #isForged(message: ScannedMessage, transaction: Transaction): Promise<boolean> {
    const domains = new Set<string>();
    for (const recipient of transaction.recipients) {
      if (recipient === null) return false;
      domains.add(recipient.domain);
    }
    for (const domain of domains) if (!(await this.#signsAll(domain))) return false;
    const keys = new StapledKeys(message, this.#keys, { clientAddress: transaction.client.address });
    const context = {
      now: Math.floor(this.#clock.now() / 1000),
      graceSeconds: GRACE_SECONDS,
      isOurs: (domain: string) => domains.has(domain),
      keys,
    };
    for (const header of returnedHeaders(await beginningOf(transaction.body()))) {
      if ((await judgeReturnedHeader(header, context)) !== "not-ours") return false;
    }
    return true;
  }

  /** POL-3: what has left the domain unsigned may come back unsigned. */
  async #signsAll(domain: string): Promise<boolean> {
    const answer = await this.#policies.policyFor(domain);
    return answer.kind === "policy" && !answer.testing && answer.policy !== "none";
  }
}

async function beginningOf(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  let octets = 0;
  for await (const piece of body) {
    // A copy: the piece may be used again.
    pieces.push(Uint8Array.from(piece.subarray(0, MAX_BODY_OCTETS - octets)));
    octets += piece.length;
    if (octets >= MAX_BODY_OCTETS) break;
  }
  return Buffer.concat(pieces);
}
