import { parseHeader, sameAddress } from "../message/index.ts";
import { indexFields } from "./canonical-header.ts";
import { CLOCK_SKEW_S, checkWithKey, LookupBudget } from "./check-field.ts";
import { isUsable } from "./custody-chain.ts";
import type { KeySource } from "./key-source.ts";
import { selectResponsible } from "./responsible-identity.ts";
import { withHashedBody } from "./scanned-message.ts";
import { parseSignatureField, SIGNATURE_FIELD } from "./signature-field.ts";
import { MAX_FIELDS, MAX_PER_LEVEL } from "./signature-set.ts";

export interface ReturnedHeaderContext {
  /** Unix seconds. */
  readonly now: number;
  /** So long after its `x` a message may still come back: whoever took it in time may have tried for days. */
  readonly graceSeconds: number;
  /** Is this domain one whose keys count here? */
  readonly isOurs: (domain: string) => boolean;
  readonly keys: KeySource;
}

/**
 * Does the header of a message that came back hold a level-0 signature of ours that verifies over H (NBR-4)? The body is
 * not there, so its hash counts for nothing.
 *
 * @param octets a header, its last CRLF included
 * @returns `unknown` where a key cannot be had now
 */
export async function judgeReturnedHeader(
  octets: Uint8Array,
  { now, graceSeconds, isOurs, keys }: ReturnedHeaderContext,
): Promise<"ours" | "not-ours" | "unknown"> {
  const header = parseHeader(octets);
  const message = withHashedBody(header, "");
  const index = indexFields(header);
  const sources = index.get(SIGNATURE_FIELD) ?? [];
  if (sources.length > MAX_FIELDS) return "not-ours";
  const fields = sources.flatMap((source) => parseSignatureField(header, source) ?? []);
  const zero = fields.filter(isUsable).filter(({ level }) => level === 0);
  const responsible = selectResponsible(header, index);
  if (zero.length > MAX_PER_LEVEL || !responsible.ok || !responsible.identity.ok) return "not-ours";
  const budget = new LookupBudget(keys);
  let found: "not-ours" | "unknown" = "not-ours";
  for (const field of zero) {
    const { address, signedAt, expiresAt } = field.tags;
    if (!isOurs(address.domain) || !sameAddress(responsible.identity.address, address)) continue;
    if (signedAt > now + CLOCK_SKEW_S || now > expiresAt + graceSeconds) continue;
    const { kind } = await checkWithKey(message, field, fields, budget, now);
    if (kind === "good") return "ours";
    if (kind === "temperror") found = "unknown";
  }
  return found;
}
