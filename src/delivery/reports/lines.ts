/** RFC 5322 §2.1.1: lines should stay below 78 columns. */
const COLUMNS = 72;

/** Folds text between words; words that are longer stand on lines of their own. */
export function wrap(text: string, indent = ""): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ").filter((part) => part !== "")) {
    if (line !== "" && indent.length + line.length + 1 + word.length > COLUMNS) {
      lines.push(indent + line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  if (line !== "") lines.push(indent + line);
  return lines;
}

/** Others' words are cut. */
const MAX_WORDS = 400;

/**
 * Others' words (addresses, replies, subjects) on one line, without what a terminal or mail program would obey.
 *
 * @param utf8 letters outside ASCII may stand in the report
 */
export function printable(text: string, utf8: boolean): string {
  const kept = utf8 ? text.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, "?") : text.replaceAll(/[^\x20-\x7e]/gu, "?");
  if (kept.length <= MAX_WORDS) return kept;
  return `${kept.slice(0, MAX_WORDS).toWellFormed()}...`;
}
