import type { DomainPolicy, PolicyAnswer, PolicySource } from "../dns/index.ts";
import { type MessageOrigin, StapledKeys, type StapleKeySource } from "../key-lookup/index.ts";
import type { Address } from "../message/index.ts";
import type { NeighbourCheck, NeighbourQuestion, NeighbourResults } from "../neighbours/index.ts";
import {
  fromDomains,
  judge,
  MAX_FROM_DOMAINS,
  type ScannedMessage,
  type Verdict,
} from "../signature/index.ts";

export interface VerificationOptions {
  readonly keys: StapleKeySource;
  readonly policies: PolicySource;
  /** SPF, DKIM, DMARC and ARC; null where they are not wanted. */
  readonly neighbours?: NeighbourCheck | null;
  readonly clock?: { now(): number };
  /** For everything that verifying one message waits for; afterwards it is `temperror`. */
  readonly deadlineMs?: number;
}

/** The SMTP transaction that brought a message. */
export interface Transaction {
  /** Null for one that is no eligible address. */
  readonly recipients: readonly (Address | null)[];
  readonly client: {
    /** IPv4 or IPv6, without brackets. */
    readonly address: string;
    /** As in EHLO or HELO. */
    readonly helo: string;
  };
  /** Without brackets; empty for the null sender. It has no say in our own verdict (NBR-3). */
  readonly reversePath: string;
  /** The message's body as it came, from the beginning at each call. May reject. */
  body(): AsyncIterable<Uint8Array>;
}

/** What the From domains want done with mail that does not pass (POL-13). */
export interface FromPolicy {
  /** The strictest that applies. */
  readonly wanted: DomainPolicy;
  /** Where the record stands that says so; null where none does. */
  readonly domain: string | null;
  /** A stricter one is published, and only tested: it is reported and does not apply (POL-5). */
  readonly testing: boolean;
}

/** A verdict, and what else the action depends on. */
export interface Verified {
  readonly verdict: Verdict;
  /** Looked up only where it can matter. */
  readonly policy: FromPolicy;
  /** A key came with the message (STP-2): for the log. */
  readonly stapled: boolean;
  /** Null where they were not asked. */
  readonly neighbours: NeighbourResults | null;
}

type Judged = Omit<Verified, "neighbours">;

/** Verifies messages for a border: signature, key lookup, policy of the From domains (VER-1 to VER-22, POL-2). */
export class Verification {
  readonly #keys: StapleKeySource;
  readonly #policies: PolicySource;
  readonly #neighbours: NeighbourCheck | null;
  readonly #clock: { now(): number };
  readonly #deadlineMs: number;

  constructor(options: VerificationOptions) {
    this.#keys = options.keys;
    this.#policies = options.policies;
    this.#neighbours = options.neighbours ?? null;
    this.#clock = options.clock ?? Date;
    this.#deadlineMs = options.deadlineMs ?? 60_000;
  }

  async verify(message: ScannedMessage, transaction: Transaction): Promise<Verified> {
    // In parallel: they have a deadline of their own, and neither has a say in the other (NBR-1).
    const asked = this.#neighbours?.check(neighbourQuestion(message, transaction)) ?? null;
    const origin: MessageOrigin = {
      clientAddress: transaction.client.address,
      ...(asked === null ? {} : { vouched: async () => vouchedFor(await asked) }),
    };
    const judging = this.#judge(message, transaction, origin);
    const [judged, neighbours] = await Promise.all([judging, asked]);
    return { ...judged, neighbours };
  }

