import { createSecureContext, getCACertificates, type SecureContext } from "node:tls";
import { MappingDialer } from "../dialer/index.ts";
import { dnsPolicySource, type PolicySource, type Resolver } from "../dns/index.ts";
import { type Dialer, judgeStatement, KEY_PORT } from "../key-protocol/index.ts";
import { encodeAddress } from "../message/index.ts";
import type { KeyAnswer, KeySource, Trust } from "../signature/index.ts";
import { ConnectionPool } from "./connection-pool.ts";
import { type Budget, DEFAULT_BUDGET, DomainBudget } from "./domain-budget.ts";
import { type Fetched, fetchStatement, type LookupPolicy, policyFingerprint } from "./fetch-statement.ts";
import type { Answered, LookupQuestion, LookupReport } from "./lookup-report.ts";
import { RememberedAnswers } from "./remembered-answers.ts";
import { stapledAnswer } from "./stapled-answer.ts";
import type { StapledQuery } from "./stapled-keys.ts";
import { TargetMemory } from "./target-memory.ts";
import type { Trail, TrailStep } from "./trail.ts";

export interface KeyLookupOptions {
  /** Should keep answers for their TTL: every lookup asks for the policy record. */
  readonly resolver: Resolver;
  /** Default: straight out of the resolver. */
  readonly policies?: PolicySource;
  /** Default: TCP to the address and port. */
  readonly dialer?: Dialer;
  /** Certificate authorities trusted besides the system's, PEM. */
  readonly ca?: readonly string[];
  /** Instead of `ca`: everything that is trusted, for many lookups or a network of its own. */
  readonly secureContext?: SecureContext;
  /** Where key servers listen (DIS-2). Default 8757. */
  readonly port?: number;
  /** For closed test networks only (TRU-10): addresses need not be globally reachable (DIS-11). */
  readonly allowPrivateAddresses?: boolean;
  /** `domain` asks more of every domain than `auth=domain` does of some (TRU-8). Default `host`. */
  readonly requiredTrust?: Trust;
  readonly deadlines?: Partial<LookupDeadlines>;
  /** Statements and refusals held in memory. Default 50000. */
  readonly maxRemembered?: number;
  /** No statement is remembered for longer, whatever it says (CCH-4). Default 3600, at least 60. */
  readonly maxStatementSeconds?: number;
  /** Most lookups of one domain. Default CCH-6: what forged mail may make us ask. */
  readonly domainBudget?: Budget;
  /** Milliseconds since the epoch. */
  readonly nowMs?: () => number;
  /** 0 ≤ x < 1. */
  readonly random?: () => number;
}

/** What a server may cost (KEY-17, KEY-18); tests set less. */
export interface LookupDeadlines {
  /** For connecting, the greeting, STLS and the handshake, each. Default 5000. */
  readonly stepMs: number;
  /** For each line of a reply. Default 10000. */
  readonly replyMs: number;
  /** For a whole lookup, DNS included. Default 25000. */
  readonly lookupMs: number;
}

