import { type ScannedMessage, structureProblem } from "./scanned-message.ts";
import { parseSignatureField, SIGNATURE_FIELD, type SignatureField } from "./signature-field.ts";

/** Number limits (SIG-55, SIG-56). */
export const MAX_FIELDS = 10;
export const MAX_PER_LEVEL = 2;

/** The signature fields of a message, or why the whole message is `permerror` or `none`. */
export type SignatureSet =
  | { readonly kind: "unsigned" }
  | { readonly kind: "syntax"; readonly detail: string }
  | { readonly kind: "signed"; readonly fields: readonly SignatureField[] };

/** Step 1 (VER-1, VER-2): is it signed at all, and do the rules about the whole message hold (SIG-29, SIG-53, SIG-54, SIG-57)? */
export function readSignatures(message: ScannedMessage): SignatureSet {
  const sources = message.index.get(SIGNATURE_FIELD) ?? [];
  if (sources.length > MAX_FIELDS) {
    return {
      kind: "syntax",
      detail: `${sources.length} signature fields where at most ${MAX_FIELDS} are allowed`,
    };
  }
  const fields = sources.flatMap((source) => parseSignatureField(message.header, source) ?? []);
  // Fields of other versions count, but otherwise it is as if they were not there (SIG-7, SIG-59).
  if (fields.length === 0) return { kind: "unsigned" };
  const problem = structureProblem(message);
  if (problem) return { kind: "syntax", detail: problem.detail };
  for (const { level, identity } of fields) {
    if (level === null) continue;
    const same = fields.filter((field) => field.level === level);
    if (same.length > MAX_PER_LEVEL) {
      return {
        kind: "syntax",
        detail: `${same.length} signature fields of level ${level}, at most 2 are allowed`,
      };
    }
    if (identity !== null && same.some((field) => (field.identity ?? identity) !== identity)) {
      return { kind: "syntax", detail: `two identities at level ${level}` };
    }
  }
  if (!fields.some((field) => field.level === 0 && field.tags !== null)) {
    const first = fields.find((field) => field.level === 0);
    return {
      kind: "syntax",
      detail: first?.problem ? `level 0: ${first.problem}` : "no signature of level 0",
    };
  }
  return { kind: "signed", fields };
}
