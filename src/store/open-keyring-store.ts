import type { KeyringStore, PublicKeyringStore } from "../keyring/index.ts";
import { SqlKeyringStore } from "./keyring/keyring-store.ts";
import { SqlPublicKeyringStore } from "./keyring/public-keyring-store.ts";
import { openDriver } from "./open-driver.ts";
import type { SqliteOptions } from "./sqlite/sqlite-driver.ts";

export interface KeyringPlace {
  /** See `keyringLocation`. */
  readonly location: string;
  /** Where that is a file. */
  readonly sqlite?: SqliteOptions;
}

/**
 * @param place.auditKey of the audit log's chain: `auditKeyOf(masterKey)`
 * @throws KeyringStoreError when the store cannot be reached or used now, StoreMismatchError when it is newer than this program or another's
 */
export async function openKeyringStore(
  place: KeyringPlace & { readonly auditKey: Uint8Array },
): Promise<KeyringStore> {
  return new SqlKeyringStore(await openDriver(place.location, place.sqlite), place.auditKey);
}

/** For processes without private keys: see {@link PublicKeyringStore}. */
export async function openPublicKeyringStore(place: KeyringPlace): Promise<PublicKeyringStore> {
  return new SqlPublicKeyringStore(await openDriver(place.location, place.sqlite));
}
