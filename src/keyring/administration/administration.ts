import { type AuditEntry, auditEntry } from "../audit/audit-entry.ts";
import type { KeyringStore } from "../keyring-store.ts";
import type { MasterKey } from "../master-key.ts";
import type { AccountRecord } from "../records.ts";

/** What every administrative act needs; who acts stands in its audit entry (PRV-20). */
export class Administration {
  readonly store: KeyringStore;
  readonly masterKey: MasterKey;
  /** Passwords get a SCRAM verifier when they are set. */
  readonly scram: boolean;
  readonly #actor: string;
  readonly #clock: { now(): number };

  constructor(options: {
    readonly store: KeyringStore;
    readonly masterKey: MasterKey;
    readonly clock: { now(): number };
    readonly actor: string;
    readonly scram: boolean;
  }) {
    this.store = options.store;
    this.masterKey = options.masterKey;
    this.scram = options.scram;
    this.#actor = options.actor;
    this.#clock = options.clock;
  }

  /** Unix milliseconds. */
  nowMs(): number {
    return this.#clock.now();
  }

  /** Unix seconds, as records have them. */
  now(): number {
    return Math.floor(this.#clock.now() / 1000);
  }

  /** An entry about an account. */
  entryOf(account: AccountRecord, action: string, details: Partial<AuditEntry> = {}): AuditEntry {
    return this.entry(action, { ...details, account: account.id, subject: account.primaryAddress });
  }

  entry(action: string, details: Partial<Omit<AuditEntry, "at" | "actor" | "action">> = {}): AuditEntry {
    return auditEntry({ ...details, at: this.nowMs(), actor: this.#actor, action });
  }
}
