import {
  type AccountRecord,
  type AccountRights,
  type AccountState,
  type DomainRecord,
  type GrantKind,
  type GrantRecord,
  type KeyReplacement,
  type KeyringStore,
  KeyringStoreError,
  type KeyState,
  MAX_GRANTS,
  type NewAccount,
  type NewKey,
  type PublicKeyRecord,
  type PublicRecord,
  type SealedKeyPair,
  type StoreOutcome,
} from "../../keyring/index.ts";
import { Database, type Row, storageProblem } from "./database.ts";
import { KEYRING_APPLICATION_ID, keyringMigrations } from "./keyring-schema.ts";

const ACCOUNT = "SELECT id, primary_address, state, created_at FROM account";
const KEY = "SELECT kid, algorithm, state, spki, not_before, not_after FROM key_pair";

/** The keyring in one SQLite file; every change is one synced transaction. */
export class SqliteKeyringStore implements KeyringStore {
  readonly #db: Database;

  constructor(path: string, options: { readonly busyTimeoutMs?: number } = {}) {
    this.#db = new Database({
      ...options,
      path,
      applicationId: KEYRING_APPLICATION_ID,
      migrations: keyringMigrations,
    });
  }

  close(): void {
    this.#db.close();
  }

  changeCount(): number {
    return this.#db.changeCount();
  }

  async bindMasterKey(check: string): Promise<string> {
    const bind = (): string => {
      const row = this.#db.get("SELECT check_value FROM master_key");
      if (row) return text(row, "check_value");
      this.#db.run("INSERT INTO master_key (check_value) VALUES (?)", check);
      return check;
    };
    return this.#read(() => this.#db.transaction(bind));
  }

  async domain(name: string): Promise<DomainRecord | null> {
    return this.#read(() => {
      const row = this.#db.get("SELECT * FROM domain WHERE name = ?", name);
      return row ? domainOf(row) : null;
    });
  }

  async domains(): Promise<readonly DomainRecord[]> {
    return this.#read(() => this.#db.all("SELECT * FROM domain ORDER BY name").map(domainOf));
  }

  async addDomain(domain: DomainRecord): Promise<StoreOutcome> {
    return this.#change(() => {
      const added = this.#db.run(
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
      this.#db.run(
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
      this.#account(accountId) ? this.#insertAddress(accountId, address) : "no-account",
    );
  }

  async removeAddress(address: string): Promise<StoreOutcome> {
    return this.#change(() => {
      if (this.#db.get("SELECT 1 FROM account WHERE primary_address = ?", address)) return "primary";
      return this.#db.run("DELETE FROM address WHERE address = ?", address) === 1 ? "done" : "no-address";
    });
  }

  async addGrant(accountId: string, { kind, target }: GrantRecord): Promise<StoreOutcome> {
    const address = "address" in target ? target.address : null;
    const domain = "address" in target ? domainPart(target.address) : target.domain;
    return this.#change(() => {
      if (!this.#account(accountId)) return "no-account";
      if (!this.#db.get("SELECT 1 FROM domain WHERE name = ?", domain)) return "not-hosted";
      if (address !== null && !this.#db.get("SELECT 1 FROM address WHERE address = ?", address))
        return "no-address";
      const added = this.#db.run(
        "INSERT INTO grant_held (account, kind, address, domain) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        accountId,
        kind,
        address,
        domain,
      );
      if (added === 0) return "exists";
      const held = this.#db.get(
        "SELECT count(DISTINCT address) AS n FROM grant_held WHERE account = ? AND domain = ?",
        accountId,
        domain,
      );
      return held && integer(held, "n") > MAX_GRANTS ? "too-many" : "done";
    });
  }

  async removeGrant(accountId: string, { kind, target }: GrantRecord): Promise<StoreOutcome> {
    const address = "address" in target ? target.address : null;
    const domain = "address" in target ? domainPart(target.address) : target.domain;
    return this.#change(() => {
      const removed = this.#db.run(
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
    return this.#read(() => {
      const rows =
        domain === null
          ? this.#db.all(`${ACCOUNT} ORDER BY primary_address`)
          : this.#db.all(
              `${ACCOUNT} WHERE primary_address IN (SELECT address FROM address WHERE domain = ?)
               ORDER BY primary_address`,
              domain,
            );
      return rows.map(accountOf);
    });
  }

  async rights(accountId: string): Promise<AccountRights | null> {
    return this.#read(() => this.#rights(accountId));
  }

  async owner(address: string): Promise<AccountRecord | null> {
    return this.#read(() => this.#owner(address));
  }

  async publicRecord(address: string): Promise<PublicRecord | null> {
    return this.#read(() => {
      const owner = this.#owner(address);
      const rights = owner && this.#rights(owner.id);
      return rights && { ...rights, keys: this.#keys(rights.account.id) };
    });
  }

  async credential(address: string): Promise<{ account: AccountRecord; passwordHash: string | null } | null> {
    return this.#read(() => {
      const account = this.#owner(address);
      if (account === null) return null;
      const row = this.#db.get("SELECT hash FROM password WHERE account = ?", account.id);
      return { account, passwordHash: row ? text(row, "hash") : null };
    });
  }

  async setPassword(accountId: string, passwordHash: string, at: number): Promise<StoreOutcome> {
    return this.#change(() => {
      if (!this.#account(accountId)) return "no-account";
      this.#insertPassword(accountId, passwordHash, at);
      return "done";
    });
  }

  async activeKey(accountId: string): Promise<(SealedKeyPair & PublicKeyRecord) | null> {
    return this.#read(() => {
      const row = this.#db.get("SELECT * FROM key_pair WHERE account = ? AND state = 'active'", accountId);
      return row ? { ...keyOf(row), sealed: row.sealed as Uint8Array } : null;
    });
  }

  async keyHistory(accountId: string): Promise<readonly PublicKeyRecord[]> {
    return this.#read(() => this.#keys(accountId));
  }

  async suspend(accountId: string, at: number): Promise<StoreOutcome> {
    return this.#change(() => {
      const account = this.#account(accountId);
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
      const account = this.#account(accountId);
      if (account === null) return "no-account";
      if (account.state !== requiredState)
        return account.state === "suspended" ? "suspended" : "not-suspended";
      if (oldKeys.become === "retired") {
        this.#db.run(
          `UPDATE key_pair SET state = 'retired', sealed = NULL, not_after = ?, state_since = ?, reason = ?
           WHERE account = ? AND state = 'active'`,
          oldKeys.notAfter,
          at,
          reason,
          accountId,
        );
      } else {
        this.#db.run(
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

  #account(id: string): AccountRecord | null {
    const row = this.#db.get(`${ACCOUNT} WHERE id = ?`, id);
    return row ? accountOf(row) : null;
  }

  #owner(address: string): AccountRecord | null {
    const row = this.#db.get(
      `${ACCOUNT} WHERE id = (SELECT account FROM address WHERE address = ?)`,
      address,
    );
    return row ? accountOf(row) : null;
  }

  #rights(accountId: string): AccountRights | null {
    const account = this.#account(accountId);
    if (account === null) return null;
    const addresses = this.#db
      .all(
        "SELECT address FROM address WHERE account = ? ORDER BY address <> ?, address",
        accountId,
        account.primaryAddress,
      )
      .map((row) => text(row, "address"));
    const grants = this.#db
      .all("SELECT kind, address, domain FROM grant_held WHERE account = ? ORDER BY rowid", accountId)
      .map(grantOf);
    return { account, addresses, grants };
  }

  #keys(accountId: string): PublicKeyRecord[] {
    return this.#db.all(`${KEY} WHERE account = ? ORDER BY sequence DESC`, accountId).map(keyOf);
  }

  #insertAddress(accountId: string, address: string): StoreOutcome {
    const domain = domainPart(address);
    if (!this.#db.get("SELECT 1 FROM domain WHERE name = ?", domain)) return "not-hosted";
    const added = this.#db.run(
      "INSERT INTO address (address, domain, account) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
      address,
      domain,
      accountId,
    );
    return added === 1 ? "done" : "address-taken";
  }

  #insertKey(accountId: string, key: NewKey): StoreOutcome {
    if (this.#db.get("SELECT 1 FROM key_pair WHERE kid = ? OR spki = ?", key.kid, key.spki))
      return "key-taken";
    this.#db.run(
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
    this.#db.run(
      `INSERT INTO password (account, hash, changed_at) VALUES (?, ?, ?)
       ON CONFLICT (account) DO UPDATE SET hash = excluded.hash, changed_at = excluded.changed_at`,
      accountId,
      hash,
      at,
    );
  }

  #setState(accountId: string, state: AccountState, at: number): void {
    this.#db.run("UPDATE account SET state = ?, state_since = ? WHERE id = ?", state, at, accountId);
  }

  #read<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw storeError(error);
    }
  }

  /** One transaction, kept only if it comes to `done`: a change may have begun before it turns out to be refused. */
  #change(work: () => StoreOutcome): StoreOutcome {
    return this.#read(() => this.#db.transaction(work, (outcome) => outcome === "done"));
  }
}

