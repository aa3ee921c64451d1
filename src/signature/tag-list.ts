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
    const nameStart = value.charCodeAt(start) === 32 ? start + 1 : start;
    const nameEnd = endOfName(value, nameStart, end);
    if (nameEnd === nameStart || value.charCodeAt(nameEnd) !== 61 || !isPrintable(value, nameEnd, end)) {
      const shown = end - start > 40 ? `${value.slice(start, start + 40)}…` : value.slice(start, end);
      return { ok: false, problem: `${JSON.stringify(shown)} is not name=value` };
    }
    last = value.slice(nameStart, nameEnd);
    if (tags.has(last)) duplicates.add(last);
    else tags.set(last, { value: value.slice(nameEnd + 1, end).trim(), at: nameEnd + 1 });
    start = end + 1;
  }
  return { ok: true, tags, duplicates, last };
}

/** A name is a lower-case letter and up to nine letters and digits. */
function endOfName(text: string, start: number, end: number): number {
  const limit = Math.min(end, start + 10);
  let at = start;
  for (; at < limit; at++) {
    const code = text.charCodeAt(at);
    const isLetter = code >= 97 && code <= 122;
    const isDigit = code >= 48 && code <= 57;
    if (!isLetter && !(isDigit && at > start)) break;
  }
  return at;
}

function isPrintable(text: string, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const code = text.charCodeAt(at);
    if (code < 32 || code > 126) return false;
  }
  return true;
}
