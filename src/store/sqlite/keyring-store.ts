import {
  type AccountRecord,
  type AccountRights,
  type AccountState,
  type DomainRecord,
  type GrantRecord,
  type KeyReplacement,
  type KeyringStore,
  MAX_GRANTS,
  type NewAccount,
  type NewKey,
  type PublicKeyRecord,
  type SealedKeyPair,
  type StoreOutcome,
  storedAddress,
} from "../../keyring/index.ts";
import { accountOf, domainOf, integer, keyOf, text } from "./keyring-rows.ts";
import { SqlitePublicKeyringStore } from "./public-keyring-store.ts";

/** The keyring in one SQLite file; every change is one synced transaction. */
export class SqliteKeyringStore extends SqlitePublicKeyringStore implements KeyringStore {
  async bindMasterKey(check: string): Promise<string> {
    const bind = (): string => {
      const row = this.db.get("SELECT check_value FROM master_key");
      if (row) return text(row, "check_value");
      this.db.run("INSERT INTO master_key (check_value) VALUES (?)", check);
      return check;
    };
    return this.read(() => this.db.transaction(bind));
  }

  async domain(name: string): Promise<DomainRecord | null> {
    return this.read(() => {
      const row = this.db.get("SELECT * FROM domain WHERE name = ?", name);
      return row ? domainOf(row) : null;
    });
  }

  async domains(): Promise<readonly DomainRecord[]> {
    return this.read(() => this.db.all("SELECT * FROM domain ORDER BY name").map(domainOf));
  }