function storeError(error: unknown): unknown {
  const problem = storageProblem(error);
  return problem === null ? error : new KeyringStoreError(problem, error);
}

function domainOf(row: Row): DomainRecord {
  const spki = row.statement_spki as Uint8Array | null;
  const sealed = row.statement_sealed as Uint8Array | null;
  return {
    name: text(row, "name"),
    epoch: row.epoch as number | null,
    statementKey: spki && sealed ? { spki, sealed } : null,
    createdAt: integer(row, "created_at"),
  };
}

function accountOf(row: Row): AccountRecord {
  return {
    id: text(row, "id"),
    primaryAddress: text(row, "primary_address"),
    state: text(row, "state") as AccountState,
    createdAt: integer(row, "created_at"),
  };
}

function keyOf(row: Row): PublicKeyRecord {
  return {
    kid: text(row, "kid"),
    algorithm: "ed25519-sha256",
    state: text(row, "state") as KeyState,
    spki: row.spki as Uint8Array,
    notBefore: integer(row, "not_before"),
    notAfter: row.not_after as number | null,
  };
}

function grantOf(row: Row): GrantRecord {
  const address = row.address as string | null;
  return {
    kind: text(row, "kind") as GrantKind,
    target: address === null ? { domain: text(row, "domain") } : { address },
  };
}

function text(row: Row, column: string): string {
  return row[column] as string;
}

function integer(row: Row, column: string): number {
  return row[column] as number;
}

/** The last "@" separates: a canonical domain holds none, a local part may. */
function domainPart(address: string): string {
  return address.slice(address.lastIndexOf("@") + 1);
}
