import type { Address } from "../message/index.ts";
import { checkWithKey, checkWithoutKey, type LookupBudget, type UsableField } from "./check-field.ts";
import { recipientHash } from "./hashes.ts";
import type { Responsible } from "./responsible-identity.ts";
import type { ScannedMessage } from "./scanned-message.ts";
import type { SignatureField } from "./signature-field.ts";

/** The top of a sound custody chain; `temporary` when a higher level could not be checked now. */
export interface ChainTop {
  readonly top: UsableField;
  readonly temporary: string | null;
}

/** Is this address one that the field's `r` lists? */
export function listsRecipient(field: UsableField, recipient: Address): boolean {
  const bound = field.tags.recipients;
  return bound?.hashes.includes(recipientHash(bound.salt, recipient)) ?? false;
}

/**
 * Climbs from a verified level 0 as far as the chain holds (CUS-3): no gap, each level verifies (CUS-4: the
 * topmost of two that does), and each `i` is listed in the level below (CUS-5). An unusable field counts as one that does not verify (SIG-28).
 */
export async function climbChain(
  message: ScannedMessage,
  bottom: UsableField,
  all: readonly SignatureField[],
  responsible: Responsible,
  budget: LookupBudget,
  now: number,
): Promise<ChainTop> {
  let top = bottom;
  for (;;) {
    const level = top.level + 1;
    let next: UsableField | null = null;
    let temporary: string | null = null;
    for (const field of all) {
      if (field.level !== level || !isUsable(field)) continue;
      if (checkWithoutKey(message, field, responsible, now) !== null) continue;
      const outcome = await checkWithKey(message, field, all, budget, now);
      if (outcome.kind === "good") {
        next = field;
        break;
      }
      if (outcome.kind === "temperror") temporary = outcome.detail;
    }
    if (next === null) return { top, temporary };
    if (!listsRecipient(top, next.tags.address)) return { top, temporary: null };
    top = next;
  }
}

export function isUsable(field: SignatureField): field is UsableField {
  return field.level !== null && field.tags !== null;
}
