import type { KeyringStore, PublicKeyringStore } from "../keyring/index.ts";
import { SqliteKeyringStore, SqlitePublicKeyringStore } from "./sqlite/keyring-stores.ts";

export interface KeyringPlace {
  /** A file, made when it is not there. */
  readonly location: string;
}

/**
 * @param options.auditKey of the audit log's chain: `masterKey.derive("audit")`
 * @throws KeyringStoreError when the store cannot be reached or used now
 */
export async function openKeyringStore(
  options: KeyringPlace & { readonly auditKey: Uint8Array },
): Promise<KeyringStore> {
  return new SqliteKeyringStore(options.location, { auditKey: options.auditKey });
}

/** For processes without private keys: see {@link PublicKeyringStore}. */
export async function openPublicKeyringStore({ location }: KeyringPlace): Promise<PublicKeyringStore> {
  return new SqlitePublicKeyringStore(location);
}
