import type { KeptPolicyRecord, PolicyAnswer, SeenRecord } from "../dns/index.ts";
import type { LookupReport } from "../key-lookup/index.ts";
import { parseStatement } from "../key-protocol/index.ts";
import { type Address, encodeAddress } from "../message/index.ts";
import { keyId } from "../signature/index.ts";

/** The record that would serve if there were none, and the epoch that holds. */
export interface DomainMemory extends Pick<KeptPolicyRecord, "epoch" | "epochUntil"> {
  readonly record: SeenRecord | null;
}

/** What a lookup found out. */
export interface Lookup {
  readonly identity: Address;
  /** As it was asked for. */
  readonly kid: string | null;
  readonly report: LookupReport;
  /** What the domain wants of unsigned mail. */
  readonly unsigned: PolicyAnswer;
  /** What this installation remembers of the domain. */
  readonly memory: DomainMemory | null;
}

/** What programs are told of a lookup. */
export const lookupFields = {
  address: "that was asked for, percent-encoded",
  asked_kid: "the key id that was asked for; null: any",
  answer:
    "kind `key` (with spki in base64, kid, grants, trust), `fail` (with reason, detail) or `temperror` (with detail)",
  statement: "the key statement that decided, one line as it came; null: there was none",
  decoded:
    "the same: identity, kid, algorithm, state, not_before, not_after, issued_at, ttl, stale, grants, spki, signature; null where it cannot be read",
  unsigned:
    "what the domain wants of mail without signature: wanted (`none`, `quarantine`, `reject`), testing, published_at; null: it says nothing, or cannot be asked",
  memory:
    "with --config, what is remembered of the policy record: text, authenticated, days, until, epoch, epoch_until; null: nothing",
  trail: "every step, in order: kind, and what docs/receiving.md lists",
} as const;

export function lookupObject(lookup: Lookup): Record<keyof typeof lookupFields, unknown> {
  const { identity, kid, report, unsigned, memory } = lookup;
  const { answer, statement, trail } = report;
  return {
    address: encodeAddress(identity),
    asked_kid: kid,
    answer:
      answer.kind === "key" ? { ...answer, spki: base64(answer.spki), kid: keyId(answer.spki) } : answer,
    statement,
    decoded: statement === null ? null : decoded(statement),
    unsigned:
      unsigned.kind !== "policy"
        ? null
        : { wanted: unsigned.policy, testing: unsigned.testing, published_at: unsigned.publishedAt },
    memory: memory && {
      text: memory.record?.text ?? null,
      authenticated: memory.record?.authenticated ?? false,
      days: memory.record?.days ?? 0,
      until: memory.record?.until ?? 0,
      epoch: memory.epoch,
      epoch_until: memory.epochUntil,
    },
    trail,
  };
}

function decoded(line: string): object | null {
  const parsed = parseStatement(line);
  if (!parsed.ok) return null;
  const { identity, kid, algorithm, state, grants, spki, signature } = parsed.statement;
  const { notBefore, notAfter, issuedAt, ttlSeconds, staleSeconds } = parsed.statement;
  return {
    identity,
    kid,
    algorithm,
    state,
    not_before: notBefore,
    not_after: notAfter,
    issued_at: issuedAt,
    ttl: ttlSeconds,
    stale: staleSeconds,
    grants,
    spki: spki && base64(spki),
    signature: signature && base64(signature),
  };
}

function base64(octets: Uint8Array): string {
  return Buffer.from(octets).toString("base64");
}
