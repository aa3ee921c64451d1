import {
  type AccountRecord,
  type AccountRights,
  KeyringStoreError,
  type PublicDomain,
  type PublicKeyRecord,
  type PublicKeyringStore,
  type PublicRecord,
} from "../../keyring/index.ts";
import { Database, storageProblem } from "./database.ts";
import { accountOf, grantOf, keyOf, publicDomainOf, text } from "./keyring-rows.ts";
import { KEYRING_APPLICATION_ID, keyringMigrations } from "./keyring-schema.ts";

/** What anyone may know, for a key server without private keys: its statements never read a sealed key. */
export class SqlitePublicKeyringStore implements PublicKeyringStore {
  protected readonly db: Database;

  constructor(path: string, options: { readonly busyTimeoutMs?: number } = {}) {
    this.db = new Database({
      ...options,
      path,
      applicationId: KEYRING_APPLICATION_ID,
      migrations: keyringMigrations,
    });
  }

  close(): void {
    this.db.close();
  }

  changeCount(): number {
    return this.db.changeCount();
  }

  async publicDomain(name: string): Promise<PublicDomain | null> {
    return this.read(() => {
      const row = this.db.get("SELECT name, epoch, statement_spki FROM domain WHERE name = ?", name);
      return row ? publicDomainOf(row) : null;
    });
  }

  async publicRecord(address: string): Promise<PublicRecord | null> {
    return this.read(() => {
      const owner = this.ownerOf(address);
      const rights = owner && this.rightsOf(owner.id);
      return rights && { ...rights, keys: this.keysOf(rights.account.id) };
    });
  }

  protected accountById(id: string): AccountRecord | null {
    const row = this.db.get("SELECT * FROM account WHERE id = ?", id);
    return row ? accountOf(row) : null;
  }

  protected ownerOf(address: string): AccountRecord | null {
    const row = this.db.get(
      "SELECT * FROM account WHERE id = (SELECT account FROM address WHERE address = ?)",
      address,
    );
    return row ? accountOf(row) : null;
  }

  protected rightsOf(accountId: string): AccountRights | null {
    const account = this.accountById(accountId);
    if (account === null) return null;
    const addresses = this.db
      .all(
        "SELECT address FROM address WHERE account = ? ORDER BY address <> ?, address",
        accountId,
        account.primaryAddress,
      )
      .map((row) => text(row, "address"));
    const grants = this.db
      .all("SELECT kind, address, domain FROM grant_held WHERE account = ? ORDER BY rowid", accountId)
      .map(grantOf);
    return { account, addresses, grants };
  }

  protected keysOf(accountId: string): PublicKeyRecord[] {
    return this.db
      .all(
        `SELECT kid, algorithm, state, spki, not_before, not_after FROM key_pair
         WHERE account = ? ORDER BY sequence DESC`,
        accountId,
      )
      .map(keyOf);
  }

  protected read<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      const problem = storageProblem(error);
      throw problem === null ? error : new KeyringStoreError(problem, error);
    }
  }
}
