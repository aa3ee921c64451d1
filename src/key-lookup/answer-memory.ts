import { encodeAddress } from "../message/index.ts";
import type { Fetched } from "./fetch-statement.ts";
import type { LookupPolicy } from "./lookup-policy.ts";
import type { LookupQuestion } from "./lookup-report.ts";
import { RememberedAnswers } from "./remembered-answers.ts";

type Statement = Fetched & { kind: "statement" };

const NO_KEYSERVER_SECONDS = 300;
const NO_KEY_SECONDS = 60;
const MIN_STATEMENT_SECONDS = 60;
const MAX_STATEMENT_SECONDS = 3600;
const CLOCK_SKEW_S = 300;

export interface AnswerMemoryOptions {
  readonly nowMs: () => number;
  /** Of statements and refusals each. */
  readonly max: number;
  /** No statement is remembered for longer. */
  readonly maxStatementSeconds?: number | undefined;
}

/** What was just remembered, and for how long. */
export interface Kept {
  readonly what: "statement" | "no-key" | "no-keyserver";
  readonly seconds: number;
  readonly staleSeconds: number;
}

/** What key servers said, for as long as it may be used (CCH-1, CCH-3, CCH-4). */
export class AnswerMemory {
  readonly #answers: RememberedAnswers<Fetched>;
  readonly #stale: RememberedAnswers<Statement>;
  readonly #noKeyserver: RememberedAnswers<Fetched>;
  readonly #maxStatementSeconds: number;

  constructor({ nowMs, max, maxStatementSeconds }: AnswerMemoryOptions) {
    this.#answers = new RememberedAnswers(max, nowMs);
    this.#stale = new RememberedAnswers(max, nowMs);
    this.#noKeyserver = new RememberedAnswers(10_000, nowMs);
    this.#maxStatementSeconds = maxStatementSeconds ?? MAX_STATEMENT_SECONDS;
  }

  /** What was said about this key. */
  recall(key: string, now: number): Fetched | null {
    const answer = this.#answers.recall(key);
    return answer !== null && isCurrent(answer, now) ? answer : null;
  }

  /** That nobody serves the domain. */
  recallNoKeyserver(domainKey: string): Fetched | null {
    return this.#noKeyserver.recall(domainKey);
  }

  /** A statement that may be used while no key server answers, and then only (CCH-3). */
  recallStale(key: string): Statement | null {
    return this.#stale.recall(key);
  }

  /** @param remember false: statements are used once */
  keep(key: string, domainKey: string, fetched: Fetched, remember: boolean): Kept | null {
    if (fetched.kind === "temperror") return null;
    // Whatever was said later than a stale statement outranks it.
    this.#stale.drop(key);
    if (fetched.kind === "no-keyserver") {
      this.#noKeyserver.keep(domainKey, fetched, NO_KEYSERVER_SECONDS);
      return { what: "no-keyserver", seconds: NO_KEYSERVER_SECONDS, staleSeconds: 0 };
    }
    if (fetched.kind === "no-key" || !fetched.parsed.ok) {
      this.#answers.keep(key, fetched, NO_KEY_SECONDS);
      return { what: fetched.kind, seconds: NO_KEY_SECONDS, staleSeconds: 0 };
    }
    if (!remember) return null;
    const { ttlSeconds, staleSeconds } = fetched.parsed.statement;
    // CCH-1
    const seconds = Math.min(Math.max(ttlSeconds, MIN_STATEMENT_SECONDS), this.#maxStatementSeconds);
    this.#answers.keep(key, fetched, seconds);
    if (staleSeconds > 0) this.#stale.keep(key, fetched, seconds + staleSeconds);
    return { what: "statement", seconds, staleSeconds };
  }

  /** For how much longer an answer is remembered. */
  secondsLeft(key: string, domainKey: string): number {
    return (
      this.#answers.secondsLeft(key) ||
      this.#stale.secondsLeft(key) ||
      this.#noKeyserver.secondsLeft(domainKey)
    );
  }

  clear(): void {
    for (const memory of [this.#answers, this.#stale, this.#noKeyserver]) memory.clear();
  }
}

/** What answers about one key are remembered under. */
export function keyOf({ identity, kid }: LookupQuestion, { fingerprint }: LookupPolicy): string {
  return `${encodeAddress(identity)} ${kid ?? ""} ${fingerprint}`;
}

/** What those are remembered under that hold for a whole domain. */
export function domainKeyOf({ identity }: LookupQuestion, { fingerprint }: LookupPolicy): string {
  return `${identity.domain} ${fingerprint}`;
}

/** A remembered statement may have grown stale by the verifier's clock, which is not that of the memory. */
function isCurrent(fetched: Fetched, now: number): boolean {
  if (fetched.kind !== "statement" || !fetched.parsed.ok) return true;
  const { issuedAt, ttlSeconds } = fetched.parsed.statement;
  return now <= issuedAt + ttlSeconds + CLOCK_SKEW_S;
}
