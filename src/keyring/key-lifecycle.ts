import type { AccountState, KeyState } from "./records.ts";

// What an account's state allows, and what each operation does to its keys (LIF-6 to LIF-13). Whatever is not in the
// table is refused; the store checks the account's state in the same transaction, and a trigger there forbids
// every key transition that the table does not have.
//
//   operation | account before | account after | active key | retired keys | new key
//   ----------+----------------+---------------+------------+--------------+--------
//   create    | –              | active        | –          | –            | active
//   rotate    | active         | active        | retired    | retired      | active
//   re-key    | active         | active        | revoked    | revoked      | active
//   suspend   | active         | suspended     | active *   | retired *    | –
//   resume    | suspended      | active        | revoked    | revoked      | active
//
//   * KEY answers `suspended` for them (LIF-11).
//
// A key that leaves `active` loses its private half at once (LIF-17). `revoked` is final. A retired key
// verifies until its notAfter, and stays in the history afterwards.

export type KeyOperation = "rotate" | "re-key" | "suspend" | "resume";

export const ACCOUNT_STATE_NEEDED: Record<KeyOperation, AccountState> = {
  rotate: "active",
  "re-key": "active",
  suspend: "active",
  resume: "suspended",
};

/** The states a key may move to. */
export const KEY_TRANSITIONS: Record<KeyState, readonly KeyState[]> = {
  active: ["retired", "revoked"],
  retired: ["revoked"],
  revoked: [],
};

/** A retired key must outlive every signature it made: the longest x−t (SIG-13, LIF-8), in seconds. */
export const RETIREMENT_S = 1_209_600;