  async #judge(message: ScannedMessage, transaction: Transaction, origin: MessageOrigin): Promise<Judged> {
    const deadline = Promise.withResolvers<Judged>();
    let known: Judged | null = null;
    const end = (): void => deadline.resolve(withoutPolicy("verifying took too long", known));
    const timer = setTimeout(end, this.#deadlineMs);
    const judged = (soFar: Judged): void => {
      known = soFar;
    };
    try {
      return await Promise.race([this.#verify(message, transaction, origin, judged), deadline.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #verify(
    message: ScannedMessage,
    { recipients }: Transaction,
    origin: MessageOrigin,
    judged: (soFar: Judged) => void,
  ): Promise<Judged> {
    const now = Math.floor(this.#clock.now() / 1000);
    const keys = new StapledKeys(message, this.#keys, origin);
    const verdict = await judge(message, { now, recipients, keys });
    const verified: Judged = { verdict, policy: NO_POLICY, stapled: keys.used };
    if (!dependsOnPolicy(verdict)) return verified;
    judged(verified);
    const domains = fromDomains(message.header, message.index);
    // Nobody writes such mail honestly, and the domain that it is to hide would be the one after the last (POL-20).
    const tooMany = domains.length > MAX_FROM_DOMAINS;
    if (tooMany) return { ...verified, policy: { ...NO_POLICY, wanted: "reject" } };
    const { policy, isComplete } = await this.#strictest(domains, (soFar) =>
      judged({ ...verified, policy: soFar }),
    );
    if (isComplete || policy.wanted === "reject") return { ...verified, policy };
    return withoutPolicy("the policy of the From domain cannot be looked up now", { ...verified, policy });
  }

  /**
   * @param learnt is told the strictest so far whenever one more is known: whoever names a domain of his own beside another's,
   * and lets its DNS fail or take all the time there is, must not get past the other's policy
   */
  async #strictest(
    domains: readonly string[],
    learnt: (soFar: FromPolicy) => void,
  ): Promise<{ readonly policy: FromPolicy; readonly isComplete: boolean }> {
    const answers: (PolicyAnswer | null)[] = domains.map(() => null);
    await Promise.all(
      domains.map(async (domain, index) => {
        answers[index] = await this.#policies.policyFor(domain);
        learnt(strictestOf(answers));
      }),
    );
    return {
      policy: strictestOf(answers),
      isComplete: answers.every((answer) => answer?.kind !== "failure"),
    };
  }
}

function strictestOf(answers: readonly (PolicyAnswer | null)[]): FromPolicy {
  let applied: FromPolicy = NO_POLICY;
  let tested: DomainPolicy = "none";
  for (const answer of answers) {
    if (answer?.kind !== "policy") continue;
    const { policy, publishedAt } = answer;
    if (answer.testing) tested = stricter(policy, tested) ? policy : tested;
    else if (applied.domain === null || stricter(policy, applied.wanted)) {
      applied = { wanted: policy, domain: publishedAt, testing: false };
    }
  }
  return { ...applied, testing: stricter(tested, applied.wanted) };
}

const NO_POLICY: FromPolicy = { wanted: "none", domain: null, testing: false };

function stricter(a: DomainPolicy, b: DomainPolicy): boolean {
  const order: readonly DomainPolicy[] = ["none", "quarantine", "reject"];
  return order.indexOf(a) > order.indexOf(b);
}

/** IDY-16 and ACT-4: these results are handled as the From domain wants unsigned mail handled. */
function dependsOnPolicy({ result, reason }: Verdict): boolean {
  return result === "none" || result === "neutral" || reason === "body" || reason === "signature";
}

/** POL-16: without their policies signed mail waits; for unsigned mail counts what is known of them. */
function withoutPolicy(detail: string, known: Judged | null): Judged {
  return known?.verdict.result === "none" ? known : temporary(detail, known?.verdict ?? null);
}

function temporary(detail: string, known: Verdict | null): Judged {
  const verdict: Verdict = {
    result: "temperror",
    reason: "unavailable",
    identity: known?.identity ?? null,
    kid: known?.kid ?? null,
    align: null,
    rcpt: null,
    trust: null,
    detail,
    forwarder: null,
    automatic: known?.automatic ?? false,
    signature: null,
  };
  return { verdict, policy: NO_POLICY, stapled: false };
}

/** CCH-7 */
function vouchedFor({ fromPasses, dmarc }: NeighbourResults): string | null {
  return fromPasses ? dmarc.domain : null;
}

function neighbourQuestion(
  { header, bodyHashBase64, fault }: ScannedMessage,
  { client, reversePath, body }: Transaction,
): NeighbourQuestion {
  return { client, reversePath, header, bodyHashBase64: fault === null ? bodyHashBase64 : null, body };
}
