import type { AccountState, KeyState } from "../../keyring/index.ts";

// A reference model of accounts and keys: what the table of states means, written down a second time and
// as plainly as possible. Addresses are names of one domain; times are Unix seconds.

const FORTNIGHT = 14 * 86_400;

export interface ModelKey {
  readonly kid: string;
  readonly madeAt: number;
  state: KeyState;
  notAfter: number | null;
  privateKeyStored: boolean;
  released: boolean;
}

export interface ModelAccount {
  readonly id: string;
  readonly primary: string;
  state: AccountState;
  locked: boolean;
  /** Oldest first. */
  readonly keys: ModelKey[];
  readonly sendAs: Set<string>;
}

/** What an operation must come to: `ok`, or the problem. */
export type Expected = "ok" | string;

export class LifecycleModel {
  readonly accounts: ModelAccount[] = [];
  readonly owners = new Map<string, ModelAccount>();
  releases = false;
  epoch: number | null = null;

  canCreate(address: string): Expected {
    return this.owners.has(address) ? "address-taken" : "ok";
  }

  create(id: string, primary: string, kid: string, locked: boolean, now: number): void {
    const account: ModelAccount = { id, primary, state: "active", locked, keys: [], sendAs: new Set() };
    this.accounts.push(account);
    this.owners.set(primary, account);
    account.keys.push(freshKey(kid, now));
  }

  /** Of operations on an account that must be in a state; null: in any but removed. */
  allows(account: ModelAccount, needed: AccountState | null): Expected {
    if (account.state === "removed") return "removed";
    if (needed === null || account.state === needed) return "ok";
    return account.state === "suspended" ? "suspended" : "not-suspended";
  }

  suspend(account: ModelAccount): void {
    account.state = "suspended";
  }

  resume(account: ModelAccount, kid: string, now: number): void {
    account.state = "active";
    this.rekey(account, kid, now);
  }

  rekey(account: ModelAccount, kid: string, now: number): void {
    for (const key of account.keys) revoke(key, now);
    account.keys.push(freshKey(kid, now));
  }

  rotate(account: ModelAccount, kid: string, now: number): void {
    for (const key of account.keys) {
      if (key.state !== "active") continue;
      key.state = "retired";
      key.notAfter = now + FORTNIGHT;
      key.privateKeyStored = this.releases && !account.locked;
    }
    account.keys.push(freshKey(kid, now));
  }

  revoke(key: ModelKey, now: number): void {
    revoke(key, now);
  }

  remove(account: ModelAccount, now: number): void {
    account.state = "removed";
    account.locked = false;
    for (const key of account.keys) revoke(key, now);
    for (const [address, owner] of this.owners) if (owner === account) this.#free(address);
  }

  addAlias(account: ModelAccount, address: string): void {
    this.owners.set(address, account);
  }

  canRemoveAlias(address: string): Expected {
    const owner = this.owners.get(address);
    if (owner === undefined) return "no-address";
    return owner.primary === address ? "primary" : "ok";
  }

  removeAlias(address: string): void {
    this.#free(address);
  }

  takeFromOwner(address: string, now: number): void {
    const owner = this.owners.get(address);
    if (owner?.primary === address) this.remove(owner, now);
    else this.#free(address);
  }

  /** Retired keys past their end whose private halves wait to be published. */
  releasable(now: number): ModelKey[] {
    return this.keys.filter(
      ({ state, privateKeyStored, notAfter }) =>
        state === "retired" && privateKeyStored && notAfter !== null && notAfter <= now,
    );
  }

  get keys(): ModelKey[] {
    return this.accounts.flatMap(({ keys }) => keys);
  }

  /** Whose key signs when this account signs as that address; null: it may not. */
  signer(account: ModelAccount, address: string): ModelAccount | null {
    if (account.state !== "active") return null;
    const owner = this.owners.get(address);
    if (owner === account) return account;
    const maySend = owner !== undefined && account.sendAs.has(address);
    return maySend && owner.state === "active" && !owner.locked ? owner : null;
  }

  #free(address: string): void {
    this.owners.delete(address);
    for (const { sendAs } of this.accounts) sendAs.delete(address);
  }
}

function freshKey(kid: string, now: number): ModelKey {
  return { kid, madeAt: now, state: "active", notAfter: null, privateKeyStored: true, released: false };
}

function revoke(key: ModelKey, now: number): void {
  if (key.state === "revoked") return;
  key.state = "revoked";
  key.notAfter = Math.min(key.notAfter ?? now, now);
  key.privateKeyStored = false;
}
