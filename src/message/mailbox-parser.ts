// RFC 5322 §3.4 and §4.4 with RFC 6532: mailboxes, groups, comments, quoted strings, obsolete routes.
// Strict where identity depends on it: whatever does not derive from the grammar is an error, never guessed.

/** An address as it was written, quoting and comments taken away, not yet canonical. */
export interface RawAddress {
  readonly localPart: string;
  /** The domain's text, or the literal with its brackets. */
  readonly domain: string;
  /** True for a domain literal such as `[192.0.2.1]`. */
  readonly literal: boolean;
}

export interface RawMailbox {
  /** The display name, unquoted; null when there is none. Encoded words are not decoded. */
  readonly displayName: string | null;
  readonly address: RawAddress;
}

export type ParsedAddrSpec =
  | { readonly ok: true; readonly address: RawAddress }
  | { readonly ok: false; readonly detail: string };
export type ParsedMailboxes =
  | { readonly ok: true; readonly mailboxes: readonly RawMailbox[] }
  | { readonly ok: false; readonly detail: string };

/** One addr-spec and nothing else around it but comments and white space. */
export function parseAddrSpec(text: string): ParsedAddrSpec {
  return attempt(text, (parser) => {
    const address = parser.addrSpec(parser.words());
    parser.end();
    return { ok: true, address };
  });
}

/**
 * A From, Sender, To… value: an RFC 5322 address-list. A group counts as the mailboxes in it (IDY-6).
 *
 * @param text the field's value, unfolded or not
 */
export function parseMailboxes(text: string): ParsedMailboxes {
  return attempt(text, (parser) => ({ ok: true, mailboxes: parser.addressList() }));
}

class SyntaxProblem extends Error {}

function attempt<T>(text: string, parse: (parser: Parser) => T): T | { ok: false; detail: string } {
  if (!text.isWellFormed()) return { ok: false, detail: "it holds half a character" };
  try {
    return parse(new Parser(text));
  } catch (error) {
    if (error instanceof SyntaxProblem) return { ok: false, detail: error.message };
    throw error;
  }
}

/** A run of words and dots, each with the white space or comments behind it already skipped. */
interface Words {
  readonly parts: readonly string[];
  /** The parts strictly alternate word, dot, word: it can be a local part. */
  readonly dotted: boolean;
}

