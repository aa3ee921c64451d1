/** A piece of an address field as it stands; `space` is a run of white space and folds. */
export interface AddressToken {
  readonly kind: "space" | "comment" | "quoted" | "literal" | "atom" | "special";
  readonly text: string;
}

/** Splits the value of an address field (RFC 5322 §3.2); null where it is none: something is open, or out of place. */
export function readAddressTokens(value: string): AddressToken[] | null {
  const tokens: AddressToken[] = [];
  for (let at = 0; at < value.length; ) {
    const token = readToken(value, at);
    if (token === null) return null;
    tokens.push(token);
    at += token.text.length;
  }
  return tokens;
}

const SPACE = /[ \t\r\n]+/y;
const ATOM = /[^\x00-\x20\x7f()<>[\]:;@\\,."]+/y;
const SPECIAL = /[<>:;@,.]/y;

function readToken(value: string, at: number): AddressToken | null {
  const opened = OPENERS[value[at] as string];
  if (opened !== undefined) {
    const end = endOf(value, at, opened.close);
    return end === null ? null : { kind: opened.kind, text: value.slice(at, end) };
  }
  for (const [kind, pattern] of [
    ["space", SPACE],
    ["atom", ATOM],
    ["special", SPECIAL],
  ] as const) {
    pattern.lastIndex = at;
    const text = pattern.exec(value)?.[0];
    if (text !== undefined) return { kind, text };
  }
  return null;
}

const OPENERS: Readonly<
  Record<string, { readonly kind: AddressToken["kind"]; readonly close: string } | undefined>
> = {
  '"': { kind: "quoted", close: '"' },
  "[": { kind: "literal", close: "]" },
  "(": { kind: "comment", close: ")" },
};

/** The offset behind what is opened at `from`; comments nest. */
function endOf(value: string, from: number, close: string): number | null {
  let depth = 1;
  for (let at = from + 1; at < value.length; at++) {
    const char = value[at];
    if (char === "\\") at++;
    else if (char === close && --depth === 0) return at + 1;
    else if (char === "(" && close === ")") depth++;
  }
  return null;
}
