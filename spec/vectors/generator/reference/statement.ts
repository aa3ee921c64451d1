// Writes key statements (STA-1).
import { base64 } from "./canonical.ts";
import { ALLICE, STATEMENT_KEY, type TestKey } from "./keys.ts";
import { T } from "./signature-field.ts";

/** Validity of the vectors' keys: the years 2004 and before 2005. */
export const NOT_BEFORE = 1072915200;
export const NOT_AFTER = 1104537600;

export interface StatementOptions {
  /** Values by tag name that replace the usual ones or are put before `s`; null leaves the tag out. */
  readonly tags?: Readonly<Record<string, string | null>>;
  /** Signs the statement; with it `s` is written. */
  readonly signer?: TestKey;
}

/** The statement a key server gives about a key: active, issued when the vectors' messages were signed. */
export function statement(key: TestKey = ALLICE, options: StatementOptions = {}): string {
  const tags = new Map<string, string>([
    ["v", "1"],
    ["i", key.identity],
    ["k", key.kid],
    ["a", key.algorithm],
    ["st", "active"],
    ["nb", `${NOT_BEFORE}`],
    ["na", `${NOT_AFTER}`],
    ["iat", `${T}`],
    ["ttl", "600"],
    ["p", base64(key.spki)],
  ]);
  for (const [name, value] of Object.entries(options.tags ?? {})) {
    if (value === null) tags.delete(name);
    else tags.set(name, value);
  }
  const line = [...tags].map(([name, value]) => `${name}=${value}`).join("; ");
  return options.signer ? `${line}; s=${statementSignature(line, options.signer)}` : line;
}

/** STA-3, STA-4. @param octets the line before the ";" that precedes `s` */
export function statementSignature(octets: string, signer: TestKey = STATEMENT_KEY): string {
  return base64(signer.sign(Buffer.from(`VSMTP1-KST\0${octets}`, "latin1")));
}
