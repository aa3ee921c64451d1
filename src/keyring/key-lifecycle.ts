import type { AccountState, KeyReason, KeyState } from "./records.ts";

// What an account's state allows, and what each operation does to its keys (LIF-6 to LIF-19). Whatever is not in the
// table is refused; the store checks the account's state in the same transaction, and a trigger there forbids
// every key transition that the table does not have.
//
//   operation       | account before    | account after | active key | retired keys | new key
//   ----------------+-------------------+---------------+------------+--------------+--------
//   create          | –                 | active        | –          | –            | active
//   rotate          | active            | active        | retired    | retired      | active
//   re-key          | active            | active        | revoked    | revoked      | active
//   key lock on/off | active, suspended | unchanged     | retired    | retired      | active
//   password reset  | active, suspended | unchanged     | revoked    | revoked      | active   (with a key lock only)
//   revoke (one)    | active, suspended | unchanged     | –          | revoked      | –
//   suspend         | active            | suspended     | active *   | retired *    | –
//   resume          | suspended         | active        | revoked    | revoked      | active
//   remove          | active, suspended | removed       | revoked    | revoked      | –
//
//   * KEY answers `suspended` for them (LIF-11).
//
// `removed` is final; the address may then be another account's (reassign is remove and create in one).
// A key that leaves `active` loses its private half at once (LIF-17), unless its domain releases keys: then a retired
// one keeps it until it was published after its end (LIF-18). `revoked` is final. A retired key verifies until its
// notAfter, and stays in the history afterwards.

export type KeyOperation =
  | "rotate"
  | "re-key"
  | "revoke"
  | "bulk re-key"
  | "resume"
  | "key lock"
  | "password reset";

interface Effect {
  /** The state an account must be in; null: any but `removed`. */
  readonly requiredState: AccountState | null;
  readonly stateAfter: AccountState | null;
  readonly oldKeys: "retired" | "revoked";
  readonly reason: KeyReason;
}

/** The operations that give an account a new key. A null state stays what it is. */
export const KEY_OPERATIONS: Record<KeyOperation, Effect> = {
  rotate: { requiredState: "active", stateAfter: "active", oldKeys: "retired", reason: "rotation" },
  "re-key": { requiredState: "active", stateAfter: "active", oldKeys: "revoked", reason: "re-key" },
  revoke: { requiredState: "active", stateAfter: "active", oldKeys: "revoked", reason: "revocation" },
  "bulk re-key": { requiredState: "active", stateAfter: "active", oldKeys: "revoked", reason: "bulk re-key" },
  resume: { requiredState: "suspended", stateAfter: "active", oldKeys: "revoked", reason: "resume" },
  "key lock": { requiredState: null, stateAfter: null, oldKeys: "retired", reason: "key lock" },
  "password reset": { requiredState: null, stateAfter: null, oldKeys: "revoked", reason: "password reset" },
};

/** The states a key may move to. */
export const KEY_TRANSITIONS: Record<KeyState, readonly KeyState[]> = {
  active: ["retired", "revoked"],
  retired: ["revoked"],
  revoked: [],
};
