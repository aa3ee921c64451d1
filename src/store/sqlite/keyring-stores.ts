import { SqlKeyringStore } from "../keyring/keyring-store.ts";
import { SqlPublicKeyringStore } from "../keyring/public-keyring-store.ts";
import { SqliteDriver, type SqliteOptions } from "./sqlite-driver.ts";

/** The keyring in one SQLite file; every change is one synced transaction. */
export class SqliteKeyringStore extends SqlKeyringStore {
  constructor(path: string, { auditKey, ...options }: SqliteOptions & { readonly auditKey: Uint8Array }) {
    super(new SqliteDriver(path, options), auditKey);
  }
}

export class SqlitePublicKeyringStore extends SqlPublicKeyringStore {
  constructor(path: string, options: SqliteOptions = {}) {
    super(new SqliteDriver(path, options));
  }
}
