import { openDriver } from "../open-driver.ts";
import { integer } from "../sql/columns.ts";
import { all, first, type Program, type Row, type SqlValue } from "../sql/program.ts";
import { formatHeader, type Transferred, totalOf } from "./header.ts";
import { formatRow, TABLES, type Table } from "./tables.ts";

/** Rows that are in memory at once. */
const PAGE = 1000;

export interface ExportOptions {
  readonly location: string;
  /** Takes some lines, each with its end, before it returns. */
  readonly write: (lines: string) => void;
  readonly onProgress: (done: number, of: number) => void;
}

/**
 * Writes everything that a keyring holds, as it was at one moment, while others go on changing it. Secrets stay sealed
 * under the master key.
 *
 * @throws KeyringStoreError
 */
export async function exportKeyring({ location, write, onProgress }: ExportOptions): Promise<Transferred> {
  const driver = await openDriver(location);
  try {
    return await driver.readSnapshot(exportAll(write, onProgress));
  } finally {
    await driver.close();
  }
}

function* exportAll(
  write: ExportOptions["write"],
  onProgress: ExportOptions["onProgress"],
): Program<Transferred> {
  const head = yield* first(
    "SELECT audit_sequence, audit_chain, archived_sequence, master_key_check, decoy_secret FROM head",
  );
  const counts: Record<string, number> = {};
  for (const { name } of TABLES) counts[name] = yield* countRows(name);
  const header = {
    masterKeyCheck: (head?.master_key_check ?? null) as string | null,
    decoySecret: (head?.decoy_secret ?? null) as Uint8Array | null,
    auditSequence: head === null ? 0 : integer(head, "audit_sequence"),
    auditChain: head?.audit_chain as Uint8Array,
    archivedSequence: head === null ? 0 : integer(head, "archived_sequence"),
    counts,
  };
  write(`${formatHeader(header)}\n`);
  const total = totalOf(header);
  let done = 0;
  for (const table of TABLES) {
    for (let rows = yield* page(table, null); rows.length > 0; ) {
      write(rows.map((row) => `${formatRow(table, row)}\n`).join(""));
      done += rows.length;
      onProgress(done, total);
      rows = rows.length < PAGE ? [] : yield* page(table, rows.at(-1) ?? null);
    }
  }
  return header;
}

function page({ name, key }: Table, after: Row | null): Program<readonly Row[]> {
  const order = key.join(", ");
  const condition = after === null ? "" : `WHERE (${order}) > (${key.map(() => "?").join(", ")})`;
  const values = after === null ? [] : key.map((column) => after[column] as SqlValue);
  return all(`SELECT * FROM ${name} ${condition} ORDER BY ${order} LIMIT ?`, ...values, PAGE);
}

export function* countRows(table: string): Program<number> {
  const row = yield* first(`SELECT count(*) AS n FROM ${table}`);
  return row === null ? 0 : integer(row, "n");
}
