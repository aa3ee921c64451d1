import { type Address, sameAddress } from "../message/index.ts";
import { messageIdHashOf, prepare, type ScannedMessage } from "../signature/index.ts";
import type { Copy } from "./copies.ts";
import { countRecipients } from "./count-recipients.ts";
import { malformed, notIdentified, type Refused, refused } from "./refused.ts";
import { type DkimSigners, type SignedCopy, signAllCopies } from "./sign-copies.ts";
import type { Login } from "./vault.ts";

/** A message that nobody submitted and that an address of ours signs: a forward, or a post to a list. */
export interface ToSignAs {
  /** As it is sent; nothing is edited. */
  readonly message: ScannedMessage;
  /** Exactly this address signs. */
  readonly identity: Address;
  /** Custody level: what a forwarder adds to those below it (CUS-1); 0 for mail of the identity's own (CUS-6). */
  readonly level: number;
  readonly copies: readonly Copy[];
  /** Somebody who logged in passes it on: it counts as his mail at any level. */
  readonly isUsers?: boolean;
  /** Names to cover beyond the core set. */
  readonly extraFields?: readonly string[];
  readonly staple: boolean;
  readonly dkim?: DkimSigners;
  /** Unix milliseconds. */
  readonly now: number;
}

export type SignedAs =
  | {
      readonly kind: "signed";
      readonly kids: readonly string[];
      /** In the order of the copies that were asked for. */
      readonly copies: readonly SignedCopy[];
    }
  /** A code below 500: later perhaps. */
  | Refused;

/** Signs as one address; at level 0, and for a user, it counts as that account's mail (LIF-14). */
export async function signAs(order: ToSignAs, login: Login): Promise<SignedAs> {
  const { message, identity, level, copies, staple, now } = order;
  const prepared = prepare(message);
  if (!prepared.ok) return malformed(prepared.detail);
  const problem = prepared.check(identity, level);
  if (problem !== null) return refused(550, "5.7.1", problem.detail);
  const field = message.index.has("sender") ? "Sender" : "From";
  const rights = await login.identify(identity);
  if (rights.kind !== "granted") return notIdentified(rights, identity, field);
  if (!sameAddress(rights.identity, identity)) {
    return notIdentified({ kind: "not-granted" }, identity, field);
  }
  // A vault that lends its keys (GETKEY) sees no signature: what is not counted here is not counted at all.
  const counts = level === 0 || order.isUsers === true;
  const over = counts ? await countRecipients(login, rights.keys, copies, now) : null;
  if (over !== null) return over;
  const signing = {
    prepared,
    login,
    identity,
    keys: rights.keys,
    level,
    extraFields: order.extraFields ?? [],
    flags: [],
    messageIdHash: messageIdHashOf(message),
    staple,
    dkim: order.dkim?.get(identity.domain) ?? [],
    now,
  };
  const signed = await signAllCopies(signing, copies, field);
  return "kind" in signed ? signed : { kind: "signed", ...signed };
}
