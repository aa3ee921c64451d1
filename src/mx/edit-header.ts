import {
  claimsAuthservId,
  fieldText,
  type Header,
  type HeaderField,
  subjectPrefix,
} from "../message/index.ts";

export interface HeaderEdits {
  /** In none of these names may anybody outside write results. */
  readonly authservIds: readonly string[];
  /** Fields, in lower case, that only this border may write. */
  readonly ours: ReadonlySet<string>;
  /** Put before the text of Subject; null: nothing is. */
  readonly subjectPrefix: string | null;
}

/**
 * A header without the fields that only this border may write: Authentication-Results under an id of ours (REC-2,
 * RFC 8601 §5), flag and the like; perhaps with something before its subject. All other octets stay as they came, so
 * signatures over them hold.
 */
export function editHeader(
  header: Header,
  { authservIds, ours, subjectPrefix: prefix }: HeaderEdits,
): Uint8Array {
  const { octets, fields } = header;
  const subject = prefix === null ? undefined : fields.find(({ name }) => name === "subject");
  const kept: Uint8Array[] = [];
  let from = 0;
  for (const field of fields) {
    if (field === subject && prefix !== null) {
      kept.push(octets.subarray(from, field.valueStart), subjectPrefix(header, field, prefix));
      from = field.valueStart;
    } else if (ours.has(field.name) || claims(header, field, authservIds)) {
      kept.push(octets.subarray(from, field.start));
      from = field.end;
    }
  }
  if (prefix !== null && subject === undefined) kept.unshift(Buffer.from(`Subject: ${prefix}\r\n`));
  if (kept.length === 0) return octets;
  return Buffer.concat([...kept, octets.subarray(from)]);
}

function claims(header: Header, field: HeaderField, authservIds: readonly string[]): boolean {
  if (field.name !== "authentication-results") return false;
  const value = fieldText(header, field);
  return authservIds.some((id) => claimsAuthservId(value, id));
}
