/** A statement's tags, before any of them is understood. */
export type SplitTags =
  | {
      readonly ok: true;
      /** The first of each name; columns are 1-based. */
      readonly tags: ReadonlyMap<string, { readonly value: string; readonly column: number }>;
      /** Names that stand more than once. */
      readonly repeated: ReadonlySet<string>;
      readonly last: string;
      /** The line up to, excluding, the `;` before the last tag. */
      readonly beforeLast: string;
    }
  | { readonly ok: false; readonly column: number; readonly detail: string };

/**
 * Splits a statement into `name=value` tags, separated by `;` and optional spaces (STA-4). Unlike the signature
 * field's list it is not canonicalized first: `s` signs the octets as they stand.
 */
export function splitTags(line: string): SplitTags {
  const tags = new Map<string, { value: string; column: number }>();
  const repeated = new Set<string>();
  let last = "";
  let lastStart = 0;
  for (let start = 0; start <= line.length; ) {
    const semicolon = line.indexOf(";", start);
    const end = semicolon < 0 ? line.length : semicolon;
    const part = line.slice(start, end);
    const match = /^ *([a-z][a-z0-9]{0,9})=([!-:<-~](?:[ -:<-~]*[!-:<-~])?)? *$/.exec(part);
    if (match?.[1] === undefined) {
      const shown = part.length > 40 ? `${part.slice(0, 40)}…` : part;
      const column = start + (part.length - part.trimStart().length) + 1;
      return { ok: false, column, detail: `${JSON.stringify(shown)} is not name=value` };
    }
    last = match[1];
    lastStart = start;
    if (tags.has(last)) repeated.add(last);
    else tags.set(last, { value: match[2] ?? "", column: start + part.indexOf(last) + 1 });
    start = end + 1;
  }
  return { ok: true, tags, repeated, last, beforeLast: line.slice(0, Math.max(lastStart - 1, 0)) };
}
