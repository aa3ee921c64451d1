import type { Row, SqlValue } from "../sql/program.ts";

/** A table as it is written to a file and read again. */
export interface Table {
  readonly name: string;
  /** Rows are written in the order of these columns. Those that are no `columns` number the rows anew when read. */
  readonly key: readonly string[];
  readonly columns: Readonly<Record<string, "text" | "integer" | "octets">>;
}

/**
 * Everything that a keyring is, in an order in which each row finds what it refers to. What is not here is the journal,
 * which only caches need, and the head row, which is the first line of a file.
 */
export const TABLES: readonly Table[] = [
  {
    name: "domain",
    key: ["name"],
    columns: {
      name: "text",
      epoch: "integer",
      statement_spki: "octets",
      statement_sealed: "octets",
      releases_keys: "integer",
      created_at: "integer",
    },
  },
  {
    name: "account",
    key: ["id"],
    columns: {
      id: "text",
      primary_address: "text",
      state: "text",
      created_at: "integer",
      state_since: "integer",
      recipient_limit: "integer",
      key_lock: "octets",
    },
  },
  {
    name: "address",
    key: ["address"],
    columns: { address: "text", domain: "text", account: "text", is_primary: "integer" },
  },
  {
    name: "grant_held",
    key: ["sequence"],
    columns: { account: "text", kind: "text", address: "text", domain: "text" },
  },
  {
    name: "credential",
    key: ["account", "id"],
    columns: {
      account: "text",
      id: "text",
      kind: "text",
      name: "text",
      hash: "text",
      scram: "octets",
      lock_by_password: "octets",
      lock_by_scram: "octets",
      addresses: "text",
      created_at: "integer",
      not_after: "integer",
      last_used_at: "integer",
    },
  },
  {
    name: "key_pair",
    key: ["sequence"],
    columns: {
      kid: "text",
      account: "text",
      algorithm: "text",
      state: "text",
      spki: "octets",
      sealed: "octets",
      not_before: "integer",
      not_after: "integer",
      state_since: "integer",
      reason: "text",
      released_at: "integer",
    },
  },
  {
    name: "enrolment",
    key: ["name"],
    columns: {
      name: "text",
      spki_sha256: "text",
      unix_user: "text",
      unix_group: "text",
      scope: "text",
      modes: "text",
      may_assert: "integer",
      created_at: "integer",
    },
  },
  {
    name: "recipient_use",
    key: ["account"],
    columns: { account: "text", period_ms: "integer", slots: "text" },
  },
  {
    name: "audit",
    key: ["sequence"],
    columns: {
      sequence: "integer",
      at: "integer",
      actor: "text",
      action: "text",
      account: "text",
      subject: "text",
      kid: "text",
      message_id_hash: "text",
      recipients: "integer",
      client: "text",
      outcome: "text",
      detail: "text",
      chain: "octets",
    },
  },
];

/** `{"table":{"column":value}}`, octets as base64. */
export function formatRow(table: Table, row: Row): string {
  const values: Record<string, unknown> = {};
  for (const [column, type] of Object.entries(table.columns)) {
    const value = row[column];
    values[column] =
      type === "octets" && value !== null ? Buffer.from(value as Uint8Array).toString("base64") : value;
  }
  return JSON.stringify({ [table.name]: values });
}

/** @returns what is wrong, or the values in the order of the table's columns */
export function parseRow(table: Table, written: unknown): readonly SqlValue[] | string {
  if (typeof written !== "object" || written === null) return `"${table.name}" holds no row`;
  const row = written as Record<string, unknown>;
  const columns = Object.entries(table.columns);
  const unknown = Object.keys(row).find((column) => !Object.hasOwn(table.columns, column));
  if (unknown !== undefined) return `"${table.name}" has no column "${unknown}"`;
  const values: SqlValue[] = [];
  for (const [column, type] of columns) {
    const value = parseValue(row[column], type);
    if (value === undefined) return `${table.name}.${column} is no ${type}`;
    values.push(value);
  }
  return values;
}

function parseValue(value: unknown, type: Table["columns"][string]): SqlValue | undefined {
  if (value === null) return null;
  if (type === "integer") return Number.isSafeInteger(value) ? (value as number) : undefined;
  if (typeof value !== "string") return undefined;
  if (type === "text") return value;
  const octets = new Uint8Array(Buffer.from(value, "base64"));
  return Buffer.from(octets).toString("base64") === value ? octets : undefined;
}
