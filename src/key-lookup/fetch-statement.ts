import { isSignedBy, judgeStatement, parseStatement, type StatementResult } from "../key-protocol/index.ts";
import type { Address } from "../message/index.ts";
import type { Trust } from "../signature/index.ts";
import { type AskOptions, askTarget, type TargetAnswer } from "./ask-target.ts";
import { type Discovery, discoverTargets, type Target } from "./discovery.ts";
import type { LookupPolicy } from "./lookup-policy.ts";
import { isSufficient, type Proof } from "./prove-server.ts";
import type { RefusalMemory } from "./refusal-memory.ts";
import type { RememberedAnswers } from "./remembered-answers.ts";
import type { TargetMemory } from "./target-memory.ts";

/** What the domain's servers say, before it is held against a certain signature. */
export type Fetched =
  | {
      readonly kind: "statement";
      /** Current, and signed where it has to be; or unreadable, which is bad-key. */
      readonly parsed: StatementResult;
      readonly line: string;
      readonly trust: Trust | null;
    }
  | { readonly kind: "no-key"; readonly detail: string }
  | { readonly kind: "no-keyserver"; readonly detail: string }
  | {
      readonly kind: "temperror";
      readonly detail: string;
      /** No server was asked: the budgets are used up (CCH-6). */
      readonly unasked?: true;
    };

export interface FetchOptions extends Omit<AskOptions, "attempts" | "requiredTrust" | "signedStatements"> {
  readonly policy: LookupPolicy;
  /** The policy record is remembered, and not in the DNS now. */
  readonly isSuppressed: boolean;
  readonly port: number;
  readonly random: () => number;
  /** Unix seconds. */
  readonly now: number;
  /** By domain and target: those that failed for this domain (CCH-4). */
  readonly domainMemory: TargetMemory;
  /** By domain and target: those that said [NOTHERE] (CCH-4). */
  readonly notHere: RememberedAnswers<object>;
  /** Null: nothing is concluded from refused connections (DIS-10). */
  readonly refusals: RefusalMemory | null;
}

const MAX_ATTEMPTS = 6;
const NOT_HERE_SECONDS = 300;

/** Asks the domain's key servers, one after the other, until one gives an answer that counts (DIS-1 to DIS-9). */
export async function fetchStatement(options: FetchOptions): Promise<Fetched> {
  const { domain, policy, signal } = options;
  const found: Discovery = await discoverTargets(domain, policy.discovery, options);
  // DIS-13
  if (found.kind === "no-keyserver" && options.isSuppressed) {
    return { kind: "temperror", detail: `${found.detail}, though its policy record is remembered` };
  }
  if (found.kind !== "targets") return found;
  const attempts = { left: MAX_ATTEMPTS };
  const round = new Round();
  for (const target of found.targets) {
    if (signal.aborted) break;
    const fetched = await round.ask(target, attempts, options);
    if (fetched !== null) return round.ends(fetched, options);
  }
  if (!round.anyAccepted && found.fallback !== null && !signal.aborted) {
    const { fallback } = found;
    const addresses = await options.resolver.addresses(fallback.host, signal);
    if (addresses.kind === "failure") round.refusedAll = false;
    if (addresses.kind === "records") {
      const hosts = [`${fallback.host}:${fallback.port}`];
      options.trail({ kind: "hosts", source: "fallback", hosts, authenticated: addresses.authenticated });
      const fetched = await round.ask(fallback, { left: MAX_ATTEMPTS }, options);
      if (fetched !== null) return round.ends(fetched, options);
    }
  }
  return round.ends(round.outcome(domain, signal), options);
}

/** What the targets that gave no answer came to. */
class Round {
  anyAccepted = false;
  /** Each target refused the connection (DIS-10). */
  refusedAll = true;
  #notHere = 0;
  #failure: string | null = null;

