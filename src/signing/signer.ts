import type { Address } from "../message/index.ts";
import type { Algorithm } from "../signature/index.ts";

/** Whom a message names as its authors: what §3.4 is decided on. */
export interface Authors {
  /** Every From mailbox. */
  readonly from: readonly Address[];
  /** The Sender mailbox; null when there is no Sender field. */
  readonly sender: Address | null;
}

export interface KeyName {
  readonly kid: string;
  readonly algorithm: Algorithm;
}

/** The signer cannot answer now: SMTP 451 4.4.3, never unsigned (SUB-6). `cause` is for the log. */
export interface Unavailable {
  readonly kind: "unavailable";
  readonly cause: unknown;
}

export type Authorization =
  | {
      readonly kind: "authorized";
      /** Who signs: the responsible identity (IDY-1), Sender being added where `addSender` says so. */
      readonly identity: Address;
      /** The account writes on behalf of From: a Sender field naming `identity` is to be added (SUB-3). */
      readonly addSender: boolean;
      /** The active keys, the Ed25519 key first. */
      readonly keys: readonly KeyName[];
    }
  | { readonly kind: "suspended" }
  /** `address` is neither owned by nor granted to the account (SUB-1). */
  | { readonly kind: "not-granted"; readonly address: Address }
  | Unavailable;

export interface SigningOrder {
  readonly account: string;
  readonly identity: Address;
  readonly kid: string;
  /** How many recipients the copy is bound to. */
  readonly recipientCount: number;
  /** H and M of SIG-50 and SIG-51: a remote signer is sent H and makes M itself. */
  readonly headerCanonical: Uint8Array;
  readonly input: Uint8Array;
}

export type Signed =
  | { readonly kind: "signed"; readonly signature: Uint8Array }
  | { readonly kind: "suspended" }
  | Unavailable;

/** Where private keys are: in this process's keyring, or behind a key server's private interface. */
export interface Signer {
  /** May the account send a message by these authors, and who signs it? */
  authorize(account: string, authors: Authors): Promise<Authorization>;
  sign(order: SigningOrder): Promise<Signed>;
}
