import type { Address } from "../message/index.ts";
import { checkWithoutKey, type UsableField } from "./check-field.ts";
import { isUsable, listsRecipient } from "./custody-chain.ts";
import { selectResponsible } from "./responsible-identity.ts";
import type { ScannedMessage } from "./scanned-message.ts";
import { SIGNATURE_FIELD, type SignatureField } from "./signature-field.ts";
import { MAX_FIELDS, readSignatures } from "./signature-set.ts";

/** SIG-9 */
const MAX_LEVEL = 7;

/** What a forwarder can add to a message that it passes on unaltered (CUS-1). */
export type CustodyLevel =
  | { readonly kind: "level"; readonly level: number }
  /** A further level could not hold; one sentence for people. */
  | { readonly kind: "none"; readonly because: string };

/**
 * The level that an address adds when it passes a message on: the one above a chain whose top lists it (CUS-3), as far as
 * that can be told without keys. What does not hold is better left as it is than signed over.
 *
 * @param now Unix seconds
 */
export function nextCustodyLevel(message: ScannedMessage, receivedAs: Address, now: number): CustodyLevel {
  const set = readSignatures(message);
  if (set.kind === "unsigned") return none("it is not signed");
  if (set.kind === "syntax") return none(set.detail);
  const responsible = selectResponsible(message.header, message.index);
  const sound = (level: number): UsableField | undefined =>
    set.fields
      .filter(isUsable)
      .find((field) => field.level === level && checkWithoutKey(message, field, responsible, now) === null);
  let top = sound(0);
  if (top === undefined) return none("its signature has ended or does not fit it");
  for (;;) {
    const above: SignatureField[] = set.fields.filter(({ level }) => level === (top?.level ?? 0) + 1);
    if (above.length === 0) break;
    const next: UsableField | undefined = sound(top.level + 1);
    if (next === undefined || !listsRecipient(top, next.tags.address)) {
      return none(`the signature of level ${top.level + 1} does not belong to the one below`);
    }
    top = next;
  }
  if (set.fields.some(({ level }) => level !== null && level > (top?.level ?? 0)))
    return none("a level is missing");
  if (top.tags.recipients === null) return none("it is bound to no recipient");
  if (!listsRecipient(top, receivedAs)) return none("it was not signed for this address");
  if (top.level === MAX_LEVEL) return none("all levels are taken");
  if ((message.index.get(SIGNATURE_FIELD)?.length ?? 0) >= MAX_FIELDS) {
    return none("it carries as many signatures as it may");
  }
  return { kind: "level", level: top.level + 1 };
}

function none(because: string): CustodyLevel {
  return { kind: "none", because };
}
