import type { Judged } from "../border/index.ts";
import type { MessageId } from "../queue/index.ts";
import type { ReceivedMessage } from "../reception/index.ts";
import type { Awaitable, Envelope, EnvelopeRecipient, Reply, SessionInfo } from "../smtp/index.ts";
import type { Decision } from "../verification/index.ts";
import type { Refusal } from "./refusal.ts";
import type { Copy } from "./relay.ts";
import type { Sender } from "./senders.ts";

/** A message that has come whole. */
export interface Came {
  readonly id: MessageId;
  readonly session: SessionInfo<Sender>;
  readonly envelope: Envelope;
  /** Those of the envelope who have not got it yet. */
  readonly recipients: readonly EnvelopeRecipient[];
  readonly message: ReceivedMessage;
  /** Unix milliseconds: at the last octet. */
  readonly receivedAt: number;
}

/** What was found out of a message, and done with it. */
export type Findings =
  | ({ readonly kind: "verified"; readonly decision: Decision; readonly repeated: boolean } & Judged)
  | {
      readonly kind: "signed";
      readonly account: string;
      /** As in `i`. */
      readonly identity: string;
      readonly kids: readonly string[];
      /** As in the vault's audit log. */
      readonly messageIdHash: string | null;
    }
  /** It goes on as it came: nobody here has an account for who sent it. */
  | { readonly kind: "unsigned"; readonly name: string | null };

export type Work =
  | {
      readonly kind: "pass";
      readonly findings: Findings;
      /** At least one. */
      readonly copies: readonly Copy[];
      /** The next hop took these. */
      readonly taken?: (accepted: readonly Copy[]) => void;
      /** Nobody reads the copies any more. */
      readonly release?: () => Promise<void>;
    }
  /** Nothing goes on. */
  | ({ readonly kind: "answer"; readonly findings: Findings | null } & Refusal);

/** What a proxy does with messages before they go on. */
export interface Job {
  /** Bodies in 8 bits are to be looked into for conversion (MSG-16). */
  readonly converts: boolean;
  /** MAIL, before the next hop hears of it. Null: it may. */
  mail?(session: SessionInfo<Sender>, envelope: Envelope): Awaitable<Refusal | null>;
  /** Who sends it, as far as `mail` found out. */
  senderOf?(envelope: Envelope): Sender | null;
  /** RCPT, the same. */
  rcpt?(session: SessionInfo<Sender>, recipient: EnvelopeRecipient, envelope: Envelope): Reply | null;
  work(came: Came): Promise<Work>;
}
