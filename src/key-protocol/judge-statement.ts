import { type Address, encodeAddress } from "../message/index.ts";
import { type Algorithm, isAlgorithm } from "../signature/index.ts";
import type { ReceivedStatement, StatementResult } from "./statement.ts";
import { isSignedBy, keyFacts } from "./statement-facts.ts";

/** What the statement has to answer. */
export interface StatementQuery {
  readonly identity: Address;
  /** Null when it was asked for without one (KEY-28). */
  readonly kid: string | null;
  /** The signature's algorithm; null outside verification. */
  readonly algorithm: Algorithm | null;
  /** The signature's `t`, Unix seconds; null outside verification. */
  readonly signedAt: number | null;
  /** Unix seconds. */
  readonly now: number;
  /** `dk` of the identity's domain, DER SubjectPublicKeyInfo; empty where none is published. */
  readonly statementKeys?: readonly Uint8Array[];
  /** `ep` of the identity's domain. */
  readonly epoch?: number;
  /** How much of the statement's `se` may be used; only while no key server answers. Default 0. */
  readonly allowStaleSeconds?: number;
}

export type StatementJudgement =
  | {
      readonly kind: "usable";
      readonly spki: Uint8Array;
      readonly grants: readonly string[];
      /** `s` was checked and is valid. */
      readonly signed: boolean;
    }
  | { readonly kind: "fail"; readonly reason: "bad-key" | "revoked" | "suspended"; readonly detail: string }
  /** The server gave no current answer: the next one is to be asked (STA-16). */
  | { readonly kind: "target-failed"; readonly detail: string };

/** Allowance for clocks that differ, seconds. */
const CLOCK_SKEW = 300;

/**
 * Judges a statement (STA-6 to STA-18). The order matters: `s` first, so that nobody can forge a revocation,
 * then the state, then what makes the key unusable, at last whether the statement is current.
 */
export function judgeStatement(parsed: StatementResult, query: StatementQuery): StatementJudgement {
  if (!parsed.ok) return badKey(parsed.detail);
  const { statement } = parsed;
  const dk = query.statementKeys ?? [];
  if (dk.length > 0 && !isSignedBy(statement, dk)) {
    return badKey(
      statement.signature === null ? "the statement is not signed" : "s does not verify under dk",
    );
  }
  if (statement.state === "revoked" || statement.state === "suspended") {
    return { kind: "fail", reason: statement.state, detail: `the key is ${statement.state}` };
  }
  const { spki } = statement;
  if (statement.identity !== encodeAddress(query.identity))
    return badKey(`it is about ${statement.identity}`);
  if (query.kid !== null && statement.kid !== query.kid) return badKey(`it is about key ${statement.kid}`);
  if (spki === null) return badKey("it holds no public key");
  const key = keyFacts(statement, spki);
  if (!key.idFits) return badKey("the key id is not that of its public key");
  if (query.algorithm !== null && statement.algorithm !== query.algorithm) {
    return badKey(`the key is for ${statement.algorithm}, the signature says ${query.algorithm}`);
  }
  if (!isAlgorithm(statement.algorithm)) return badKey(`unknown algorithm ${statement.algorithm}`);
  if (!key.usable) {
    return badKey(`p is no usable key for ${statement.algorithm}`);
  }
  const { notBefore, notAfter } = statement;
  if (query.now > notAfter) return badKey(`the key was valid until ${notAfter}`);
  if (query.signedAt !== null && (query.signedAt < notBefore - CLOCK_SKEW || query.signedAt > notAfter)) {
    return badKey(
      `the key is valid from ${notBefore} to ${notAfter}, the signature was made at ${query.signedAt}`,
    );
  }
  const staleness = currency(statement, query);
  if (staleness !== null) return { kind: "target-failed", detail: staleness };
  return { kind: "usable", spki, grants: statement.grants, signed: dk.length > 0 };
}

/** Why a statement is not current (STA-11, STA-12), or null. */
function currency(statement: ReceivedStatement, query: StatementQuery): string | null {
  const { issuedAt, ttlSeconds, staleSeconds } = statement;
  const extra = Math.min(staleSeconds, query.allowStaleSeconds ?? 0);
  if (issuedAt > query.now + CLOCK_SKEW) return `the statement was issued in the future, at ${issuedAt}`;
  if (query.now > issuedAt + ttlSeconds + CLOCK_SKEW + extra) {
    return `the statement is stale: issued at ${issuedAt} for ${ttlSeconds} seconds`;
  }
  const epoch = query.epoch ?? 0;
  if (issuedAt < epoch) return `the statement was issued at ${issuedAt}, before the domain's epoch ${epoch}`;
  return null;
}

function badKey(detail: string): StatementJudgement {
  return { kind: "fail", reason: "bad-key", detail };
}
