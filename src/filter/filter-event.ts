import type { DescribedMessage, Judged } from "../border/index.ts";
import type { Address } from "../message/index.ts";
import type { MilterReply, MilterTransaction } from "../milter/index.ts";
import type { MessageId } from "../queue/index.ts";
import type { Decision } from "../verification/index.ts";
import type { Proof } from "./origin.ts";

/** One message, and what this filter told the mail server to do; nothing of its text. Times are Unix milliseconds. */
interface Filtered {
  /** In logs, and in replies that refuse it: sorts by time. */
  readonly id: MessageId;
  readonly transaction: MilterTransaction;
  /** The mail server's name for the message; empty where it has not said it. */
  readonly queueId: string;
  readonly at: number;
}

/** A user's message, signed with an account's key. */
export interface SignedOutgoing extends Filtered {
  readonly kind: "signed";
  readonly proof: Proof;
  /** Its id. */
  readonly account: string;
  /** As in `i`. */
  readonly identity: string;
  readonly kids: readonly string[];
  /** As in the vault's audit log. */
  readonly messageIdHash: string | null;
  readonly octets: number;
  /** The body was in 8 bits and is in 7 now. */
  readonly isConverted: boolean;
  /** Milliseconds. */
  readonly signingMs: number;
}

/** A message of somebody who has no account here. */
export interface PassedUnsigned extends Filtered {
  readonly kind: "unsigned";
  readonly proof: Proof;
  /** What the mail server calls him. */
  readonly name: string;
  /** Whose account the settings make of that name; null: nobody's. */
  readonly account: Address | null;
}

/** A user's message that is not sent. */
export interface RefusedOutgoing extends Filtered {
  readonly kind: "refused";
  readonly proof: Proof;
  readonly name: string;
  readonly reply: MilterReply;
  /** What failed on our side; null where the user or the message was at fault. */
  readonly cause: unknown;
}

/** A message of others, and what was found out of it. */
export interface VerifiedIncoming extends Filtered, Judged {
  readonly kind: "verified";
  readonly message: DescribedMessage;
  readonly decision: Decision;
  /** What the mail server was told where it is not to deliver it. */
  readonly reply: MilterReply | null;
  /** How long the stages took, milliseconds. */
  readonly took: { readonly receiving: number; readonly verifying: number };
}

/** A message of others that could not be judged, since something failed here. */
export interface Unjudged extends Filtered {
  readonly kind: "unjudged";
  /** Null: it went on without a verdict. */
  readonly reply: MilterReply | null;
  readonly cause: unknown;
}

/** The mail server says nothing of its clients, so that no user is known and all mail is others'. Told once. */
export interface MacrosMissing extends Filtered {
  readonly kind: "macros-missing";
}

export type FilterEvent =
  | SignedOutgoing
  | PassedUnsigned
  | RefusedOutgoing
  | VerifiedIncoming
  | Unjudged
  | MacrosMissing;
