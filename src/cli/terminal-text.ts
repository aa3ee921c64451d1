import { StringDecoder } from "node:string_decoder";

// Addresses, replies and messages are strangers' words. A terminal would obey some of them: move its cursor, take over
// its title or the clipboard, turn around what stands beside them.

/** Control characters but tab and line ends, and those that change the direction of text (UAX #9). */
const obeyed = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;

/** The text as it can be shown. */
export function shownText(text: string): string {
  return text.replaceAll(obeyed, "\u{fffd}");
}

/** The same in one line: nobody's subject adds a row to a table. */
export function shownLine(text: string): string {
  return shownText(text).replaceAll(/[\t\r\n]+/g, " ");
}

/** The value as JSON in one line: what a terminal would obey is escaped, as JSON itself does it with part of that. */
export function shownJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(
    obeyed,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** What can be shown of octets in pieces, cut anywhere. */
export class ShownOctets {
  readonly #decoder = new StringDecoder("utf8");

  write(octets: Uint8Array): string {
    return shownText(this.#decoder.write(Buffer.from(octets)));
  }

  end(): string {
    return shownText(this.#decoder.end());
  }
}
