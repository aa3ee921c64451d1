/** A tag's value, white space around it gone, and where in the list its value begins. */
export interface Tag {
  readonly value: string;
  readonly at: number;
}

export type Tags = ReadonlyMap<string, Tag>;

export type TagList =
  | {
      readonly ok: true;
      /** The first of each name. */
      readonly tags: Tags;
      readonly duplicates: ReadonlySet<string>;
      readonly last: string;
    }
  | { readonly ok: false; readonly problem: string };

/**
 * Reads `name=value` tags separated by ";" (SIG-1, SIG-3).
 *
 * @param value a field's canonical value: unfolded, white space reduced to single SP
 */
export function parseTagList(value: string): TagList {
  const tags = new Map<string, Tag>();
  const duplicates = new Set<string>();
  let last = "";
  for (let start = 0; start <= value.length; ) {
    const semicolon = value.indexOf(";", start);
    const end = semicolon < 0 ? value.length : semicolon;
    const part = value.slice(start, end);
    const match = /^( ?([a-z][a-z0-9]{0,9})=)([ -:<-~]*)$/.exec(part);
    if (match?.[1] === undefined || match[2] === undefined || match[3] === undefined) {
      const shown = part.length > 40 ? `${part.slice(0, 40)}…` : part;
      return { ok: false, problem: `${JSON.stringify(shown)} is not name=value` };
    }
    last = match[2];
    if (tags.has(last)) duplicates.add(last);
    else tags.set(last, { value: match[3].trim(), at: start + match[1].length });
    start = end + 1;
  }
  return { ok: true, tags, duplicates, last };
}
