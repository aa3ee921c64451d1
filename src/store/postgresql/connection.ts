import pg from "pg";
import type { Result, Statement } from "../sql/program.ts";

/** How long each step may take. */
const CONNECT_MS = 5_000;
const LOCK_MS = 5_000;
const STATEMENT_MS = 30_000;
/** Then the server is taken for gone, though the connection may still look alive. */
const ANSWER_MS = STATEMENT_MS + 5_000;

/** @param url `postgresql://user:password@host/database?sslmode=verify-full`, as libpq writes it */
export function connectionConfig(url: string): pg.ClientConfig {
  return {
    connectionString: url,
    application_name: "vsmtp",
    connectionTimeoutMillis: CONNECT_MS,
    statement_timeout: STATEMENT_MS,
    lock_timeout: LOCK_MS,
    idle_in_transaction_session_timeout: STATEMENT_MS,
    query_timeout: ANSWER_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    types: { getTypeParser: parserOf },
  };
}

const { BYTEA, INT8 } = pg.types.builtins;

const parserOf: typeof pg.types.getTypeParser = (id: number, format?: string) => {
  // Numbers of the keyring stay far below 2^53.
  if (id === INT8) return Number;
  if (id === BYTEA) return (text: string) => new Uint8Array(Buffer.from(text.slice(2), "hex"));
  return pg.types.getTypeParser(id, format as "text");
};

/** Statements by their text with `?`: each is translated once, and prepared once on each connection. */
const prepared = new Map<string, { readonly name: string; readonly text: string }>();

export async function execute(client: pg.ClientBase, { sql, values }: Statement): Promise<Result> {
  let statement = prepared.get(sql);
  if (statement === undefined) {
    let number = 0;
    statement = { name: `vsmtp_${prepared.size}`, text: sql.replace(/\?/g, () => `$${++number}`) };
    prepared.set(sql, statement);
  }
  const { rows, rowCount } = await client.query({ ...statement, values: [...values] });
  return { rows, changed: rowCount ?? 0 };
}
