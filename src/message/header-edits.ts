import type { Header, HeaderField } from "./header.ts";

/** One change of a header, by position: other fields keep their place and their octets. */
export type HeaderEdit =
  | { readonly kind: "remove"; readonly field: HeaderField }
  /** `value`: all that stands behind the colon, its last CRLF included. */
  | { readonly kind: "replace"; readonly field: HeaderField; readonly value: Uint8Array }
  /** `octets`: whole fields, each with its CRLF, above all others. Of several the later stands above the earlier. */
  | { readonly kind: "prepend"; readonly octets: Uint8Array };

/**
 * The header as it is after its edits.
 *
 * @param edits of fields of this header, at most one each
 * @returns the header's own octets where there is nothing to edit
 */
export function applyEdits(header: Header, edits: readonly HeaderEdit[]): Buffer {
  if (edits.length === 0) return header.octets;
  const above: Uint8Array[] = [];
  const ofFields = new Map<HeaderField, HeaderEdit & { readonly field: HeaderField }>();
  for (const edit of edits) {
    if (edit.kind === "prepend") above.unshift(edit.octets);
    else ofFields.set(edit.field, edit);
  }
  const pieces = above;
  let keptFrom = 0;
  for (const field of header.fields) {
    const edit = ofFields.get(field);
    if (edit === undefined) continue;
    const keptTo = edit.kind === "remove" ? field.start : field.valueStart;
    pieces.push(header.octets.subarray(keptFrom, keptTo));
    if (edit.kind === "replace") pieces.push(edit.value);
    keptFrom = field.end;
  }
  pieces.push(header.octets.subarray(keptFrom));
  return Buffer.concat(pieces);
}
