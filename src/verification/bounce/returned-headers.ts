const FIELD = /^[!-9;-~]+[ \t]*:/;
const SIGNATURE = /^VSMTP-Signature[ \t]*:/im;
/** One bounce returns one message; more are looked at in case words around it look like one. */
const MAX_HEADERS = 4;

/**
 * The headers in a bounce's body that are signed as VSMTP does, whatever part they stand in. Their signatures tell whether
 * they were ours, so nothing depends on how they are packed: in message/rfc822 or text/rfc822-headers (RFC 3462), below a
 * line of dashes as some programs write, or quoted-printable.
 *
 * @returns each with the CRLF of its last field
 */
export function returnedHeaders(body: Buffer): Buffer[] {
  const text = body.toString("latin1");
  const found = signedHeaders(text);
  // In tags "=" stands always, so that it shows who encoded them.
  if (found.some((header) => header.includes("=3D")))
    found.push(...signedHeaders(decodeQuotedPrintable(text)));
  return found.slice(0, MAX_HEADERS).map((header) => Buffer.from(header, "latin1"));
}

/** Runs of header lines that hold a signature field. */
function signedHeaders(text: string): string[] {
  const headers: string[] = [];
  let lines: string[] = [];
  const end = (): void => {
    const header = lines.join("");
    if (SIGNATURE.test(header)) headers.push(header);
    lines = [];
  };
  for (const line of text.split("\r\n")) {
    const belongs = FIELD.test(line) || (lines.length > 0 && /^[ \t]/.test(line));
    if (belongs) lines.push(`${line}\r\n`);
    else if (lines.length > 0) end();
  }
  end();
  return headers;
}

function decodeQuotedPrintable(text: string): string {
  return text
    .replace(/=[ \t]*\r\n/g, "")
    .replace(/=([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
