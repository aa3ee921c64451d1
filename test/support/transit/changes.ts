import type { Header } from "../../../src/message/index.ts";
import { CORE_FIELDS, canonicalField, MessageScanner } from "../../../src/signature/index.ts";

/** Something that a mail server changed in what signatures cover, in canonical form. */
export interface Change {
  /** A field's name, or `body`. */
  readonly where: string;
  readonly how: string;
  readonly before: string;
  readonly after: string;
}

/** Covered by VSMTP, or by DKIM as it is signed here. */
const isCovered = (name: string): boolean =>
  CORE_FIELDS.includes(name) || (/^(?:content|list)-/.test(name) && name !== "content-length");

/** What differs between a message before and behind a mail server, of all that signatures cover. */
export function changes(before: Buffer, after: Buffer): Change[] {
  const [one, other] = [read(before), read(after)];
  const found: Change[] = [];
  for (const name of new Set([...one.fields.keys(), ...other.fields.keys()])) {
    const [a, b] = [one.fields.get(name) ?? [], other.fields.get(name) ?? []];
    if (a.join("\n") !== b.join("\n"))
      found.push({ where: name, ...excerpt(a.join(" | "), b.join(" | ")), how: howField(a, b) });
  }
  if (one.body !== other.body)
    found.push({ where: "body", ...excerpt(one.body, other.body), how: howBody(one, other) });
  return found;
}

interface Read {
  readonly fields: ReadonlyMap<string, readonly string[]>;
  /** Canonical, an octet a character. */
  readonly body: string;
}

function read(octets: Buffer): Read {
  const body: Buffer[] = [];
  const scanner = new MessageScanner((piece) => void body.push(Buffer.from(piece)));
  scanner.write(octets);
  const { header } = scanner.finish();
  return { fields: fieldsOf(header), body: Buffer.concat(body).toString("latin1") };
}

function fieldsOf(header: Header): Map<string, string[]> {
  const fields = new Map<string, string[]>();
  for (const field of header.fields) {
    if (!isCovered(field.name)) continue;
    const text = canonicalField(header, field)
      .toString("latin1")
      .slice(field.name.length + 1);
    fields.set(field.name, [...(fields.get(field.name) ?? []), text]);
  }
  return fields;
}

function howField(before: readonly string[], after: readonly string[]): string {
  if (before.length === 0) return "added";
  if (after.length === 0) return "removed";
  if (before.length !== after.length) return "another number of them";
  const [a, b] = [before.join("\n"), after.join("\n")];
  const same = (pattern: RegExp): boolean => a.replace(pattern, "") === b.replace(pattern, "");
  if (same(/!? /g) && /\S{970}/.test(a)) return "long word broken";
  if (same(/[ \t]/g)) return "white space added or removed";
  if (same(/[ \t,;:]/g)) return "empty elements of the list removed";
  if (same(/["\\ \t]/g)) return "quotes added or removed";
  if (same(/[<> \t]/g)) return "angle brackets added or removed";
  if (same(/\([^)]*\)|[<>() \t"\\]/g)) return "comment moved, quoted, or written as a name";
  if (/[^\x00-\x7f]/.test(a)) return "octets above 127 altered";
  if (same(/@[\w.-]+|[<> \t",]/g)) return "domain added or altered";
  return "rewritten";
}

function howBody(before: Read, after: Read): string {
  const encoding = (one: Read): string => `${one.fields.get("content-transfer-encoding") ?? ""}`;
  if (encoding(before) !== encoding(after)) return "encoded anew for 7 bits";
  const flat = (text: string): string => text.replace(/[\r\n! \t]/g, "");
  if (flat(before.body) === flat(after.body)) return "long line broken";
  if (/[\x80-\xff]/.test(before.body) && !/[\x80-\xff]/.test(after.body)) return "encoded anew for 7 bits";
  return /^--/m.test(before.body) || before.fields.has("content-type")
    ? "MIME delimiters or headers of parts altered"
    : "lines altered";
}

const reach = 24;

/** The text around the first difference. */
function excerpt(a: string, b: string): { readonly before: string; readonly after: string } {
  let at = 0;
  while (at < a.length && a[at] === b[at]) at++;
  const from = Math.max(0, at - reach);
  return { before: a.slice(from, at + reach), after: b.slice(from, at + reach) };
}
