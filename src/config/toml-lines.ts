import { parse } from "smol-toml";

/** The way to a value in a TOML document: names of tables and keys, indices of arrays. */
export type SettingPath = readonly (string | number)[];

const bareKey = /[A-Za-z0-9_-]+/y;
const basicText = /"(?:[^"\\]|\\.)*"/sy;
const literalText = /'[^']*'/y;
const longBasicText = /"""(?:[^\\]|\\.)*?"{3,5}(?!")/sy;
const longLiteralText = /'''.*?'{3,5}(?!')/sy;
const blank = /(?:[ \t\r\n]|#[^\n]*)+/y;
const scalar = /[^,\]}#\n]+/y;

/**
 * Finds the line of every key and array element of a TOML document that has been parsed without error.
 * The parser gives values only, and a complaint without a line is of little use in a long file.
 *
 * @returns the line of the value at a path, counted from 1; of the nearest table around it when it is not there
 */
export function findLines(text: string): (path: SettingPath) => number {
  const lines = new LineFinder(text).find();
  return (path) => {
    for (let length = path.length; length > 0; length--) {
      const line = lines.get(JSON.stringify(path.slice(0, length)));
      if (line !== undefined) return line;
    }
    return 1;
  };
}

class LineFinder {
  readonly #text: string;
  readonly #lines = new Map<string, number>();
  readonly #arrayLengths = new Map<string, number>(); // of [[arrays of tables]]
  #at = 0;
  #line = 1;
  #countedTo = 0;

  constructor(text: string) {
    this.#text = text;
  }

  find(): ReadonlyMap<string, number> {
    let table: SettingPath = [];
    for (this.#match(blank); this.#at < this.#text.length; this.#match(blank)) {
      const start = this.#at;
      if (this.#text[this.#at] === "[") table = this.#readHeader();
      else this.#readPair(table);
      if (this.#at === start) break; // never on a document that parsed
    }
    return this.#lines;
  }

  #readHeader(): SettingPath {
    const isArray = this.#text.startsWith("[[", this.#at);
    this.#at += isArray ? 2 : 1;
    this.#match(blank);
    const names = this.#readKey();
    const path: (string | number)[] = [];
    for (const [index, name] of names.entries()) {
      path.push(name);
      const key = JSON.stringify(path);
      const isLast = index === names.length - 1;
      if (isLast && isArray) this.#arrayLengths.set(key, (this.#arrayLengths.get(key) ?? 0) + 1);
      const length = this.#arrayLengths.get(key);
      if (!isLast || isArray) this.#note(path);
      if (length !== undefined) path.push(length - 1);
      if (isLast) this.#note(path);
    }
    this.#skip(isArray ? "]]" : "]");
    return path;
  }

  #readPair(table: SettingPath): void {
    const line = this.#currentLine();
    const path = [...table];
    for (const name of this.#readKey()) {
      path.push(name);
      this.#note(path, line);
    }
    this.#skip("=");
    this.#readValue(path);
  }

  #readKey(): string[] {
    const names: string[] = [];
    do {
      this.#match(blank);
      const bare = this.#match(bareKey);
      const quoted = bare ?? this.#match(basicText) ?? this.#match(literalText);
      if (quoted === null) break;
      names.push(bare ?? unquote(quoted));
      this.#match(blank);
    } while (this.#skip("."));
    return names;
  }

  #readValue(path: SettingPath): void {
    this.#match(blank);
    if (this.#skip("[")) this.#readArray(path);
    else if (this.#skip("{")) this.#readInlineTable(path);
    else {
      const text = this.#match(longBasicText) ?? this.#match(longLiteralText);
      if (text === null) this.#match(basicText) ?? this.#match(literalText) ?? this.#match(scalar);
    }
  }

  #readArray(path: SettingPath): void {
    for (let index = 0; this.#at < this.#text.length; index++) {
      this.#match(blank);
      if (this.#skip("]")) return;
      const start = this.#at;
      const element = [...path, index];
      this.#note(element);
      this.#readValue(element);
      this.#match(blank);
      this.#skip(",");
      if (this.#at === start) return; // never on a document that parsed
    }
  }

  #readInlineTable(path: SettingPath): void {
    while (this.#at < this.#text.length) {
      this.#match(blank);
      if (this.#skip("}")) return;
      const start = this.#at;
      this.#readPair(path);
      this.#match(blank);
      this.#skip(",");
      if (this.#at === start) return; // never on a document that parsed
    }
  }

  #note(path: SettingPath, line = this.#currentLine()): void {
    const key = JSON.stringify(path);
    if (!this.#lines.has(key)) this.#lines.set(key, line);
  }

  #currentLine(): number {
    for (; this.#countedTo < this.#at; this.#countedTo++)
      if (this.#text[this.#countedTo] === "\n") this.#line++;
    return this.#line;
  }

  #match(pattern: RegExp): string | null {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (found) this.#at = pattern.lastIndex;
    return found ? found[0] : null;
  }

  #skip(mark: string): boolean {
    const found = this.#text.startsWith(mark, this.#at);
    if (found) this.#at += mark.length;
    return found;
  }
}

/** The name that a quoted key stands for, escapes resolved by the parser itself. */
function unquote(quoted: string): string {
  return Object.keys(parse(`${quoted} = 0`))[0] ?? quoted;
}
