import type { KeyringStore, PublicKeyringStore } from "../keyring/index.ts";
import { isPostgresqlUrl } from "./keyring-location.ts";
import { SqliteKeyringStore, SqlitePublicKeyringStore } from "./sqlite/keyring-stores.ts";

export interface KeyringPlace {
  /** A SQLite file, made when it is not there, or the URL of a PostgreSQL database. */
  readonly location: string;
}

/**
 * @param options.auditKey of the audit log's chain: `auditKeyOf(masterKey)`
 * @throws KeyringStoreError when the store cannot be reached or used now
 */
export async function openKeyringStore({
  location,
  auditKey,
}: KeyringPlace & { readonly auditKey: Uint8Array }): Promise<KeyringStore> {
  if (!isPostgresqlUrl(location)) return new SqliteKeyringStore(location, { auditKey });
  const { openPostgresqlKeyringStore } = await import("./postgresql/keyring-stores.ts");
  return openPostgresqlKeyringStore(location, auditKey);
}

/** For processes without private keys: see {@link PublicKeyringStore}. */
export async function openPublicKeyringStore({ location }: KeyringPlace): Promise<PublicKeyringStore> {
  if (!isPostgresqlUrl(location)) return new SqlitePublicKeyringStore(location);
  const { openPostgresqlPublicKeyringStore } = await import("./postgresql/keyring-stores.ts");
  return openPostgresqlPublicKeyringStore(location);
}
