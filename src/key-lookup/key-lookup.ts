import { MappingDialer } from "../dialer/index.ts";
import { clientPrefix, dnsPolicySource, type PolicySource, type Resolver } from "../dns/index.ts";
import { KEY_PORT } from "../key-protocol/index.ts";
import type { KeyAnswer, KeySource, Trust } from "../signature/index.ts";
import { coversMailHost, type MtaStsPolicies } from "../transport-security/index.ts";
import { AnswerMemory, domainKeyOf, keyOf } from "./answer-memory.ts";
import { answerTo } from "./answer-question.ts";
import { ConnectionPool } from "./connection-pool.ts";
import { type Fetched, type FetchOptions, fetchStatement } from "./fetch-statement.ts";
import type { KeyLookupOptions } from "./key-lookup-options.ts";
import type { KnownDomains } from "./known-domains.ts";
import { LookupBudgets } from "./lookup-budgets.ts";
import { type LookupPolicy, lookupPolicy } from "./lookup-policy.ts";
import type { Answered, LookupQuestion, LookupReport } from "./lookup-report.ts";
import type { Permit } from "./miss-budget.ts";
import { policyStep } from "./policy-step.ts";
import { RefusalMemory } from "./refusal-memory.ts";
import { RememberedAnswers } from "./remembered-answers.ts";
import { stapledAnswer } from "./stapled-answer.ts";
import type { StapledQuery } from "./stapled-keys.ts";
import { TargetMemory } from "./target-memory.ts";
import { tellingResolver } from "./telling-resolver.ts";
import type { Trail, TrailStep } from "./trail.ts";
import { trustContext } from "./trust-context.ts";

const untold: Trail = () => {};
/** CCH-3; statements say it, clamped. */
const MAX_STALE_SECONDS = 86_400;

/**
 * Looks keys up where their domains keep them (DIS, TRU, CCH, KEY). What a hostile server can do is cost a lookup
 * its deadline.
 */
export class KeyLookup implements KeySource {
  readonly #resolver: Resolver;
  readonly #policies: PolicySource;
  readonly #port: number;
  readonly #allowPrivateAddresses: boolean;
  readonly #requiredTrust: Trust;
  readonly #dane: boolean;
  readonly #mtaSts: Pick<MtaStsPolicies, "policyOf"> | null;
  readonly #refusals: RefusalMemory | null;
  readonly #known: KnownDomains | null;
  readonly #isGateway: (address: string) => boolean;
  readonly #lookupMs: number;
  readonly #random: () => number;
  readonly #pool: ConnectionPool;
  readonly #budgets: LookupBudgets;
  readonly #targetMemory: TargetMemory;
  readonly #domainMemory: TargetMemory;
  readonly #notHere: RememberedAnswers<object>;
  readonly #answers: AnswerMemory;
  readonly #underWay = new Map<string, Promise<Fetched>>();
  /** Lines on the wire go to whoever is being told: connections are shared, so they belong to no lookup alone. */
  readonly #listeners = new Set<Trail>();

