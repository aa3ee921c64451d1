import { type KeyObject, sign } from "node:crypto";
import type { KeyStatement } from "./statement.ts";

/**
 * Writes a statement as one line, without line end and without `s` (STA-1). The public key is left out of
 * revoked and suspended ones (STA-2).
 */
export function formatStatement(statement: KeyStatement): string {
  const { state, spki, grants, staleSeconds } = statement;
  const usable = state === "active" || state === "retired";
  let line = `v=1; i=${statement.identity}; k=${statement.kid}; a=${statement.algorithm}; st=${state}`;
  line += `; nb=${statement.notBefore}; na=${statement.notAfter}; iat=${statement.issuedAt}; ttl=${statement.ttlSeconds}`;
  if (staleSeconds > 0) line += `; se=${staleSeconds}`;
  if (grants.length > 0) line += `; og=${grants.join(":")}`;
  if (usable && spki !== null) line += `; p=${Buffer.from(spki).toString("base64")}`;
  return line;
}

const STATEMENT_PREFIX = Buffer.from("VSMTP1-KST\0", "latin1");

/** The octets that `s` signs (STA-3). */
export function statementInput(text: string): Uint8Array {
  return Buffer.concat([STATEMENT_PREFIX, Buffer.from(text, "latin1")]);
}

/**
 * Appends `s` to a statement.
 *
 * @param line from {@link formatStatement}
 * @param statementKey the domain's Ed25519 private key, whose public half is published as `dk`
 */
export function signStatement(line: string, statementKey: KeyObject): string {
  return appendStatementSignature(line, sign(null, statementInput(line), statementKey));
}

/** Appends a signature that was made elsewhere over {@link statementInput}. */
export function appendStatementSignature(line: string, signature: Uint8Array): string {
  return `${line}; s=${Buffer.from(signature).toString("base64")}`;
}
