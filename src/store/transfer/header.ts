import { TABLES } from "./tables.ts";

/** Changes with the form of the lines, and with the tables that they are rows of. */
const VERSION = 1;

/** What a keyring holds besides its rows, and how many these are. */
export interface Transferred {
  /** Whose sealed keys these are; null before the first use. */
  readonly masterKeyCheck: string | null;
  /** Sealed; null as long as the master key is the first one. */
  readonly decoySecret: Uint8Array | null;
  readonly auditSequence: number;
  readonly auditChain: Uint8Array;
  /** Entries up to this one were archived. */
  readonly archivedSequence: number;
  /** Rows by table. */
  readonly counts: Readonly<Record<string, number>>;
}

export function totalOf({ counts }: Transferred): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

export function formatHeader(header: Transferred): string {
  const { masterKeyCheck, decoySecret, auditSequence, auditChain, archivedSequence, counts } = header;
  return JSON.stringify({
    "vsmtp-keyring": VERSION,
    master_key_check: masterKeyCheck,
    decoy_secret: decoySecret && Buffer.from(decoySecret).toString("base64"),
    audit_sequence: auditSequence,
    audit_chain: Buffer.from(auditChain).toString("base64"),
    archived_sequence: archivedSequence,
    counts,
  });
}

/** @returns what is wrong, or the header */
export function parseHeader(line: string): Transferred | string {
  const written = parseObject(line);
  const version = written?.["vsmtp-keyring"];
  if (!written || typeof version !== "number") return "it is not an export of a keyring";
  if (version !== VERSION) return `it has version ${version}, and this program reads version ${VERSION}`;
  const { master_key_check: check, audit_sequence: sequence, audit_chain: chain, counts } = written;
  const { archived_sequence: archived, decoy_secret: decoys } = written;
  const isCheck = check === null || typeof check === "string";
  const areDecoys = decoys === null || typeof decoys === "string";
  const areNumbers = isNumber(sequence) && isNumber(archived);
  if (!isCheck || !areDecoys || !areNumbers || typeof chain !== "string" || !isCounts(counts)) {
    return "its first line is damaged";
  }
  const auditChain = new Uint8Array(Buffer.from(chain, "base64"));
  const decoySecret = decoys === null ? null : new Uint8Array(Buffer.from(decoys, "base64"));
  return {
    masterKeyCheck: check,
    decoySecret,
    auditSequence: sequence,
    auditChain,
    archivedSequence: archived,
    counts,
  };
}

function isNumber(written: unknown): written is number {
  return Number.isSafeInteger(written);
}

function isCounts(written: unknown): written is Record<string, number> {
  if (typeof written !== "object" || written === null) return false;
  return (
    Object.keys(written).length === TABLES.length &&
    TABLES.every(({ name }) => isNumber((written as Record<string, unknown>)[name]))
  );
}

export function parseObject(line: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
