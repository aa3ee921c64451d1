import type { AccountState, KeyReason, KeyState } from "./records.ts";

// What each operation does to an account and its keys (LIF-6 to LIF-19): the table under "States" in ARCHITECTURE.md, as
// far as new keys are made. Whatever it does not have is refused: the store checks the account's state in the same
// transaction, and a trigger there forbids every key transition that is not among those below. A key that leaves
// `active` loses its private half at once (LIF-17), unless its domain releases keys (LIF-18).

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
