import { SqlKeyringStore } from "../keyring/keyring-store.ts";
import { SqlPublicKeyringStore } from "../keyring/public-keyring-store.ts";
import { PostgresqlDriver } from "./postgresql-driver.ts";

/** The keyring in a PostgreSQL database that many machines share. */
export async function openPostgresqlKeyringStore(
  url: string,
  auditKey: Uint8Array,
): Promise<SqlKeyringStore> {
  return new SqlKeyringStore(await PostgresqlDriver.open(url), auditKey);
}

export async function openPostgresqlPublicKeyringStore(url: string): Promise<SqlPublicKeyringStore> {
  return new SqlPublicKeyringStore(await PostgresqlDriver.open(url));
}