  constructor(options: KeyLookupOptions) {
    const nowMs = options.nowMs ?? Date.now;
    this.#resolver = options.resolver;
    this.#policies = options.policies ?? dnsPolicySource(options.resolver);
    this.#port = options.port ?? KEY_PORT;
    this.#allowPrivateAddresses = options.allowPrivateAddresses ?? false;
    this.#requiredTrust = options.requiredTrust ?? "host";
    this.#dane = options.dane ?? true;
    this.#mtaSts = options.mtaSts ?? null;
    this.#refusals = options.concludeFromRefusals ? new RefusalMemory(nowMs) : null;
    this.#known = options.known ?? null;
    this.#isGateway = options.isGateway ?? (() => false);
    this.#lookupMs = options.deadlines?.lookupMs ?? 25_000;
    this.#random = options.random ?? Math.random;
    this.#pool = new ConnectionPool({
      dialer: options.dialer ?? new MappingDialer(),
      secureContext: options.secureContext ?? trustContext(options.ca ?? []),
      stepMs: options.deadlines?.stepMs ?? 5000,
      replyMs: options.deadlines?.replyMs ?? 10_000,
      onLine: (_target, from, text) => {
        for (const trail of this.#listeners) trail({ kind: "line", from, text });
      },
    });
    this.#budgets = new LookupBudgets(nowMs, options.domainBudget);
    this.#targetMemory = new TargetMemory(nowMs);
    this.#domainMemory = new TargetMemory(nowMs);
    this.#notHere = new RememberedAnswers(10_000, nowMs);
    this.#answers = new AnswerMemory({
      nowMs,
      max: options.maxRemembered ?? 50_000,
      maxStatementSeconds: options.maxStatementSeconds,
    });
  }

  lookUp(query: StapledQuery): Promise<KeyAnswer> {
    return this.#lookUp(query, untold).then(({ answer }) => answer);
  }

  /** Looks up and tells how. */
  async explain(question: LookupQuestion): Promise<LookupReport> {
    const steps: TrailStep[] = [];
    const trail: Trail = (step) => void steps.push(step);
    this.#listeners.add(trail);
    try {
      const { answer, statement } = await this.#lookUp(question, trail);
      return { answer, statement, trail: steps };
    } finally {
      this.#listeners.delete(trail);
    }
  }

  /** Forgets everything learnt, good or bad. */
  forget(): void {
    for (const memory of [this.#answers, this.#notHere, this.#targetMemory, this.#domainMemory])
      memory.clear();
    this.#refusals?.clear();
  }

  /** Ends the connections that are kept. */
  close(): void {
    this.#pool.close();
  }

  async #lookUp(question: LookupQuestion, trail: Trail): Promise<Answered> {
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), this.#lookupMs);
    try {
      const found = await this.#policies.recordOf(question.identity.domain, deadline.signal);
      if (trail !== untold) trail(policyStep(question.identity.domain, found));
      // POL-16
      if (found.kind === "failure")
        return { answer: { kind: "temperror", detail: found.detail }, statement: null };
      const policy = lookupPolicy(found, this.#requiredTrust);
      const key = keyOf(question, policy);
      // What is remembered about the key comes first: it costs no query either, and may know of a revocation (STP-7).
      const remembered = this.#answers.recall(key, question.now);
      if (remembered !== null) {
        if (trail !== untold) this.#tellRemembered(remembered.kind, question, policy, trail);
        return answerTo(question, remembered, policy);
      }
      const stapled = stapledAnswer(question, policy, trail);
      if (stapled !== null) return stapled;
      const isSuppressed = found.kind === "record" && found.remembered !== undefined;
      const fetched = await this.#fetch(question, policy, key, {
        isSuppressed,
        signal: deadline.signal,
        trail,
      });
      const failed = fetched.kind === "temperror" && fetched.unasked !== true;
      return (
        (failed ? this.#staleAnswer(question, policy, key, trail) : null) ??
        answerTo(question, fetched, policy)
      );
    } finally {
      clearTimeout(timer);
    }
  }

  /** What a statement says that its server allows to be used while it does not answer (CCH-3): nothing that is against it. */
  #staleAnswer(question: LookupQuestion, policy: LookupPolicy, key: string, trail: Trail): Answered | null {
    const stale = this.#answers.recallStale(key);
    if (stale === null) return null;
    const answered = answerTo(question, stale, policy, MAX_STALE_SECONDS);
    const { answer } = answered;
    if (answer.kind === "temperror" || (answer.kind === "fail" && answer.reason !== "revoked")) return null;
    this.#tellRemembered("stale statement", question, policy, trail);
    return answered;
  }

  /** What is being asked already, or what the servers say (CCH-1 to CCH-9). */
  async #fetch(
    question: LookupQuestion,
    policy: LookupPolicy,
    key: string,
    how: Pick<FetchOptions, "isSuppressed" | "signal" | "trail">,
  ): Promise<Fetched> {
    const { trail } = how;
    const { domain } = question.identity;
    const domainKey = domainKeyOf(question, policy);
    const known = this.#underWayOrNowhere(key, domainKey, trail);
    if (known !== null) return known;
    let permit = this.#budgets.begin({ domain, client: this.#clientOf(question) });
    if (typeof permit === "string") {
      const problem = permit;
      const isVouchedFor = (await question.vouched?.()) === domain;
      // Much may have come in while others looked into that.
      const meanwhile =
        this.#answers.recall(key, question.now) ?? this.#underWayOrNowhere(key, domainKey, trail);
      if (meanwhile !== null) return meanwhile;
      if (isVouchedFor) permit = this.#budgets.beginVouched(domain);
      if (typeof permit === "string") {
        trail({ kind: "over-budget", domain, detail: permit });
        return { kind: "temperror", detail: `too many lookups for ${domain}: ${problem}`, unasked: true };
      }
    }
    const fetching = this.#ask(question, policy, permit, how);
    this.#underWay.set(key, fetching);
    try {
      const fetched = await fetching;
      const kept = this.#answers.keep(key, domainKey, fetched, this.#isToBeRemembered(question, fetched));
      if (kept !== null) trail({ kind: "kept", ...kept });
      return fetched;
    } finally {
      this.#underWay.delete(key);
    }
  }

  /** The network that pays (CCH-14); null: nobody's, or everybody's. */
  #clientOf({ clientAddress }: LookupQuestion): string | null {
    return clientAddress === undefined || this.#isGateway(clientAddress) ? null : clientPrefix(clientAddress);
  }

  /** CCH-8 */
  #isToBeRemembered({ identity: { domain }, now }: LookupQuestion, fetched: Fetched): boolean {
    if (this.#known === null || fetched.kind !== "statement") return true;
    this.#known.found(domain, now);
    return !this.#known.isStranger(domain, now);
  }

  #tellRemembered(
    what: Fetched["kind"] | "stale statement",
    question: LookupQuestion,
    policy: LookupPolicy,
    trail: Trail,
  ): void {
    if (what === "temperror") return;
    const seconds = this.#answers.secondsLeft(keyOf(question, policy), domainKeyOf(question, policy));
    trail({ kind: "remembered", what, seconds });
  }

  async #isEnforced(domain: string, host: string, signal: AbortSignal, trail: Trail): Promise<boolean> {
    if (this.#mtaSts === null) return false;
    const policy = await this.#mtaSts.policyOf(domain, signal);
    const enforced = policy?.mode === "enforce" && coversMailHost(policy, host);
    trail({ kind: "mta-sts", domain, host, mode: policy?.mode ?? null, enforced });
    return enforced;
  }

  /** That nobody serves the domain, or what the same lookup says that is under way. */
  #underWayOrNowhere(key: string, domainKey: string, trail: Trail): Fetched | Promise<Fetched> | null {
    const remembered = this.#answers.recallNoKeyserver(domainKey);
    if (remembered !== null) {
      trail({ kind: "remembered", what: "no-keyserver", seconds: this.#answers.secondsLeft(key, domainKey) });
    }
    const underWay = remembered ?? this.#underWay.get(key) ?? null;
    if (underWay !== null && remembered === null) trail({ kind: "merged" });
    return underWay;
  }

  async #ask(
    question: LookupQuestion,
    policy: LookupPolicy,
    permit: Permit,
    how: Pick<FetchOptions, "isSuppressed" | "signal" | "trail">,
  ): Promise<Fetched> {
    const { signal, trail } = how;
    const { domain } = question.identity;
    let wasVain = true;
    try {
      const fetched = await fetchStatement({
        domain,
        address: question.identity,
        kid: question.kid,
        now: question.now,
        policy,
        port: this.#port,
        random: this.#random,
        resolver: trail === untold ? this.#resolver : tellingResolver(this.#resolver, trail),
        pool: this.#pool,
        memory: this.#targetMemory,
        domainMemory: this.#domainMemory,
        notHere: this.#notHere,
        allowPrivateAddresses: this.#allowPrivateAddresses,
        dane: this.#dane,
        isEnforced: (host) => this.#isEnforced(domain, host, signal, trail),
        refusals: this.#refusals,
        ...how,
      });
      wasVain = fetched.kind !== "statement";
      return fetched;
    } finally {
      permit.end(wasVain);
    }
  }
}