class Parser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
    this.#skipCfws();
  }

  addressList(): RawMailbox[] {
    const mailboxes: RawMailbox[] = [];
    while (true) {
      while (this.#take(",")); // RFC 5322 §4.4: empty list elements
      if (this.#at >= this.#text.length) return mailboxes;
      const words = this.words();
      if (words.parts.length > 0 && this.#take(":")) this.#group(mailboxes);
      else mailboxes.push(this.#mailbox(words));
      if (this.#at < this.#text.length && this.#text[this.#at] !== ",") this.#expected('"," or the end');
    }
  }

  /** local-part "@" domain, the local part's words being read already. */
  addrSpec(words: Words): RawAddress {
    if (words.parts.length === 0) this.#expected("an address");
    if (this.#text[this.#at] !== "@") this.#expected('"@"');
    if (!words.dotted) this.#problem("a local part is words with single dots between them");
    this.#take("@");
    const localPart = words.parts.join("");
    const literal = this.#text[this.#at] === "[";
    const domain = literal ? this.#domainLiteral() : this.#domain();
    // What no UTF-8 decoder could read may stand in a display name or a comment, never in an identity.
    if (`${localPart}${domain}`.includes("\ufffd")) this.#problem("octets that are not UTF-8");
    return { localPart, domain, literal };
  }

  words(): Words {
    const parts: string[] = [];
    let dotted = true;
    let wordBefore = false;
    for (;;) {
      const char = this.#text[this.#at];
      if (char === ".") {
        if (!wordBefore) dotted = false;
        wordBefore = false;
        parts.push(".");
        this.#at++;
        this.#skipCfws();
        continue;
      }
      const word = char === '"' ? this.#quotedString() : this.#atom();
      if (word === null) break;
      if (wordBefore) dotted = false;
      wordBefore = true;
      parts.push(word);
      this.#skipCfws();
    }
    return { parts, dotted: dotted && wordBefore };
  }

  end(): void {
    if (this.#at < this.#text.length) this.#expected("the end");
  }

  #group(mailboxes: RawMailbox[]): void {
    for (;;) {
      while (this.#take(","));
      if (this.#take(";")) return;
      if (this.#at >= this.#text.length) this.#expected('";" at the end of the group');
      mailboxes.push(this.#mailbox(this.words()));
      if (this.#text[this.#at] !== "," && this.#text[this.#at] !== ";") this.#expected('"," or ";"');
    }
  }

  #mailbox(words: Words): RawMailbox {
    if (this.#text[this.#at] !== "<") return { displayName: null, address: this.addrSpec(words) };
    if (words.parts[0] === ".") this.#problem("a display name cannot begin with a dot");
    this.#take("<");
    this.#obsoleteRoute();
    const address = this.addrSpec(this.words());
    if (!this.#take(">")) this.#expected('">"');
    return { displayName: words.parts.length > 0 ? words.parts.join(" ") : null, address };
  }

  /** RFC 5322 §4.4 obs-route: `@a,@b:` before the address is read and dropped (ADR-1). */
  #obsoleteRoute(): void {
    if (this.#text[this.#at] !== "@" && this.#text[this.#at] !== ",") return;
    let hops = 0;
    while (!this.#take(":")) {
      if (this.#take(",")) continue;
      if (!this.#take("@")) this.#expected('"@", "," or ":" in the route');
      if (this.#text[this.#at] === "[") this.#domainLiteral();
      else this.#domain();
      hops++;
    }
    if (hops === 0) this.#problem("a route without a host");
  }

  #domain(): string {
    const labels: string[] = [];
    do {
      const label = this.#atom();
      if (label === null) this.#expected("a domain label");
      labels.push(label);
      this.#skipCfws();
    } while (this.#take("."));
    return labels.join(".");
  }

  #domainLiteral(): string {
    let at = this.#at + 1;
    for (; ; at++) {
      const char = this.#text[at];
      if (char === undefined || char === "[") this.#problem('a domain literal without its "]"');
      if (char === "]") break;
      if (char === "\\") at++;
    }
    const literal = this.#text.slice(this.#at, at + 1);
    this.#at = at + 1;
    this.#skipCfws();
    return literal;
  }

  #atom(): string | null {
    const from = this.#at;
    while (this.#at < this.#text.length && isAtomText(this.#text.charCodeAt(this.#at))) this.#at++;
    return this.#at > from ? this.#text.slice(from, this.#at) : null;
  }

  #quotedString(): string {
    let value = "";
    for (let at = this.#at + 1; ; at++) {
      const char = this.#text[at];
      if (char === undefined) this.#problem('a quoted string without its closing """');
      if (char === '"') {
        this.#at = at + 1;
        return value;
      }
      if (char === "\r" || char === "\n") continue; // folding: CRLF goes, the white space behind it stays
      if (char === "\\") {
        const quoted = this.#text[++at];
        if (quoted === undefined) this.#problem('a quoted string without its closing """');
        value += quoted;
      } else value += char;
    }
  }

  #skipCfws(): void {
    let depth = 0;
    for (; this.#at < this.#text.length; this.#at++) {
      const char = this.#text[this.#at];
      if (char === "(") depth++;
      else if (depth > 0) {
        if (char === ")") depth--;
        else if (char === "\\") this.#at++;
      } else if (char !== " " && char !== "\t" && char !== "\r" && char !== "\n") return;
    }
    if (depth > 0) this.#problem('a comment without its closing ")"');
  }

  #take(char: string): boolean {
    if (this.#text[this.#at] !== char) return false;
    this.#at++;
    this.#skipCfws();
    return true;
  }

  #expected(what: string): never {
    const found = this.#text[this.#at];
    const seen = found === undefined ? "the end" : JSON.stringify(found);
    return this.#problem(`character ${this.#at + 1}: ${what} expected, ${seen} found`);
  }

  #problem(detail: string): never {
    throw new SyntaxProblem(detail);
  }
}

const ASCII_ATOM_TEXT = Array.from(
  { length: 128 },
  (_, code) => code > 32 && code < 127 && !'()<>[]:;@\\,."'.includes(String.fromCharCode(code)),
);

/** atext of RFC 5322 §3.2.3, with RFC 6532 non-ASCII. */
function isAtomText(code: number): boolean {
  return code < 128 ? (ASCII_ATOM_TEXT[code] as boolean) : code > 0xa0;
}
