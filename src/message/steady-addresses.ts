import { type AddressToken, readAddressTokens } from "./address-field-lexer.ts";
import { steadyMailbox, textOf } from "./steady-mailbox.ts";

/** What is longer takes too long to read, and Sendmail cuts it in any case (MaxHeadersLength). */
const MAX_OCTETS = 1 << 16;

const ADDRESS = "[\\w+=-]+(?:\\.[\\w+=-]+)*@[A-Za-z0-9-]+(?:\\.[A-Za-z0-9-]+)*";
/** A name begins with no blank: it would have two readings behind a comma with blanks, and a list of n names 2^n. */
const MAILBOX = `(?:${ADDRESS}|(?:"[^"\\\\]*" |[\\w+=?-][\\w +=?-]* )?<${ADDRESS}>)`;
/** What nearly all fields hold: it is as it should be. */
const PLAIN_LIST = new RegExp(`^[ \\t]*${MAILBOX}(?:,(?:\\r\\n)?[ \\t]+${MAILBOX})*\\s*$`);

/**
 * Writes an address field as mail servers leave it that parse addresses and write them anew (Sendmail does, to the header
 * of all mail that passes): nothing between two addresses but comma and space, no empty elements, quotes around words with
 * dots and the like in names, no route, no white space or comment inside of an address, and a domain behind each local
 * part. Whoever reads it finds the same names and addresses in it.
 *
 * @param value an octet a character, folded or not, with or without its last CRLF
 * @param domain of addresses that have none, or localhost
 * @returns the elements of the list; null where it would be left alone as it is, or where it is no list of addresses
 */
export function steadyAddresses(value: string, domain: string): string[] | null {
  if (value.length > MAX_OCTETS || (PLAIN_LIST.test(value) && !/@localhost/i.test(value))) return null;
  const tokens = readAddressTokens(value);
  const steady = tokens && new Writer(tokens, domain).list();
  if (steady === null || steady.length === 0) return null;
  return flat(steady.join(", ")) === flat(value) ? null : steady;
}

/** Reads a list and gives it back as text; null where it does not understand it. */
class Writer {
  readonly #tokens: readonly AddressToken[];
  readonly #domain: string;
  #at = 0;

  constructor(tokens: readonly AddressToken[], domain: string) {
    this.#tokens = tokens;
    this.#domain = domain;
  }

  list(): string[] | null {
    const elements: string[] = [];
    while (this.#at < this.#tokens.length) {
      const tokens = this.#upTo(",:");
      if (this.#next() === ":") {
        this.#at++;
        const group = this.#group(tokens);
        if (group === null) return null;
        elements.push(group);
      } else if (!isEmpty(tokens)) {
        const mailbox = steadyMailbox(tokens, this.#domain);
        if (mailbox === null) return null;
        elements.push(mailbox);
      }
      this.#at++;
    }
    return elements;
  }

  /** Its name and colon are read. */
  #group(name: readonly AddressToken[]): string | null {
    const members: string[] = [];
    const space = this.#tokens[this.#at]?.kind === "space" ? " " : "";
    for (;;) {
      const tokens = this.#upTo(",;");
      const end = this.#next();
      if (end === undefined) return null;
      if (!isEmpty(tokens)) {
        const mailbox = steadyMailbox(tokens, this.#domain);
        if (mailbox === null) return null;
        members.push(mailbox);
      }
      this.#at++;
      if (end === ";") break;
    }
    const behind = this.#upTo(",");
    if (isEmpty(name) || behind.some(({ kind }) => kind !== "space" && kind !== "comment")) return null;
    return `${textOf(name)}:${space}${members.join(", ")};${textOf(behind)}`.trim();
  }

  #next(): string | undefined {
    return this.#tokens[this.#at]?.text;
  }

  /** What comes before one of these specials that is in no angle brackets. */
  #upTo(specials: string): AddressToken[] {
    const from = this.#at;
    let isInside = false;
    for (; this.#at < this.#tokens.length; this.#at++) {
      const { kind, text } = this.#tokens[this.#at] as AddressToken;
      if (kind !== "special") continue;
      if (text === "<") isInside = true;
      else if (text === ">") isInside = false;
      else if (!isInside && specials.includes(text)) break;
    }
    return this.#tokens.slice(from, this.#at);
  }
}

function isEmpty(tokens: readonly AddressToken[]): boolean {
  return tokens.every(({ kind }) => kind === "space");
}

/** In canonical form (MSG-8). */
function flat(value: string): string {
  return value
    .replace(/[\r\n]+/g, "")
    .replace(/[ \t]+/g, " ")
    .trim();
}
