import type { DomainPolicy, PolicySource } from "../dns/index.ts";
import { StapledKeys, type StapleKeySource } from "../key-lookup/index.ts";
import type { Address, AuthenticationResult } from "../message/index.ts";
import { fromDomains, judge, type ScannedMessage, type Verdict } from "../signature/index.ts";

export interface VerificationOptions {
  readonly keys: StapleKeySource;
  readonly policies: PolicySource;
  readonly clock?: { now(): number };
  /** For everything that verifying one message waits for; afterwards it is `temperror`. */
  readonly deadlineMs?: number;
}

/** A verdict, and what the From domains want done where it is no pass. */
export interface Verified {
  readonly verdict: Verdict;
  /** The strictest that applies (POL-13); looked up only where it can matter. */
  readonly policy: DomainPolicy;
  /** A key came with the message (STP-2): for the log. */
  readonly stapled: boolean;
}

/**
 * From lists with more domains than this are not looked up but handled as the strictest policy wants: nobody writes
 * such mail honestly, and the domain that it is to hide would be the one after the last that is asked for (POL-20).
 */
const MAX_FROM_DOMAINS = 8;

/** Verifies messages for a border: signature, key lookup, policy of the From domains (VER-1 to VER-22, POL-2). */
export class Verification {
  readonly #keys: StapleKeySource;
  readonly #policies: PolicySource;
  readonly #clock: { now(): number };
  readonly #deadlineMs: number;

  constructor(options: VerificationOptions) {
    this.#keys = options.keys;
    this.#policies = options.policies;
    this.#clock = options.clock ?? Date;
    this.#deadlineMs = options.deadlineMs ?? 60_000;
  }

  /** @param recipients the transaction's; null for one that is no eligible address */
  async verify(message: ScannedMessage, recipients: readonly (Address | null)[]): Promise<Verified> {
    const deadline = Promise.withResolvers<Verified>();
    const timer = setTimeout(() => deadline.resolve(temporary("verifying took too long")), this.#deadlineMs);
    try {
      return await Promise.race([this.#verify(message, recipients), deadline.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #verify(message: ScannedMessage, recipients: readonly (Address | null)[]): Promise<Verified> {
    const now = Math.floor(this.#clock.now() / 1000);
    const keys = new StapledKeys(message, this.#keys);
    const verdict = await judge(message, { now, recipients, keys });
    const stapled = keys.used;
    if (!dependsOnPolicy(verdict)) return { verdict, policy: "none", stapled };
    const domains = fromDomains(message.header, message.index);
    const policy = domains.length > MAX_FROM_DOMAINS ? "reject" : await this.#strictest(domains);
    if (policy !== null) return { verdict, policy, stapled };
    // POL-16: without its policy signed mail waits, unsigned mail has none.
    if (verdict.result === "none") return { verdict, policy: "none", stapled };
    return temporary("the policy of the From domain cannot be looked up now", verdict);
  }

  async #strictest(domains: readonly string[]): Promise<DomainPolicy | null> {
    const answers = await Promise.all(domains.map((domain) => this.#policies.policyFor(domain)));
    let failed = false;
    let strictest: DomainPolicy = "none";
    for (const answer of answers) {
      if (answer.kind === "failure") failed = true;
      if (answer.kind !== "policy" || answer.testing) continue;
      if (answer.policy === "reject" || strictest === "none") strictest = answer.policy;
    }
    return failed && strictest !== "reject" ? null : strictest;
  }
}

/** IDY-16 and ACT-4: these results are handled as the From domain wants unsigned mail handled. */
function dependsOnPolicy({ result, reason }: Verdict): boolean {
  return result === "none" || result === "neutral" || reason === "body" || reason === "signature";
}

function temporary(detail: string, known: Verdict | null = null): Verified {
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
  };
  return { verdict, policy: "none", stapled: false };
}

/** The verdict as RFC 8601 records it (REC-1). */
export function authenticationResult(verdict: Verdict): AuthenticationResult {
  const { identity, kid, align, rcpt, trust } = verdict;
  const named: [string, string | null][] = [
    ["header.i", identity],
    ["header.k", kid],
    ["policy.align", align],
    ["policy.rcpt", rcpt],
    ["policy.trust", trust],
  ];
  return {
    method: "vsmtp",
    result: verdict.result,
    reason: verdict.result === "none" ? null : verdict.reason,
    properties: named.flatMap(([name, value]) => (value === null ? [] : [[name, value] as const])),
  };
}
