/** An answer of the receiving side (RFC 5321 §4.2) before it is put in octets. */
export interface Reply {
  /** 200 to 599. */
  readonly code: number;
  /** Enhanced status code `class.subject.detail` (RFC 3463), or null where RFC 2034 has none (220, EHLO, 354). */
  readonly enhanced: string | null;
  /** Free text, one line or several. What SMTP cannot carry (control characters, non-ASCII) becomes `?`. */
  readonly text: string | readonly string[];
}

export function reply(code: number, enhanced: string | null, text: string | readonly string[]): Reply {
  return { code, enhanced, text };
}

/** 2xx: the command was done. */
export function isPositive(answer: Reply): boolean {
  return answer.code < 300;
}

// RFC 5321 §4.5.3.1.5: a reply line holds at most 512 octets with code and CRLF. Wrapping well below that
// leaves room for clients with smaller buffers.
const textOctets = 400;

/**
 * The octets of a reply as Latin-1 text (all ASCII), CRLF ended. Every line carries the code and the enhanced
 * code (RFC 2034 §4). Text that is too long for one line is wrapped into several.
 */
export function formatReply(answer: Reply): string {
  const lines = typeof answer.text === "string" ? [answer.text] : answer.text;
  // RFC 4954 §4: a challenge (334) is one line, whatever its length.
  if (lines.length === 1 && ((lines[0] as string).length <= textOctets || answer.code === 334)) {
    return `${answer.code} ${body(answer, lines[0] as string)}\r\n`;
  }
  const wrapped = lines.flatMap(wrap);
  if (wrapped.length === 0) wrapped.push("");
  const last = wrapped.length - 1;
  return wrapped
    .map((line, index) => `${answer.code}${index === last ? " " : "-"}${body(answer, line)}\r\n`)
    .join("");
}

function body(answer: Reply, text: string): string {
  const clean = /^[\x20-\x7e]*$/.test(text) ? text : text.replace(/[^\x20-\x7e]/gu, "?");
  return answer.enhanced === null ? clean : `${answer.enhanced} ${clean}`;
}

function wrap(line: string): string[] {
  if (line.length <= textOctets) return [line];
  const parts: string[] = [];
  for (let at = 0; at < line.length; at += textOctets) parts.push(line.slice(at, at + textOctets));
  return parts;
}
