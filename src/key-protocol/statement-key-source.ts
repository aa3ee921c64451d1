import { encodeAddress } from "../message/index.ts";
import type { KeyAnswer, KeyQuery, KeySource } from "../signature/index.ts";
import { judgeStatement } from "./judge-statement.ts";
import { parseStatement, type StatementResult } from "./statement.ts";

export interface StatementKeySourceOptions {
  /** `dk` of the identities' domain: then every statement must be signed. */
  readonly statementKeys?: readonly Uint8Array[];
  /** `ep` of the identities' domain. */
  readonly epoch?: number;
}

/** A line of a statement file that is not a list of tags. */
export class StatementLineError extends Error {
  /** 1-based. */
  readonly line: number;
  readonly column: number;

  constructor(line: number, column: number, detail: string) {
    super(`line ${line}, column ${column}: ${detail}; a key statement reads "v=1; i=…; k=…; a=…; st=…"`);
    this.name = "StatementLineError";
    this.line = line;
    this.column = column;
  }
}

/**
 * Answers from a list of key statements instead of the network, one statement a line; empty lines are skipped.
 * A statement for the asked identity and key answers. One for the key under another identity is bad-key, and
 * without either the answer is no-key. Of several for the same key a stale one gives way to the next, as a
 * failed server does.
 *
 * @throws StatementLineError for a line that is not `name=value` tags
 */
export function statementKeySource(
  lines: readonly string[],
  options: StatementKeySourceOptions = {},
): KeySource {
  const statements: { parsed: StatementResult; identity: string | null; kid: string | null }[] = [];
  lines.forEach((text, index) => {
    const line = text.replace(/\r$/, "");
    if (line.trim() === "") return;
    const parsed = parseStatement(line);
    if (!parsed.ok && parsed.malformed) throw new StatementLineError(index + 1, parsed.column, parsed.detail);
    const { identity, kid } = parsed.ok ? parsed.statement : parsed;
    statements.push({ parsed, identity, kid });
  });
  const answer = (query: KeyQuery): KeyAnswer => {
    const ofKey = statements.filter(({ kid }) => kid === query.kid);
    const identity = encodeAddress(query.identity);
    const exact = ofKey.filter((statement) => statement.identity === identity);
    let failure: string | null = null;
    for (const { parsed } of exact) {
      const judgement = judgeStatement(parsed, { ...query, ...options });
      if (judgement.kind === "fail") return judgement;
      if (judgement.kind === "usable") {
        return { kind: "key", spki: judgement.spki, grants: judgement.grants, trust: null };
      }
      failure ??= judgement.detail;
    }
    if (failure !== null) return { kind: "temperror", detail: failure };
    if (ofKey.length > 0) {
      return { kind: "fail", reason: "bad-key", detail: `key ${query.kid} is not ${identity}'s` };
    }
    return { kind: "fail", reason: "no-key", detail: `no statement about ${identity} and ${query.kid}` };
  };
  return { lookUp: async (query) => answer(query) };
}
