import type { Address } from "../message/index.ts";
import type { Algorithm } from "../signature/index.ts";

// What a submission server needs of the place where accounts and private keys are: in this process
// (KeyringVault), or behind a key server's private interface (RemoteVault), which then holds all secrets.

export interface KeyName {
  readonly kid: string;
  readonly algorithm: Algorithm;
  /** What the key server says of this key now, signed (STA-3), for stapling (STP-1); null: nothing to staple. */
  readonly statement: string | null;
}

/** The vault cannot answer now: SMTP 451 4.4.3 (454 4.7.0 at AUTH), never unsigned (SUB-6). `cause` is for the log. */
export interface Unavailable {
  readonly kind: "unavailable";
  readonly cause: unknown;
}

/** This server may not assert anybody: its enrolment has not the right (PRV-9). */
export interface Denied {
  readonly kind: "denied";
}

/** Who asks, for the audit log, and what binds the exchange to the client's TLS connection. */
export interface LoginContext {
  /** The user's network address. */
  readonly client: string;
  /** tls-exporter value (RFC 9266) of the client's session; null where it has none. */
  readonly channelBinding: Uint8Array | null;
}

/** One answer of the vault in a SASL exchange. */
export type LoginStep =
  /** To be sent to the client as it is (RFC 4954: 334 and base64). */
  | { readonly kind: "challenge"; readonly octets: Uint8Array }
  | { readonly kind: "accepted"; readonly login: Login }
  /** 535 5.7.8: says nothing about which part was wrong. */
  | { readonly kind: "rejected" }
  /** 501 5.5.2: the client's octets are none of the mechanism. */
  | { readonly kind: "malformed" }
  /** 550 5.7.1: told to those with the right password only. */
  | { readonly kind: "suspended" }
  /** 454 4.7.0: too many logins at once. */
  | { readonly kind: "busy" }
  | Unavailable;

/** A SASL exchange under way. One question at a time. */
export interface LoginExchange {
  /** @param response the client's octets; null: AUTH came without an initial response */
  respond(response: Uint8Array | null): Promise<LoginStep>;
  /** The client broke off (`*`) or went away. */
  cancel(): void;
}

/** Where accounts log in and sign. */
export interface Vault {
  /** SASL mechanisms it takes, the strongest first. `-PLUS` ones need a channel binding. */
  readonly mechanisms: readonly string[];
  /** Null for a mechanism it does not have. */
  logIn(mechanism: string, context: LoginContext): LoginExchange | null;
  /**
   * A login without a password, for mail of the system itself such as reports, and of users whom somebody else has
   * authenticated (PRV-9): for `mailer-daemon@` a hosted domain the account is made when there is none. Null when the
   * address is nobody's, or not one that this server may act for.
   */
  assert(address: Address, context: LoginContext): Promise<Login | null | Denied | Unavailable>;
  close(): Promise<void>;
}

/** The login has ended by itself (PRV-14): SMTP 421, the user logs in again. */
export interface Ended {
  readonly kind: "ended";
}

/** Why a user gets nothing. */
export type NoUse =
  | { readonly kind: "suspended" }
  /** The account's key opens by its own password only, and this login was another one: 550 5.7.1. */
  | { readonly kind: "locked" }
  | Ended
  | Unavailable;

/** May the user write as an address? */
export type Identification =
  | {
      readonly kind: "granted";
      /** Who signs: the address asked for, or for one that the user writes on behalf of, the address for Sender. */
      readonly identity: Address;
      /** The active keys of `identity`, the Ed25519 key first. */
      readonly keys: readonly KeyName[];
    }
  /** Neither owned nor granted (SUB-1). */
  | { readonly kind: "not-granted" }
  | NoUse;

/** LIF-14. `freeAt`: when that many recipients would fit, Unix milliseconds; null: never, the limit is smaller. */
export interface Limited {
  readonly kind: "limited";
  readonly limit: number;
  readonly freeAt: number | null;
}

export type Spent = { readonly kind: "spent" } | Limited | NoUse;

export interface SigningOrder {
  readonly identity: Address;
  readonly kid: string;
  /** Custody level (SIG-9); 0 unless given. Forwards do not count against the account's limit. */
  readonly level?: number;
  /** How many recipients the copy has. */
  readonly recipientCount: number;
  /** H and M of SIG-50 and SIG-51: a remote signer is sent H and makes M itself. */
  readonly headerCanonical: Uint8Array;
  readonly input: Uint8Array;
  /** Names the message in the audit log (PRV-20); null where it has no Message-ID. */
  readonly messageIdHash: string | null;
}

export type Signed =
  | { readonly kind: "signed"; readonly signature: Uint8Array }
  /** Another key signs for the identity by now: identify again. */
  | { readonly kind: "replaced" }
  /** The key server looked into H and refused (PRV-17), or the user may not sign as the identity any more. */
  | { readonly kind: "refused"; readonly detail: string }
  /** The vault cannot read what it was to sign: 550 5.6.0 (PRV-15). */
  | { readonly kind: "malformed"; readonly detail: string }
  | Limited
  | NoUse;

/** A user who logged in. Its rights are asked afresh each time, or at most 60 s old (PRV-19). */
export interface Login {
  /** Names the account in queue and log. */
  readonly accountId: string;
  readonly primary: Address;
  /** Whether `sign` counts recipients that were not spent before: one signature then needs no `spend` (PRV-27). */
  readonly countsOnSigning: boolean;
  identify(address: Address): Promise<Identification>;
  /** Counts a submission's recipients, all or none, before its copies are signed (LIF-14). */
  spend(recipients: number): Promise<Spent>;
  sign(order: SigningOrder): Promise<Signed>;
  /** The user is gone. */
  end(): void;
}
