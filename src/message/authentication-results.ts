// Authentication-Results (RFC 8601): writing our own.

/** One method's result, for instance `vsmtp=pass header.i=allice@someisp.tld policy.align=from`. */
export interface AuthenticationResult {
  readonly method: string;
  readonly result: string;
  readonly reason: string | null;
  /** Properties in order, `ptype.property` to value: `["header.i", "allice@someisp.tld"]`. */
  readonly properties: readonly (readonly [name: string, value: string])[];
}

/** The whole field with its CRLF, folded before each method and each property that would pass 78 columns. */
export function formatAuthenticationResults(
  authservId: string,
  results: readonly AuthenticationResult[],
): Uint8Array {
  let text = `Authentication-Results: ${authservId};`;
  if (results.length === 0) text += " none";
  results.forEach((result, index) => {
    const words = [`${result.method}=${result.result}`];
    if (result.reason !== null) words.push(`reason=${quotedString(result.reason)}`);
    for (const [name, value] of result.properties) words.push(`${name}=${propertyValue(value)}`);
    const last = index === results.length - 1;
    text += `\r\n${fold(words, last ? "" : ";")}`;
  });
  return new TextEncoder().encode(`${text}\r\n`);
}

function fold(words: readonly string[], ending: string): string {
  const lines: string[] = [];
  let line = "";
  for (const word of words) {
    if (line !== "" && line.length + 1 + word.length > 77) {
      lines.push(line);
      line = ` ${word}`;
    } else line += ` ${word}`;
  }
  lines.push(line + ending);
  return lines.join("\r\n");
}

/** A token of RFC 2045 §5.1: without "/", "?" and "=", which base64 has. */
const TOKEN = /^[A-Za-z0-9!#$%&'*+^_`{|}~.-]+$/;
const ADDRESS = /^(?:[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+)?@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*$/;

/** pvalue of RFC 8601 §2.2: a token or an address stands as it is, anything else is quoted. */
function propertyValue(value: string): string {
  return TOKEN.test(value) || ADDRESS.test(value) ? value : quotedString(value);
}

function quotedString(text: string): string {
  return `"${text.replace(/[\r\n\0]/g, " ").replace(/["\\]/g, "\\$&")}"`;
}
