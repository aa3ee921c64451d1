import { claimsResults, type Header, type HeaderEdit, subjectPrefix } from "../message/index.ts";

export interface BorderEdits {
  /** In none of these names may anybody outside write results. */
  readonly authservIds: readonly string[];
  /** Fields, in lower case, that only this border may write. */
  readonly ours: ReadonlySet<string>;
  /** Put before the text of Subject; null: nothing is. */
  readonly subjectPrefix: string | null;
}

/**
 * What a header loses that only this border may write: Authentication-Results under an id of ours (REC-2, RFC 8601 §5),
 * flag and the like; and what goes before its subject. All other octets stay as they came, so signatures over them hold.
 */
export function borderEdits(
  header: Header,
  { authservIds, ours, subjectPrefix: prefix }: BorderEdits,
): HeaderEdit[] {
  const { octets, fields } = header;
  const subject = prefix === null ? undefined : fields.find(({ name }) => name === "subject");
  const edits: HeaderEdit[] = [];
  for (const field of fields) {
    if (field === subject && prefix !== null) {
      const value = [subjectPrefix(header, field, prefix), octets.subarray(field.valueStart, field.end)];
      edits.push({ kind: "replace", field, value: Buffer.concat(value) });
    } else if (ours.has(field.name) || claimsResults(header, field, authservIds)) {
      edits.push({ kind: "remove", field });
    }
  }
  if (prefix !== null && subject === undefined) {
    edits.push({ kind: "prepend", octets: Buffer.from(`Subject: ${prefix}\r\n`) });
  }
  return edits;
}