  async ask(target: Target, attempts: { left: number }, options: FetchOptions): Promise<Fetched | null> {
    const { domain, domainMemory, notHere, policy, trail } = options;
    const name = `${target.host}:${target.port}`;
    const key = `${domain} ${name}`;
    trail({ kind: "target", target: name });
    const remembered = domainMemory.recall(key);
    const answer: TargetAnswer =
      notHere.recall(key) !== null
        ? { kind: "not-here" }
        : remembered !== null
          ? { ...remembered, kind: "failed", blame: "nobody" }
          : await askTarget(target, {
              ...options,
              attempts,
              requiredTrust: policy.requiredTrust,
              signedStatements: policy.statementKeys.length > 0,
            });
    const fetched =
      answer.kind === "statements" ? readStatements(answer.lines, answer.proof, options) : answer;
    switch (fetched.kind) {
      case "statement":
        domainMemory.succeeded(key);
        return fetched;
      case "no-key":
        domainMemory.succeeded(key);
        return { kind: "no-key", detail: `${name} answered [${fetched.code}]` };
      case "not-here":
        this.anyAccepted = true;
        this.refusedAll = false;
        this.#notHere++;
        notHere.keep(key, {}, NOT_HERE_SECONDS);
        trail({ kind: "target-failed", target: name, detail: "it does not serve the domain" });
        return null;
      case "failed":
        this.anyAccepted ||= fetched.accepted;
        this.refusedAll &&= fetched.refused;
        this.#failure ??= `${name}: ${fetched.detail}`;
        trail({ kind: "target-failed", target: name, detail: fetched.detail });
        if (fetched.paused !== undefined) trail({ kind: "paused", ...fetched.paused });
        if (fetched.blame === "domain" && !options.signal.aborted) {
          trail({ kind: "paused", target: name, seconds: domainMemory.failed(key, fetched) });
        }
        return null;
    }
  }

  /** Where all that could be asked refuse, again and again, there is no server (DIS-10). */
  ends(fetched: Fetched, { domain, policy, refusals, signal }: FetchOptions): Fetched {
    const refused =
      fetched.kind === "temperror" && this.#failure !== null && this.refusedAll && !signal.aborted;
    if (!refused || policy.published) {
      refusals?.answered(domain);
      return fetched;
    }
    if (refusals?.refused(domain) !== true) return fetched;
    return {
      kind: "no-keyserver",
      detail: `all hosts of ${domain} refuse connections, for more than an hour`,
    };
  }

  outcome(domain: string, signal: AbortSignal): Fetched {
    if (signal.aborted) return { kind: "temperror", detail: `no answer in time; ${this.#failure ?? domain}` };
    if (this.#failure !== null) return { kind: "temperror", detail: this.#failure };
    if (this.#notHere > 0) return { kind: "no-keyserver", detail: `no server serves ${domain}` };
    return { kind: "temperror", detail: `${domain} names no usable host` };
  }
}

/** Judges what does not depend on the signature: trust, and whether the statement is current (STA-16). */
function readStatements(
  lines: readonly string[],
  proof: Proof,
  options: FetchOptions,
): (Fetched & { kind: "statement" }) | Extract<TargetAnswer, { kind: "failed" }> {
  const failed = (detail: string) =>
    ({ kind: "failed", accepted: true, refused: false, blame: "domain", detail }) as const;
  const { policy, kid, now, trail } = options;
  const address: Address = options.address;
  const [line] = lines;
  if (line === undefined || (kid !== null && lines.length > 1)) {
    return failed(`${lines.length} statements where one was asked for`);
  }
  const parsed = parseStatement(line);
  const signed =
    parsed.ok && policy.statementKeys.length > 0 && isSignedBy(parsed.statement, policy.statementKeys);
  const trust = statementTrust(signed, proof, policy);
  const { statementKeys, epoch } = policy;
  const query = { identity: address, kid, algorithm: null, signedAt: null, now, statementKeys, epoch };
  const judgement = judgeStatement(parsed, query);
  const outcome = judgement.kind === "usable" ? "usable" : judgement.detail;
  trail({ kind: "statement", line, outcome, signed, trust });
  // An unreadable, forged or foreign statement is only believed to be the domain's if the server is (TRU-11).
  if (!isSufficient(trust, policy.requiredTrust)) {
    return failed(
      trust === null ? "nothing proves that it speaks for the domain" : "it is trusted as a host only",
    );
  }
  return judgement.kind === "target-failed"
    ? failed(judgement.detail)
    : { kind: "statement", parsed, line, trust };
}

/** TRU-7, KEY-26: what the certificate and the statement's signature prove together. */
function statementTrust(signed: boolean, proof: Proof, policy: LookupPolicy): Trust | null {
  if (signed && policy.statementKeysAuthenticated) return "domain";
  if (proof.trust !== null) return proof.trust;
  return signed && proof.ownName ? "host" : null;
}