  async addDomain(domain: DomainRecord): Promise<StoreOutcome> {
    return this.#change(() => {
      const added = this.db.run(
        `INSERT INTO domain (name, epoch, statement_spki, statement_sealed, created_at)
         VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
        domain.name,
        domain.epoch,
        domain.statementKey?.spki ?? null,
        domain.statementKey?.sealed ?? null,
        domain.createdAt,
      );
      return added === 1 ? "done" : "exists";
    });
  }

  async addAccount(account: NewAccount): Promise<StoreOutcome> {
    return this.#change(() => {
      for (const address of [account.primaryAddress, ...account.aliases]) {
        const outcome = this.#insertAddress(account.id, address);
        if (outcome !== "done") return outcome;
      }
      this.db.run(
        "INSERT INTO account (id, primary_address, state, created_at, state_since) VALUES (?, ?, 'active', ?, ?)",
        account.id,
        account.primaryAddress,
        account.createdAt,
        account.createdAt,
      );
      if (account.passwordHash !== null)
        this.#insertPassword(account.id, account.passwordHash, account.createdAt);
      return this.#insertKey(account.id, account.key);
    });
  }

  async addAddress(accountId: string, address: string): Promise<StoreOutcome> {
    return this.#change(() =>
      this.accountById(accountId) ? this.#insertAddress(accountId, address) : "no-account",
    );
  }

  async removeAddress(address: string): Promise<StoreOutcome> {
    return this.#change(() => {
      if (this.db.get("SELECT 1 FROM account WHERE primary_address = ?", address)) return "primary";
      return this.db.run("DELETE FROM address WHERE address = ?", address) === 1 ? "done" : "no-address";
    });
  }

  async addGrant(accountId: string, { kind, target }: GrantRecord): Promise<StoreOutcome> {
    const address = "address" in target ? target.address : null;
    const domain = "address" in target ? storedAddress(target.address).domain : target.domain;
    return this.#change(() => {
      if (!this.accountById(accountId)) return "no-account";
      if (!this.db.get("SELECT 1 FROM domain WHERE name = ?", domain)) return "not-hosted";
      if (address !== null && !this.db.get("SELECT 1 FROM address WHERE address = ?", address))
        return "no-address";
      const added = this.db.run(
        "INSERT INTO grant_held (account, kind, address, domain) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        accountId,
        kind,
        address,
        domain,
      );
      if (added === 0) return "exists";
      const held = this.db.get(
        "SELECT count(DISTINCT address) AS n FROM grant_held WHERE account = ? AND domain = ?",
        accountId,
        domain,
      );
      return held && integer(held, "n") > MAX_GRANTS ? "too-many" : "done";
    });
  }

  async removeGrant(accountId: string, { kind, target }: GrantRecord): Promise<StoreOutcome> {
    const address = "address" in target ? target.address : null;
    const domain = "address" in target ? storedAddress(target.address).domain : target.domain;
    return this.#change(() => {
      const removed = this.db.run(
        "DELETE FROM grant_held WHERE account = ? AND kind = ? AND domain = ? AND address IS ?",
        accountId,
        kind,
        domain,
        address,
      );
      return removed === 1 ? "done" : "no-address";
    });
  }

  async accounts(domain: string | null): Promise<readonly AccountRecord[]> {
    return this.read(() => {
      const rows =
        domain === null
          ? this.db.all("SELECT * FROM account ORDER BY primary_address")
          : this.db.all(
              `SELECT * FROM account WHERE primary_address IN (SELECT address FROM address WHERE domain = ?)
               ORDER BY primary_address`,
              domain,
            );
      return rows.map(accountOf);
    });
  }

  async rights(accountId: string): Promise<AccountRights | null> {
    return this.read(() => this.rightsOf(accountId));
  }

  async owner(address: string): Promise<AccountRecord | null> {
    return this.read(() => this.ownerOf(address));
  }

  async credential(address: string): Promise<{ account: AccountRecord; passwordHash: string | null } | null> {
    return this.read(() => {
      const account = this.ownerOf(address);
      if (account === null) return null;
      const row = this.db.get("SELECT hash FROM password WHERE account = ?", account.id);
      return { account, passwordHash: row ? text(row, "hash") : null };
    });
  }

  async setPassword(accountId: string, passwordHash: string, at: number): Promise<StoreOutcome> {
    return this.#change(() => {
      if (!this.accountById(accountId)) return "no-account";
      this.#insertPassword(accountId, passwordHash, at);
      return "done";
    });
  }

  async activeKey(accountId: string): Promise<(SealedKeyPair & PublicKeyRecord) | null> {
    return this.read(() => {
      const row = this.db.get("SELECT * FROM key_pair WHERE account = ? AND state = 'active'", accountId);
      return row ? { ...keyOf(row), sealed: row.sealed as Uint8Array } : null;
    });
  }

  async keyHistory(accountId: string): Promise<readonly PublicKeyRecord[]> {
    return this.read(() => this.keysOf(accountId));
  }

  async suspend(accountId: string, at: number): Promise<StoreOutcome> {
    return this.#change(() => {
      const account = this.accountById(accountId);
      if (account === null) return "no-account";
      if (account.state === "suspended") return "suspended";
      this.#setState(accountId, "suspended", at);
      return "done";
    });
  }

  async replaceKeys({
    accountId,
    newKey,
    oldKeys,
    requiredState,
    at,
    reason,
  }: KeyReplacement): Promise<StoreOutcome> {
    return this.#change(() => {
      const account = this.accountById(accountId);
      if (account === null) return "no-account";
      if (account.state !== requiredState)
        return account.state === "suspended" ? "suspended" : "not-suspended";
      if (oldKeys.become === "retired") {
        this.db.run(
          `UPDATE key_pair SET state = 'retired', sealed = NULL, not_after = ?, state_since = ?, reason = ?
           WHERE account = ? AND state = 'active'`,
          oldKeys.notAfter,
          at,
          reason,
          accountId,
        );
      } else {
        this.db.run(
          `UPDATE key_pair SET state = 'revoked', sealed = NULL, not_after = min(coalesce(not_after, ?), ?),
             state_since = ?, reason = ? WHERE account = ? AND state <> 'revoked'`,
          at,
          at,
          at,
          reason,
          accountId,
        );
      }
      if (account.state !== "active") this.#setState(accountId, "active", at);
      return this.#insertKey(accountId, newKey);
    });
  }

  #insertAddress(accountId: string, address: string): StoreOutcome {
    const domain = storedAddress(address).domain;
    if (!this.db.get("SELECT 1 FROM domain WHERE name = ?", domain)) return "not-hosted";
    const added = this.db.run(
      "INSERT INTO address (address, domain, account) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
      address,
      domain,
      accountId,
    );
    return added === 1 ? "done" : "address-taken";
  }

  #insertKey(accountId: string, key: NewKey): StoreOutcome {
    if (this.db.get("SELECT 1 FROM key_pair WHERE kid = ? OR spki = ?", key.kid, key.spki))
      return "key-taken";
    this.db.run(
      `INSERT INTO key_pair (kid, account, algorithm, state, spki, sealed, not_before, state_since)
       VALUES (?, ?, ?, 'active', ?, ?, ?, ?)`,
      key.kid,
      accountId,
      key.algorithm,
      key.spki,
      key.sealed,
      key.notBefore,
      key.notBefore,
    );
    return "done";
  }

  #insertPassword(accountId: string, hash: string, at: number): void {
    this.db.run(
      `INSERT INTO password (account, hash, changed_at) VALUES (?, ?, ?)
       ON CONFLICT (account) DO UPDATE SET hash = excluded.hash, changed_at = excluded.changed_at`,
      accountId,
      hash,
      at,
    );
  }

  #setState(accountId: string, state: AccountState, at: number): void {
    this.db.run("UPDATE account SET state = ?, state_since = ? WHERE id = ?", state, at, accountId);
  }

  /** One transaction, kept only if it comes to `done`: a change may have begun before it turns out to be refused. */
  #change(work: () => StoreOutcome): StoreOutcome {
    return this.read(() => this.db.transaction(work, (outcome) => outcome === "done"));
  }
}
