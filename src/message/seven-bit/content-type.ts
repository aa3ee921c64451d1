/** A Content-Type value (RFC 2045 §5.1), in lower case; of its parameters only the one that structure depends on. */
export interface ContentType {
  readonly type: string;
  readonly subtype: string;
  /** Null when there is none, or none that all readers would agree on. */
  readonly boundary: string | null;
}

const TYPE = /[ \t]*([!#-'*+.0-9A-Za-z^-~-]+)[ \t]*\/[ \t]*([!#-'*+.0-9A-Za-z^-~-]+)[ \t]*/y;
/** Many programs leave out the quotes that "=" and its like need; nobody reads such a value in two ways. */
const PARAMETER = /[ \t]*([^\s=;"]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s;"\\()]+))[ \t]*/y;
const NO_PARAMETER = /[ \t]*(?=;|$)/y;
/** RFC 2046 §5.1.1 allows 70 characters, not all of these, and no space at the end. */
const BOUNDARY = /^[ -[\]-~]{0,199}[!-[\]-~]$/;

/**
 * @param text the field's value, unfolded
 * @returns null for what is not well-formed
 */
export function parseContentType(text: string): ContentType | null {
  const value = withoutComments(text);
  if (value === null) return null;
  TYPE.lastIndex = 0;
  const found = TYPE.exec(value);
  if (found === null) return null;
  const boundaries: string[] = [];
  let at = TYPE.lastIndex;
  while (at < value.length) {
    if (value[at] !== ";") return null;
    const parameter = takeParameter(value, at + 1);
    if (parameter === null) return null;
    at = parameter.end;
    // Not all readers know `boundary*0=` (RFC 2231) and quoted pairs.
    if (parameter.name === "boundary") boundaries.push(parameter.value);
    else if (parameter.name.startsWith("boundary*")) boundaries.push("");
  }
  const [boundary, ...others] = boundaries;
  const usable = boundary !== undefined && others.length === 0 && BOUNDARY.test(boundary);
  const [, type = "", subtype = ""] = found;
  return {
    type: type.toLowerCase(),
    subtype: subtype.toLowerCase(),
    boundary: usable ? boundary : null,
  };
}

function takeParameter(value: string, start: number): { name: string; value: string; end: number } | null {
  for (const pattern of [NO_PARAMETER, PARAMETER]) {
    pattern.lastIndex = start;
    const found = pattern.exec(value);
    if (found === null) continue;
    const [, name = "", quoted, plain = ""] = found;
    return {
      name: name.toLowerCase(),
      value: quoted ?? plain,
      end: pattern.lastIndex,
    };
  }
  return null;
}

/**
 * A structured value without its comments (RFC 5322 §3.2.2), trimmed. Null where a comment is open, or touches a word:
 * readers disagree on whether "a(b)" is a word.
 */
export function withoutComments(text: string): string | null {
  if (!text.includes("(")) return text.trim();
  let kept = "";
  // Of what is kept the last character alone: a field may hold very many comments.
  let last = "";
  let depth = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const char = text[at] as string;
    if (char === "\\") {
      if (depth === 0) kept += text.slice(at, at + 2);
      if (depth === 0) last = text[at + 1] ?? char;
      at++;
    } else if (depth > 0) {
      if (char === "(") depth++;
      else if (char === ")") depth--;
    } else if (char === "(" && !quoted) {
      if (last !== "" && !/[\s;"]/.test(last)) return null;
      depth = 1;
    } else {
      if (char === '"') quoted = !quoted;
      kept += char;
      last = char;
    }
  }
  return depth > 0 ? null : kept.trim();
}
