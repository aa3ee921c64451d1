import { hash } from "node:crypto";
import type { Address } from "../message/index.ts";
import {
  checkWithKey,
  checkWithoutKey,
  type FieldOutcome,
  LookupBudget,
  type UsableField,
} from "./check-field.ts";
import { climbChain, isUsable, listsRecipient } from "./custody-chain.ts";
import type { KeySource } from "./key-source.ts";
import { alignment, type Responsible, selectResponsible } from "./responsible-identity.ts";
import { MessageScanner, type ScannedMessage } from "./scanned-message.ts";
import type { SignatureField } from "./signature-field.ts";
import { readSignatures } from "./signature-set.ts";
import type { Reason, RecipientMatch, Result, Verdict } from "./verdict.ts";

/** What a verdict depends on beside the message. */
export interface VerifyContext {
  /** Unix seconds. */
  readonly now: number;
  /**
   * The recipients of this transaction; null stands for one that is no eligible address, which nothing can
   * list. Leave it out where there is no transaction: then `rcpt` is not judged.
   */
  readonly recipients?: readonly (Address | null)[] | undefined;
  readonly keys: KeySource;
}

/** Verifies a whole message; see {@link judge}. */
export async function verify(message: Uint8Array, context: VerifyContext): Promise<Verdict> {
  const verifier = new MessageVerifier();
  verifier.write(message);
  return judge(verifier.finish(), context);
}

/** Reads a message for {@link judge} in chunks of any size, in memory that does not grow with its body. */
export class MessageVerifier extends MessageScanner {}

/**
 * The verdict on a message that was read (VER-1 to VER-8, VER-14 to VER-22). Cheap checks come first: no key is asked for unless
 * the body hash holds.
 */
export async function judge(message: ScannedMessage, context: VerifyContext): Promise<Verdict> {
  const set = readSignatures(message);
  if (set.kind === "unsigned")
    return verdict("none", "unsigned", null, "there is no VSMTP-Signature field of version 1");
  if (set.kind === "syntax") return verdict("permerror", "syntax", null, set.detail);
  const responsible = selectResponsible(message.header, message.index);
  const budget = new LookupBudget(context.keys);
  const zero = set.fields.filter(isUsable).filter((field) => field.level === 0);
  const seen: { field: UsableField; outcome: FieldOutcome }[] = [];
  for (const field of zero) {
    const outcome =
      checkWithoutKey(message, field, responsible, context.now) ??
      (await checkWithKey(message, field, set.fields, budget, context.now));
    if (outcome.kind === "good")
      return judgeGood(message, set.fields, field, outcome, responsible, budget, context);
    seen.push({ field, outcome });
  }
  // A temporary problem outranks failure (VER-6); else the topmost field tells (VER-8).
  const decisive = seen.find(({ outcome }) => outcome.kind === "temperror") ?? seen[0];
  if (decisive === undefined) throw new Error("a signed message without a usable field of level 0");
  const { field, outcome } = decisive;
  if (outcome.kind === "temperror") return verdict("temperror", "unavailable", field, outcome.detail);
  if (outcome.kind === "fail") return verdict("fail", outcome.reason, field, outcome.detail);
  return verdict("permerror", "syntax", field, outcome.kind === "permerror" ? outcome.detail : "");
}

/** A level-0 signature verified: what remains are the recipients (VER-14) and the alignment (IDY-9). */
async function judgeGood(
  message: ScannedMessage,
  all: readonly SignatureField[],
  field: UsableField,
  good: FieldOutcome & { kind: "good" },
  responsible: Responsible,
  budget: LookupBudget,
  context: VerifyContext,
): Promise<Verdict> {
  const { tags } = field;
  const align = alignment(tags.address, tags.kid, responsible.ok ? responsible.from : [], good.grants);
  const signature = { digest: hash("sha256", tags.signature, "buffer"), expiresAt: tags.expiresAt };
  const known = { align, trust: good.trust, signature };
  const recipients = context.recipients;
  let rcpt: RecipientMatch | null = null;
  let forwarder: string | null = null;
  if (tags.recipients === null) rcpt = "unbound";
  else if (recipients !== undefined && recipients.length > 0) {
    const unlisted = recipients.filter(
      (recipient) => recipient === null || !listsRecipient(field, recipient),
    );
    rcpt = unlisted.length === 0 ? "match" : "mismatch";
    if (unlisted.length > 0) {
      const { top, temporary } = await climbChain(message, field, all, responsible, budget, context.now);
      // Only here: a recipient that level 0 lists matches whatever higher levels say (VER-7, VER-22).
      if (temporary !== null && tags.exact)
        return { ...verdict("temperror", "unavailable", field, temporary), ...known };
      const forwarded = unlisted.every((recipient) => recipient !== null && listsRecipient(top, recipient));
      // Partly listed and partly forwarded is a mismatch (VER-19).
      if (forwarded && top !== field && unlisted.length === recipients.length) {
        rcpt = "forwarded";
        forwarder = top.tags.identity;
      } else if (tags.exact) {
        // Without `r` this is never reached (VER-20, VER-21).
        const detail = "signed for exactly its recipients, and this is none of them";
        return { ...verdict("fail", "exact", field, detail), ...known, rcpt };
      }
    }
  }
  const base =
    align === "sender"
      ? verdict("neutral", "sender-only", field, `signed by ${tags.identity}, which says nothing about From`)
      : verdict("pass", null, field, `signed by ${tags.identity}`);
  return { ...base, ...known, rcpt, forwarder };
}

function verdict(result: Result, reason: Reason | null, field: UsableField | null, detail: string): Verdict {
  return {
    result,
    reason,
    identity: field?.tags.identity ?? null,
    kid: field?.tags.kid ?? null,
    align: null,
    rcpt: null,
    trust: null,
    detail,
    forwarder: null,
    automatic: field?.tags.automatic ?? false,
    signature: null,
  };
}
