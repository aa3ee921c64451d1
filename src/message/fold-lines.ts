const CRLF = "\r\n";
/** Folded lines aim at this (RFC 5322 §2.1.1). */
const WIDTH = 76;

/**
 * Sendmail and Haraka break lines of more than 990 octets, the dot that transport adds included; this leaves some room.
 */
export const MAX_STEADY_LINE = 980;

/** Joins the elements of a list, and begins a new line where the next one does not fit any more. */
export function foldList(elements: readonly string[], column: number): string {
  let text = "";
  let at = column;
  for (const [index, element] of elements.entries()) {
    if (index > 0) {
      const fits = at + 2 + element.length <= WIDTH;
      text += fits ? ", " : `,${CRLF} `;
      at = fits ? at + 2 : 1;
    }
    text += element;
    at += element.length;
  }
  return text;
}

/**
 * Folds lines that are too long to be left alone, as far as there is white space in them: that changes nothing of what is
 * signed (MSG-8).
 *
 * @param value a field's, an octet a character, with its last CRLF
 * @param column where its first line begins
 * @returns null where no line is too long, or none can be folded
 */
export function foldLongLines(value: string, column: number): string | null {
  const lines = value.split(CRLF);
  const folded = lines.map((line, index) => {
    const start = index === 0 ? column : 0;
    return start + line.length > MAX_STEADY_LINE ? foldLine(line, start) : line;
  });
  const result = folded.join(CRLF);
  return result === value ? null : result;
}

function foldLine(line: string, column: number): string {
  let text = "";
  let at = column;
  // Each word with the white space before it; what is at the end stays with the last word.
  for (const word of line.match(/[ \t]*[^ \t]+(?:[ \t]+$)?/g) ?? [line]) {
    const isFirst = text.trim() === "";
    if (!isFirst && at + word.length > WIDTH) {
      text += CRLF;
      at = 0;
    }
    text += word;
    at += word.length;
  }
  return text;
}
