/** `=?charset*language?B|Q?text?=` (RFC 2047 §2, RFC 2231 §5). */
const encodedWord = /=\?([\w!#$%&'+^`{}~.-]{1,40})(?:\*[\w-]*)?\?([BQbq])\?([!->@-~]*)\?=/g;
/** White space between two encoded words is no text (RFC 2047 §6.2). */
const betweenWords = /(\?=)[ \t\r\n]+(?==\?[^ \t?]+\?[BQbq]\?[!->@-~]*\?=)/g;

/**
 * A field's text as its author meant it, for people to read: encoded words are decoded, in whatever charset they are
 * (RFC 2047). What cannot be decoded stays as it is. Nothing may depend on it, since it may say anything.
 */
export function decodeEncodedWords(text: string): string {
  if (!text.includes("=?")) return text;
  const joined = text.replace(betweenWords, "$1");
  const words = [...joined.matchAll(encodedWord)];
  let decoded = "";
  let end = 0;
  for (let at = 0; at < words.length; ) {
    const run = wordsInOneCharset(words, at);
    const first = words[at] as RegExpExecArray;
    const last = run.at(-1) as RegExpExecArray;
    const source = joined.slice(first.index, last.index + last[0].length);
    decoded += joined.slice(end, first.index) + (inCharset(first[1] as string, run.map(octetsOf)) ?? source);
    end = first.index + source.length;
    at += run.length;
  }
  return decoded + joined.slice(end);
}

/** Those that follow each other without anything between them: some senders cut a character in two. */
function wordsInOneCharset(words: readonly RegExpExecArray[], at: number): RegExpExecArray[] {
  const run: RegExpExecArray[] = [];
  for (let next = at; next < words.length; next++) {
    const word = words[next] as RegExpExecArray;
    const before = run.at(-1);
    const follows = before === undefined || before.index + before[0].length === word.index;
    if (!follows || (before !== undefined && before[1]?.toLowerCase() !== word[1]?.toLowerCase())) break;
    run.push(word);
  }
  return run;
}

function octetsOf([, , encoding = "", coded = ""]: RegExpExecArray): Buffer {
  return encoding.toUpperCase() === "B" ? Buffer.from(coded, "base64") : quoted(coded);
}

/** Q encoding (RFC 2047 §4.2). */
function quoted(coded: string): Buffer {
  const octets = coded
    .replaceAll("_", " ")
    .replace(/=([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(octets, "latin1");
}

/** Null for a charset that is unknown. */
function inCharset(charset: string, octets: readonly Buffer[]): string | null {
  try {
    return new TextDecoder(charset).decode(Buffer.concat(octets));
  } catch {
    return null;
  }
}
