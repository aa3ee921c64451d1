import type { Header, HeaderField } from "../message/index.ts";
import { canonicalField } from "../signature/index.ts";
import { judgeStatement, type StatementJudgement, type StatementQuery } from "./judge-statement.ts";
import { parseStatement, type ReceivedStatement } from "./statement.ts";

// Stapling (SPEC section 5.6): a message brings the signed key statement along that its verifier would ask for.

/** The field's name in lower case. */
export const STAPLE_FIELD = "vsmtp-key-statement";
/** Fields of a message that are looked into, from the top; as many as it may have signatures (STP-4). */
const MAX_STAPLES = 10;
/** Longest field that is looked into, its CRLFs included (STP-4). */
const MAX_FIELD_OCTETS = 4096;
/** Fold before this column; only what has no place to fold is longer. */
const COLUMNS = 72;

/**
 * The field that staples a statement to a message (STP-1), with its CRLF, folded at spaces: in canonical form (MSG-7)
 * its value is the statement, octet for octet (STP-3).
 *
 * @param statement one line, signed
 * @returns null for a statement that would not survive: one with other white space than single spaces, or too long
 */
export function formatStaple(statement: string): string | null {
  const words = statement.split(" ");
  if (!words.every((word) => /^[!-~]{1,900}$/.test(word))) return null;
  let field = "VSMTP-Key-Statement:";
  let column = field.length;
  for (const word of words) {
    if (column + 1 + word.length > COLUMNS) {
      field += "\r\n";
      column = 0;
    }
    field += ` ${word}`;
    column += 1 + word.length;
  }
  return field.length + 2 > MAX_FIELD_OCTETS ? null : `${field}\r\n`;
}

/**
 * The statements that a message brings along, topmost first, as far as they can be read (STP-4). Nothing proves any
 * of them yet.
 *
 * @param fields those named {@link STAPLE_FIELD}, from top to bottom
 */
export function readStaples(header: Header, fields: readonly HeaderField[]): ReceivedStatement[] {
  const statements: ReceivedStatement[] = [];
  for (const field of fields.slice(0, MAX_STAPLES)) {
    if (field.end - field.start > MAX_FIELD_OCTETS) continue;
    const parsed = parseStatement(canonicalField(header, field).toString("latin1", STAPLE_FIELD.length + 1));
    if (parsed.ok) statements.push(parsed.statement);
  }
  return statements;
}

export interface StapleQuery extends StatementQuery {
  /** `sl` of the identity's domain; 0 wants no staples (STP-2). */
  readonly stapleSeconds: number;
}

export type StapleJudgement =
  | Extract<StatementJudgement, { kind: "usable" }>
  /** The key is to be looked up, as if the message had brought nothing: a staple never makes things worse (STP-2). */
  | { readonly kind: "ignored"; readonly detail: string };

/** May this statement be used instead of a lookup (STP-2)? */
export function judgeStaple(statement: ReceivedStatement, query: StapleQuery): StapleJudgement {
  const ignored = (detail: string): StapleJudgement => ({ kind: "ignored", detail });
  const { stapleSeconds, now } = query;
  if ((query.statementKeys ?? []).length === 0) return ignored("the domain publishes no dk");
  if (stapleSeconds === 0) return ignored("the domain wants no staples (sl)");
  const age = now - statement.issuedAt;
  if (age > stapleSeconds) return ignored(`it was issued ${age} s ago, sl allows ${stapleSeconds}`);
  const judgement = judgeStatement({ ok: true, statement }, query);
  return judgement.kind === "usable" ? judgement : ignored(judgement.detail);
}
