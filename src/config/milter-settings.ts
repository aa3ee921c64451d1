import type { LoginNames } from "./login-names.ts";

/** Signing and verifying for a mail server that asks a milter. */
export interface MilterSettings {
  readonly listeners: readonly MilterListener[];
  /** What it does; mail that is for the other job passes as it is. */
  readonly jobs: ReadonlySet<"sign" | "verify">;
  /** Whose account it is that a name from AUTH means. */
  readonly logins: LoginNames;
  /** What becomes of mail of users who logged in there and have no account here. */
  readonly unknownUsers: "accept" | "reject";
  /** What becomes of others' mail that cannot be verified because something fails here. */
  readonly onTrouble: "defer" | "accept";
  /** Mail that programs of the mail server's host submit: `sign` where the mail server checks as whom they may. */
  readonly local: "unsigned" | "sign";
  /** Addresses of accounts, by Unix user or reverse path; others are login names. */
  readonly localUsers: ReadonlyMap<string, string>;
  readonly certificates: readonly MilterCertificate[];
  readonly relays: readonly MilterRelays[];
  /** How often the mail server hears that it is to go on waiting. */
  readonly progressMs: number;
}

export type MilterListener =
  | { readonly kind: "unix"; readonly path: string; readonly mode: number }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number };

/** A client that proves itself by a certificate, as the mail server calls subject and issuer. */
export interface MilterCertificate {
  readonly subject: string;
  readonly issuer: string;
  readonly account: string;
}

/** Clients that need not log in: they are known by their addresses. */
export interface MilterRelays {
  readonly networks: readonly string[];
  /** Null: that of the reverse path. */
  readonly account: string | null;
}
