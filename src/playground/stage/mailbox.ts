import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fieldText, HeaderReader, parseHeader } from "../../message/index.ts";

/** A message as it lies in a Maildir. */
export interface StoredMail {
  readonly file: string;
  readonly folder: "inbox" | "junk";
  readonly octets: Buffer;
  /** Values of fields by lower-case name, unfolded, top to bottom. */
  readonly fields: ReadonlyMap<string, readonly string[]>;
}

const FOLDERS = { inbox: ["new", "cur"], junk: [".Junk/new", ".Junk/cur"] } as const;

/** Looks for a message in a Maildir; null when it is not there. */
export async function findMail(maildir: string, messageId: string): Promise<StoredMail | null> {
  for (const folder of ["inbox", "junk"] as const) {
    for (const part of FOLDERS[folder]) {
      const names = await readdir(join(maildir, part)).catch(() => []);
      for (const name of names) {
        const file = join(maildir, part, name);
        const octets = await readFile(file);
        const fields = readFields(octets);
        if (fields.get("message-id")?.includes(messageId)) return { file, folder, octets, fields };
      }
    }
  }
  return null;
}

function readFields(octets: Buffer): Map<string, string[]> {
  const reader = new HeaderReader();
  reader.write(octets);
  const header = parseHeader(reader.finish());
  const fields = new Map<string, string[]>();
  for (const field of header.fields) {
    const values = fields.get(field.name) ?? [];
    values.push(fieldText(header, field).replaceAll(/\r\n/g, "").trim());
    fields.set(field.name, values);
  }
  return fields;
}
