import type { KeyObject } from "node:crypto";
import type { AccountRecord, CredentialTerm } from "./records.ts";

/** Somebody who proved to be the user of an account, or the system that acts as one (PRV-9). */
export interface User {
  /** As it was at the login; whatever depends on its state asks again. */
  readonly account: AccountRecord;
  /** What was used to log in: the login ends with it. Null for a bearer token and for the system. */
  readonly credential: Pick<CredentialTerm, "id" | "createdAt"> | null;
  /** Nobody logged in: the system acts as the user (PRV-9). */
  readonly asserted: boolean;
  /** An app password's scope: From may be these only; null: all that the account may. */
  readonly addresses: readonly string[] | null;
  /** The opened private half of the account's key lock (X25519); null where there is none or it could not be opened. */
  readonly keyLock: KeyObject | null;
  /** For the audit log: `ss:NAME`, `submission`. */
  readonly actor: string;
  /** For the audit log: the user's network address. */
  readonly client: string;
}
