import { createSecretKey } from "node:crypto";
import { type AuditEntry, KeyringStoreError } from "../../keyring/index.ts";
import { appendEntries } from "../keyring/audit-log.ts";
import { journal } from "../keyring/journal.ts";
import { openDriver } from "../open-driver.ts";
import type { Change, SqlDriver } from "../sql/driver.ts";
import { first, insertRows, type Program, run, type SqlValue } from "../sql/program.ts";
import { countRows } from "./export-keyring.ts";
import { parseHeader, parseObject, type Transferred, totalOf } from "./header.ts";
import { parseRow, TABLES, type Table } from "./tables.ts";

/** Rows of one transaction. */
const BATCH = 1000;
/** Stands as the check value of the master key meanwhile: no master key has it, so that nobody uses half a keyring. */
const UNFINISHED = "an import was broken off here";

export interface ImportOptions {
  readonly location: string;
  readonly auditKey: Uint8Array;
  /** Of the master key in use here: what the file holds must be sealed under it. */
  readonly masterKeyCheck: string;
  readonly lines: AsyncIterable<string> | Iterable<string>;
  /** Logged at the end. */
  readonly entry: AuditEntry;
  readonly onProgress: (done: number, of: number) => void;
}

/** What is wrong with the file, or with where it shall go; one sentence for the operator. */
export class ImportError extends Error {
  override readonly name = "ImportError";
}

/**
 * Fills an empty keyring with what {@link exportKeyring} has written. Broken off, it is begun again with another empty
 * database.
 *
 * @throws ImportError, KeyringStoreError
 */
export async function importKeyring(options: ImportOptions): Promise<Transferred> {
  const driver = await openDriver(options.location);
  try {
    return await importAll(driver, options);
  } finally {
    await driver.close();
  }
}

async function importAll(driver: SqlDriver, options: ImportOptions): Promise<Transferred> {
  let header: Transferred | null = null;
  let batch: Batch | null = null;
  let number = 0;
  let done = 0;
  const flush = async (): Promise<void> => {
    if (batch === null || header === null) return;
    await insert(driver, batch);
    done += batch.rows.length;
    options.onProgress(done, totalOf(header));
    batch = null;
  };
  for await (const line of options.lines) {
    number++;
    if (header === null) {
      header = checkedHeader(line, options.masterKeyCheck);
      const problem = await driver.change(begin());
      if (problem !== null) throw new ImportError(problem);
      continue;
    }
    const { table, values } = parseLine(line, number);
    if (batch !== null && (batch.table !== table || batch.rows.length === BATCH)) await flush();
    batch ??= { table, rows: [], firstLine: number };
    batch.rows.push(values);
  }
  await flush();
  if (header === null) throw new ImportError("the file is empty");
  await driver.change(finish(header, options));
  return header;
}

interface Batch {
  readonly table: Table;
  readonly rows: (readonly SqlValue[])[];
  readonly firstLine: number;
}

function checkedHeader(line: string, masterKeyCheck: string): Transferred {
  const header = parseHeader(line);
  if (typeof header === "string") throw new ImportError(`the file cannot be imported: ${header}`);
  if (header.masterKeyCheck !== null && header.masterKeyCheck !== masterKeyCheck) {
    throw new ImportError(
      "the file's keys are encrypted under another master key; the settings must name the one that was in use where it was exported",
    );
  }
  return header;
}

function parseLine(line: string, number: number): { table: Table; values: readonly SqlValue[] } {
  const written = parseObject(line);
  const [name = ""] = Object.keys(written ?? {});
  const table = TABLES.find((known) => known.name === name);
  if (!written || !table) throw new ImportError(`line ${number} of the file is damaged`);
  const values = parseRow(table, written[name]);
  if (typeof values === "string") throw new ImportError(`line ${number} of the file is damaged: ${values}`);
  return { table, values };
}

/** @returns what is wrong; null: it may go on */
function* begin(): Program<Change<string | null>> {
  const refuse = (problem: string): Change<string> => ({ answer: problem, keep: false, subjects: new Set() });
  const head = yield* first("SELECT audit_sequence, master_key_check FROM head");
  if (head?.master_key_check === UNFINISHED) {
    return refuse("an import into this key store was broken off; begin again with an empty one");
  }
  let rows = head?.master_key_check === null ? 0 : 1;
  for (const { name } of TABLES) rows += yield* countRows(name);
  if (rows > 0) return refuse("the key store is not empty; a file is imported into an empty one only");
  yield* run("UPDATE head SET master_key_check = ?", UNFINISHED);
  return { answer: null, keep: true, subjects: new Set() };
}

async function insert(driver: SqlDriver, { table, rows, firstLine }: Batch): Promise<void> {
  try {
    await driver.change(insertBatch(table, rows));
  } catch (error) {
    if (error instanceof KeyringStoreError) throw error;
    const lines = `lines ${firstLine} to ${firstLine + rows.length - 1}`;
    const problem = error instanceof Error ? error.message : String(error);
    throw new ImportError(`${lines} of the file do not fit the rest: ${problem}`, { cause: error });
  }
}

function* insertBatch(table: Table, rows: readonly (readonly SqlValue[])[]): Program<Change<void>> {
  yield* insertRows(`INSERT INTO ${table.name} (${Object.keys(table.columns).join(", ")})`, rows);
  // Key servers that run already may remember that a domain is not hosted here.
  const subjects = new Set(table.name === "domain" ? rows.map(([name]) => String(name)) : []);
  yield* journal(subjects);
  return { answer: undefined, keep: true, subjects };
}

/** @throws ImportError when rows are missing: the file was cut off */
function* finish(
  { decoySecret, auditSequence, auditChain, archivedSequence, counts }: Transferred,
  { auditKey, masterKeyCheck, entry }: ImportOptions,
): Program<Change<void>> {
  for (const { name } of TABLES) {
    const found = yield* countRows(name);
    if (found === counts[name]) continue;
    throw new ImportError(`the file is not whole: it has ${found} of ${counts[name]} rows of "${name}"`);
  }
  yield* run(
    `UPDATE head SET audit_sequence = ?, audit_chain = ?, archived_sequence = ?, master_key_check = ?,
       decoy_secret = ?`,
    auditSequence,
    auditChain,
    archivedSequence,
    masterKeyCheck,
    decoySecret,
  );
  yield* appendEntries({ auditKey: createSecretKey(auditKey), masterKeyCheck }, [entry]);
  return { answer: undefined, keep: true, subjects: new Set() };
}
