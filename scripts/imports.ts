// Lists what a TypeScript file imports. It reads tokens, not lines, so that an import written in a
// comment, a string or a template is not mistaken for one.

export interface Import {
  readonly specifier: string | null; // null: computed, cannot be followed
  readonly line: number;
  readonly typeOnly: boolean; // erased before running
}

interface Token {
  readonly kind: "word" | "string" | "mark";
  readonly text: string; // of a string: its content
  readonly at: number;
}

const skipped = /(?:\s|\/\/[^\n]*|\/\*.*?\*\/)+/sy;
const word = /[\p{ID_Start}$_#][\p{ID_Continue}$]*|\d[\w.]*/uy;
const string = /"((?:[^"\\\n]|\\.)*)"|'((?:[^'\\\n]|\\.)*)'/sy;
const regularExpression = /\/(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/\w*/y;
const templatePart = /(?:[^`\\$]|\\.|\$(?!\{))*/sy;
const beforeExpression =
  /^(?:return|typeof|case|do|else|in|instanceof|new|of|throw|void|yield|await|default|delete|[^\w"')\]}#$])$/;

export function listImports(source: string): Import[] {
  const tokens = [...tokenize(source)];
  const imports: Import[] = [];
  for (const [index, token] of tokens.entries()) {
    const found = token.kind === "word" ? importAt(tokens, index) : null;
    if (found) imports.push({ ...found, line: source.slice(0, token.at).split("\n").length });
  }
  return imports;
}

function importAt(tokens: readonly Token[], index: number): Omit<Import, "line"> | null {
  const text = (offset: number) => tokens[index + offset]?.text;
  const stringAt = (offset: number) =>
    tokens[index + offset]?.kind === "string" ? (text(offset) as string) : null;
  if (text(-1) === ".") return null; // a property: import.meta is the other way round
  switch (text(0)) {
    case "import": {
      if (text(1) === "(") return { specifier: stringAt(2), typeOnly: false };
      if (text(1) === "." || text(1) === ":") return null;
      if (stringAt(1) !== null) return { specifier: stringAt(1), typeOnly: false };
      const typeOnly = text(1) === "type" && text(2) !== "from" && text(2) !== ",";
      return { specifier: specifierAfterFrom(tokens, index), typeOnly };
    }
    case "export": {
      const typeOnly = text(1) === "type";
      const clause = index + (typeOnly ? 2 : 1);
      if (tokens[clause]?.text === "*") return { specifier: specifierAfterFrom(tokens, clause), typeOnly };
      if (tokens[clause]?.text !== "{") return null;
      const end = tokens.findIndex((token, at) => at > clause && token.kind === "mark" && token.text === "}");
      if (tokens[end + 1]?.text !== "from") return null;
      return { specifier: tokens[end + 2]?.text ?? null, typeOnly };
    }
    case "require":
      return text(1) === "(" ? { specifier: stringAt(2), typeOnly: false } : null;
    case "URL": {
      // new URL("./worker.ts", import.meta.url) runs or reads a file of ours
      const path = text(-1) === "new" && text(1) === "(" ? stringAt(2) : null;
      return path && /^\.\.?\/.*\.ts$/.test(path) ? { specifier: path, typeOnly: false } : null;
    }
    default:
      return null;
  }
}

function specifierAfterFrom(tokens: readonly Token[], start: number): string | null {
  const from = tokens.findIndex(
    (token, at) => at > start && token.text === "from" && tokens[at + 1]?.kind === "string",
  );
  return tokens[from + 1]?.text ?? null;
}

/** Enough of the language to tell code from comments, strings, templates and regular expressions. */
function* tokenize(source: string): Generator<Token> {
  let at = 0;
  let previous = ";";
  const open: string[] = []; // "{" of a block, "$" of a template's ${
  const match = (pattern: RegExp) => {
    pattern.lastIndex = at;
    const found = pattern.exec(source);
    if (found) at = pattern.lastIndex;
    return found;
  };
  const templateText = () => {
    match(templatePart);
    if (source[at] === "$") open.push("$");
    at += source[at] === "$" ? 2 : 1;
  };
  while (at < source.length) {
    if (match(skipped)) continue;
    const start = at;
    const name = match(word);
    if (name) {
      previous = name[0];
      yield { kind: "word", text: previous, at: start };
      continue;
    }
    const text = match(string);
    if (text) {
      previous = '"';
      yield { kind: "string", text: text[1] ?? text[2] ?? "", at: start };
      continue;
    }
    if (source[at] === "/" && beforeExpression.test(previous) && match(regularExpression)) {
      previous = '"';
      continue;
    }
    const mark = source[at] as string;
    at++;
    if (mark === "`") templateText();
    else if (mark === "{") open.push("{");
    else if (mark === "}" && open.pop() === "$") templateText();
    previous = source[at - 1] === "`" ? '"' : (source[at - 1] as string);
    yield { kind: "mark", text: mark, at: start };
  }
}
