import type { AuthenticationResult } from "./authentication-results.ts";

/** What an Authentication-Results field says. */
export interface AuthenticationResults {
  /** Lower case. */
  readonly authservId: string;
  /** Names of methods, results and properties in lower case, values as they stand. */
  readonly results: readonly AuthenticationResult[];
}

/** Longer than any name, with comments before it. */
const MAX_ID_CHARACTERS = 4096;

/**
 * Does an arriving Authentication-Results value claim this authserv-id? Such fields are forged and a border
 * must delete them (REC, RFC 8601 §5). Comments before the id are skipped, its case is ignored, and a
 * value that cannot be read is taken to claim it: deleting too much is safe, trusting too much is not. So is one that
 * some reader might take for it: with a dot or a version (`/1`, RFC 5451) behind, or as an encoded word.
 */
export function claimsAuthservId(value: string, authservId: string): boolean {
  // As our own reader takes it, quoted pieces joined: mx."dest.tld". What stands behind so many comments nobody reads.
  const id = new ValueReader(value.slice(0, MAX_ID_CHARACTERS)).word();
  if (id === null || id.startsWith("=?")) return true;
  const [name = ""] = id.split("/", 1);
  let end = name.length;
  while (name[end - 1] === ".") end--;
  return name.slice(0, end).toLowerCase() === authservId.toLowerCase();
}

/** Reads the value of a field, unfolded (RFC 8601 §2.2). Null where it breaks the grammar. */
export function readAuthenticationResults(value: string): AuthenticationResults | null {
  const reader = new ValueReader(value);
  const authservId = reader.word();
  if (authservId === null) return null;
  reader.word(); // a version
  const results: AuthenticationResult[] = [];
  while (reader.take(";")) {
    const result = readResult(reader);
    if (result === null) return null;
    if (result !== "none") results.push(result);
  }
  return reader.ended() ? { authservId: authservId.toLowerCase(), results } : null;
}

function readResult(reader: ValueReader): AuthenticationResult | "none" | null {
  const method = reader.name();
  if (method === null) return reader.ended() ? "none" : null; // after a last semicolon
  if (!reader.take("=")) return method === "none" ? "none" : null;
  const result = reader.word();
  if (result === null) return null;
  let reason: string | null = null;
  const properties: (readonly [string, string])[] = [];
  for (let name = reader.name(); name !== null; name = reader.name()) {
    const found = reader.take("=") ? reader.word() : null;
    if (found === null) return null;
    if (name === "reason") reason = found;
    else properties.push([name, found]);
  }
  return { method: method.replace(/\/.*$/, ""), result: result.toLowerCase(), reason, properties };
}

/** Takes words off the front of a value, comments and white space between them aside. */
class ValueReader {
  readonly #value: string;
  #at = 0;

  constructor(value: string) {
    this.#value = value;
  }

  /** Lower case; what stands before a "=". */
  name(): string | null {
    return this.#match(/[^\s()<>@,;:\\"=]+/y)?.toLowerCase() ?? null;
  }

  /** A token, an address or a quoted string, what it stands for. */
  word(): string | null {
    let found = "";
    let any = false;
    for (let piece = this.#match(piecePattern); piece !== null; piece = this.#piece()) {
      found += piece.startsWith('"') ? piece.slice(1, -1).replaceAll(/\\(.)/gs, "$1") : piece;
      any = true;
    }
    return any ? found : null;
  }

  take(char: string): boolean {
    this.#skip();
    if (this.#value[this.#at] !== char) return false;
    this.#at++;
    return true;
  }

  ended(): boolean {
    this.#skip();
    return this.#at >= this.#value.length;
  }

  #match(pattern: RegExp): string | null {
    this.#skip();
    return this.#piece(pattern);
  }

  #piece(pattern = piecePattern): string | null {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#value)?.[0] ?? null;
    if (found !== null) this.#at += found.length;
    return found;
  }

  #skip(): void {
    for (let depth = 0; this.#at < this.#value.length; this.#at++) {
      const char = this.#value[this.#at] as string;
      if (char === "(") depth++;
      else if (depth > 0) {
        if (char === ")") depth--;
        else if (char === "\\") this.#at++;
      } else if (!/\s/.test(char)) break;
    }
  }
}

const piecePattern = /"(?:[^"\\]|\\.)*"|[^\s();"]+/sy;
