import { type Address, encodeAddress } from "../message/index.ts";
import { appendStatementSignature, formatStatement } from "./format-statement.ts";
import { shownBegin } from "./key-times.ts";
import type { KeyStatement } from "./statement.ts";

/** What a statement says of a key whoever asks and whenever (STA-1). */
export type StatementSubject = Omit<KeyStatement, "identity" | "issuedAt" | "ttlSeconds" | "staleSeconds">;

/** Signs statements under a domain's `dk` (STA-3). */
export interface StatementIssuer {
  /** The octets of `s` over a statement's text, or null where the domain has no statement key any more. */
  sign(domain: string, text: string): Promise<Uint8Array | null>;
}

export interface IssueOptions {
  /** The address that is asked about. */
  readonly address: Address;
  /** Of the domain's policy record. */
  readonly domain: {
    /** `ep`: no statement must be issued before it (STA-12). */
    readonly epoch: number | null;
    /** `dk`: every statement must be signed (STA-13). */
    readonly statementKey: Uint8Array | null;
  };
  /** `ttl` (CCH-2). */
  readonly ttlSeconds: number;
  /** Unix seconds. */
  readonly now: number;
  readonly issuer: StatementIssuer | null;
}

/**
 * Makes one statement, signed where the domain has a statement key. This is what a key server answers, and what is
 * stapled to messages (STP-1).
 *
 * @throws Error where the domain publishes `dk` and the issuer has no key for it
 */
export async function issueStatement(key: StatementSubject, options: IssueOptions): Promise<string> {
  const { address, domain, ttlSeconds, now, issuer } = options;
  const identity = encodeAddress(address);
  // Where the administrator's clock is ahead of ours, a statement may be too: by 300 seconds (STA-11, STA-12).
  const issuedAt = Math.max(now, domain.epoch ?? 0);
  const { state, notAfter } = key;
  const verifies = state === "active" || state === "retired";
  const notBefore = verifies ? shownBegin(key.notBefore, notAfter, now) : key.notBefore;
  const line = formatStatement({ ...key, notBefore, identity, issuedAt, ttlSeconds, staleSeconds: 0 });
  if (domain.statementKey === null) return line;
  const signature = (await issuer?.sign(address.domain, line)) ?? null;
  // Without its signature a verifier would take the statement for a forgery (STA-13).
  if (signature === null) throw new Error(`the statement key of ${address.domain} is not at hand`);
  return appendStatementSignature(line, signature);
}
