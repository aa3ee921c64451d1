import { claimsAuthservId, fieldText, type Header, type HeaderField } from "../message/index.ts";

export interface HeaderEdits {
  readonly authservId: string;
  /** Fields, in lower case, that only this border may write. */
  readonly ours: ReadonlySet<string>;
  /** Put before the text of Subject; null: nothing is. */
  readonly subjectPrefix: string | null;
}

/**
 * A header without the fields that only this border may write: Authentication-Results under its own id (REC-2,
 * RFC 8601 §5), flag and the like; perhaps with something before its subject. All other octets stay as they came, so
 * signatures over them hold.
 */
export function editHeader(header: Header, { authservId, ours, subjectPrefix }: HeaderEdits): Uint8Array {
  const { octets, fields } = header;
  const subject = subjectPrefix === null ? undefined : fields.find(({ name }) => name === "subject");
  const kept: Uint8Array[] = [];
  let from = 0;
  for (const field of fields) {
    if (field === subject) {
      kept.push(octets.subarray(from, field.valueStart), prefixed(header, field, subjectPrefix as string));
      from = field.valueStart;
    } else if (ours.has(field.name) || claims(header, field, authservId)) {
      kept.push(octets.subarray(from, field.start));
      from = field.end;
    }
  }
  if (subjectPrefix !== null && subject === undefined)
    kept.unshift(Buffer.from(`Subject: ${subjectPrefix}\r\n`));
  if (kept.length === 0) return octets;
  return Buffer.concat([...kept, octets.subarray(from)]);
}

function claims(header: Header, field: HeaderField, authservId: string): boolean {
  return field.name === "authentication-results" && claimsAuthservId(fieldText(header, field), authservId);
}

const SPACE = 32;
const TAB = 9;

/** What comes before the text: on a line of its own, since that text's first line may have all the length it may have. */
function prefixed(header: Header, field: HeaderField, prefix: string): Uint8Array {
  if (fieldText(header, field).includes(prefix)) return new Uint8Array();
  const next = header.octets[field.valueStart];
  const folded = next === SPACE || next === TAB;
  // A text that begins with its own fold, or is empty, goes on where the prefix ends.
  if (next === 13 || next === undefined) return Buffer.from(` ${prefix}`);
  return Buffer.from(` ${prefix}\r\n${folded ? "" : " "}`);
}
