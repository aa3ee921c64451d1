// Canonical forms, the slow and obvious way. An octet string is a JavaScript string of characters 0–255.

/** Text as the octets of its UTF-8. */
export function utf8(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}

export function base64(octets: string | Uint8Array): string {
  return (typeof octets === "string" ? Buffer.from(octets, "latin1") : Buffer.from(octets)).toString(
    "base64",
  );
}

/** MSG-7. @param field one field without its last CRLF */
export function canonicalField(field: string): string {
  const colon = field.indexOf(":");
  const name = lowerCase(field.slice(0, colon).replace(/[ \t]+$/, ""));
  const value = field
    .slice(colon + 1)
    .replace(/\r\n/g, "")
    .replace(/[ \t]+/g, " ")
    .replace(/^ | $/g, "");
  return `${name}:${value}`;
}

/** MSG-11, MSG-12, MSG-14. */
export function canonicalBody(body: string): string {
  const lines = body.split("\r\n").map((line) => line.replace(/[ \t]+/g, " ").replace(/ $/, ""));
  while (lines.length > 0 && lines.at(-1) === "") lines.pop();
  return lines.map((line) => `${line}\r\n`).join("");
}

export interface SplitMessage {
  /** Each field with its folding, without its last CRLF. */
  readonly fields: readonly string[];
  readonly body: string;
}

/** Fields and body of a well-formed message; without an empty line all of it is header (MSG-13). */
export function splitMessage(message: string): SplitMessage {
  const end = message.indexOf("\r\n\r\n");
  const header = end < 0 ? message.replace(/\r\n$/, "") : message.slice(0, end);
  const fields: string[] = [];
  for (const line of header.split("\r\n")) {
    if (/^[ \t]/.test(line) && fields.length > 0) fields.push(`${fields.pop()}\r\n${line}`);
    else fields.push(line);
  }
  return { fields, body: end < 0 ? "" : message.slice(end + 4) };
}

/** ASCII only. */
export function lowerCase(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}