const NO_KEYSERVER_SECONDS = 300;
const NO_KEY_SECONDS = 60;
const MIN_STATEMENT_SECONDS = 60;
const MAX_STATEMENT_SECONDS = 3600;

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
  readonly #lookupMs: number;
  readonly #maxStatementSeconds: number;
  readonly #random: () => number;
  readonly #pool: ConnectionPool;
  readonly #budget: DomainBudget;
  readonly #targetMemory: TargetMemory;
  readonly #domainMemory: TargetMemory;
  readonly #notHere: RememberedAnswers<object>;
  readonly #remembered: RememberedAnswers<Fetched>;
  readonly #noKeyserver: RememberedAnswers<Fetched>;
  readonly #underWay = new Map<string, Promise<Fetched>>();
  /** Lines on the wire go to whoever is being told: connections are shared, so they belong to no lookup alone. */
  readonly #listeners = new Set<Trail>();

  constructor(options: KeyLookupOptions) {
    const nowMs = options.nowMs ?? Date.now;
    const maxRemembered = options.maxRemembered ?? 50_000;
    this.#resolver = options.resolver;
    this.#policies = options.policies ?? dnsPolicySource(options.resolver);
    this.#port = options.port ?? KEY_PORT;
    this.#allowPrivateAddresses = options.allowPrivateAddresses ?? false;
    this.#requiredTrust = options.requiredTrust ?? "host";
    this.#lookupMs = options.deadlines?.lookupMs ?? 25_000;
    this.#maxStatementSeconds = options.maxStatementSeconds ?? MAX_STATEMENT_SECONDS;
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
    this.#budget = new DomainBudget(nowMs, options.domainBudget ?? DEFAULT_BUDGET);
    this.#targetMemory = new TargetMemory(nowMs);
    this.#domainMemory = new TargetMemory(nowMs);
    this.#notHere = new RememberedAnswers(10_000, nowMs);
    this.#remembered = new RememberedAnswers(maxRemembered, nowMs);
    this.#noKeyserver = new RememberedAnswers(10_000, nowMs);
  }

  lookUp(query: StapledQuery): Promise<KeyAnswer> {
    return this.#lookUp(query, () => {}).then(({ answer }) => answer);
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
    for (const memory of [this.#remembered, this.#noKeyserver, this.#notHere]) memory.clear();
    for (const memory of [this.#targetMemory, this.#domainMemory]) memory.clear();
  }

  /** Ends the connections that are kept. */
  close(): void {
    this.#pool.close();
  }

  async #lookUp(question: LookupQuestion, trail: Trail): Promise<Answered> {
    const { domain } = question.identity;
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(), this.#lookupMs);
    try {
      const found = await this.#policies.recordOf(domain, controller.signal);
      const problem = found.kind === "failure" ? found.detail : found.kind === "none" ? found.problem : null;
      const authenticated = found.kind === "record" && found.authenticated;
      const what = found.kind === "record" || found.kind === "none" ? found.kind : "failure";
      trail({ kind: "policy", domain, found: what, authenticated, detail: problem });
      // POL-16
      if (found.kind === "failure")
        return { answer: { kind: "temperror", detail: found.detail }, statement: null };
      const record = found.kind === "record" ? found.record : null;
      const wantsDomain = record?.requiredTrust === "domain" || this.#requiredTrust === "domain";
      const policy: LookupPolicy = {
        discovery: record?.discovery ?? "mx",
        requiredTrust: wantsDomain ? "domain" : "host",
        statementKeys: record?.statementKeys ?? [],
        statementKeysAuthenticated: authenticated,
        epoch: record?.epoch ?? 0,
        stapleSeconds: record?.stapleSeconds ?? 0,
      };
      // What is remembered about the key comes first: it costs no query either, and may know of a revocation (STP-7).
      const stapled = this.#remembers(question, policy) ? null : stapledAnswer(question, policy, trail);
      if (stapled !== null) return stapled;
      const fetched = await this.#fetch(question, policy, controller.signal, trail);
      return answerTo(question, fetched, policy);
    } finally {
      clearTimeout(timer);
    }
  }

  #remembers(question: LookupQuestion, policy: LookupPolicy): boolean {
    const remembered = this.#remembered.recall(cacheKeys(question, policy).statement);
    return remembered !== null && isCurrent(remembered, question.now);
  }

  /** What is remembered, or is being asked already, or what the servers say (CCH-1 to CCH-9). */
  async #fetch(
    question: LookupQuestion,
    policy: LookupPolicy,
    signal: AbortSignal,
    trail: Trail,
  ): Promise<Fetched> {
    const { domain } = question.identity;
    const { domain: domainKey, statement: key } = cacheKeys(question, policy);
    const remembered = this.#noKeyserver.recall(domainKey) ?? this.#remembered.recall(key);
    if (remembered !== null && isCurrent(remembered, question.now)) {
      if (remembered.kind !== "temperror") trail({ kind: "remembered", what: remembered.kind });
      return remembered;
    }
    const underWay = this.#underWay.get(key);
    if (underWay !== undefined) {
      trail({ kind: "merged" });
      return underWay;
    }
    const overBudget = this.#budget.begin(domain);
    if (overBudget !== null) {
      trail({ kind: "over-budget", domain, detail: overBudget });
      return { kind: "temperror", detail: `too many lookups for ${domain}: ${overBudget}` };
    }
    const fetching = fetchStatement({
      domain,
      address: question.identity,
      kid: question.kid,
      now: question.now,
      policy,
      port: this.#port,
      random: this.#random,
      resolver: this.#resolver,
      pool: this.#pool,
      memory: this.#targetMemory,
      domainMemory: this.#domainMemory,
      notHere: this.#notHere,
      allowPrivateAddresses: this.#allowPrivateAddresses,
      signal,
      trail,
    });
    this.#underWay.set(key, fetching);
    try {
      const fetched = await fetching;
      if (fetched.kind === "no-keyserver") this.#noKeyserver.keep(domainKey, fetched, NO_KEYSERVER_SECONDS);
      else if (fetched.kind !== "temperror")
        this.#remembered.keep(key, fetched, keepSeconds(fetched, this.#maxStatementSeconds));
      return fetched;
    } finally {
      this.#underWay.delete(key);
      this.#budget.end(domain);
    }
  }
}

/** What answers are remembered under: those that hold for the whole domain, and those about one key. */
function cacheKeys({ identity, kid }: LookupQuestion, policy: LookupPolicy) {
  const fingerprint = policyFingerprint(policy);
  return {
    domain: `${identity.domain} ${fingerprint}`,
    statement: `${encodeAddress(identity)} ${kid ?? ""} ${fingerprint}`,
  };
}

/** CCH-1, CCH-4 */
function keepSeconds(fetched: Fetched, max: number): number {
  if (fetched.kind !== "statement" || !fetched.parsed.ok) return NO_KEY_SECONDS;
  const { ttlSeconds } = fetched.parsed.statement;
  return Math.min(Math.max(ttlSeconds, MIN_STATEMENT_SECONDS), max);
}

/** A remembered statement may have grown stale by the verifier's clock, which is not that of the memory. */
function isCurrent(fetched: Fetched, now: number): boolean {
  if (fetched.kind !== "statement" || !fetched.parsed.ok) return true;
  const { issuedAt, ttlSeconds } = fetched.parsed.statement;
  return now <= issuedAt + ttlSeconds + 300;
}

/** Holds what the servers say against one signature. */
function answerTo(question: LookupQuestion, fetched: Fetched, policy: LookupPolicy): Answered {
  if (fetched.kind === "temperror") return { answer: fetched, statement: null };
  if (fetched.kind !== "statement") {
    return { answer: { kind: "fail", reason: fetched.kind, detail: fetched.detail }, statement: null };
  }
  const { parsed, line, trust } = fetched;
  const judgement = judgeStatement(parsed, { ...question, ...policy });
  switch (judgement.kind) {
    case "usable":
      return {
        answer: { kind: "key", spki: judgement.spki, grants: judgement.grants, trust },
        statement: line,
      };
    case "fail":
      return { answer: judgement, statement: line };
    case "target-failed":
      return { answer: { kind: "temperror", detail: judgement.detail }, statement: line };
  }
}

/** The system's certificate authorities and these. */
function trustContext(ca: readonly string[]): SecureContext {
  const roots = ca.length > 0 ? { ca: [...getCACertificates("default"), ...ca] } : {};
  return createSecureContext({ minVersion: "TLSv1.2", ...roots });
}
