import type { AddressToken } from "./address-field-lexer.ts";

/** Sendmail's MustQuoteChars, what stands for them when they are in no quotes. */
const MUST_QUOTE = /[@,;:\\()[\].']/;

/** One mailbox as `steadyAddresses` writes it; null where it is none. */
export function steadyMailbox(tokens: readonly AddressToken[], domain: string): string | null {
  const open = tokens.findIndex(({ text }) => text === "<");
  if (open < 0) return bareAddress(tokens, domain);
  const close = tokens.findIndex(({ text }) => text === ">");
  const behind = tokens.slice(close + 1);
  if (close < open || !behind.every(isGap)) return null;
  const address = addrSpec(withoutRoute(tokens.slice(open + 1, close)), domain);
  const name = steadyName(tokens.slice(0, open));
  if (address === null || name === null) return null;
  return `${name}<${address.text}${address.comments}>${textOf(behind)}`.trim();
}

/** An address without brackets; comments in it go behind it. */
function bareAddress(tokens: readonly AddressToken[], domain: string): string | null {
  const first = tokens.findIndex((token) => !isGap(token));
  if (first < 0) return textOf(tokens).trim(); // a comment alone
  const address = addrSpec(tokens.slice(first), domain);
  if (address === null) return null;
  return `${textOf(tokens.slice(0, first))}${address.text}${address.comments}`.trim();
}

/** RFC 5322 §4.4: it means nothing any more. */
function withoutRoute(tokens: readonly AddressToken[]): readonly AddressToken[] {
  const first = tokens.find((token) => !isGap(token));
  const colon = tokens.findIndex(({ text }) => text === ":");
  return first?.text === "@" && colon > 0 ? tokens.slice(colon + 1) : tokens;
}

function addrSpec(
  tokens: readonly AddressToken[],
  defaultDomain: string,
): { readonly text: string; readonly comments: string } | null {
  const at = tokens.findIndex(({ text }) => text === "@");
  const local = words(at < 0 ? tokens : tokens.slice(0, at));
  const domain = at < 0 ? defaultDomain : domainOf(tokens.slice(at + 1), defaultDomain);
  if (local === null || domain === null) return null;
  // A piece of a name that was not quoted is no local part.
  if (at < 0 && local.includes("=?")) return null;
  const comments = tokens
    .flatMap(({ kind, text }) => (kind === "comment" ? ` ${unfolded(text)}` : []))
    .join("");
  return { text: `${local}@${domain}`, comments };
}

function domainOf(tokens: readonly AddressToken[], defaultDomain: string): string | null {
  const [first, ...more] = tokens.filter((token) => !isGap(token));
  if (first?.kind === "literal") return more.length === 0 ? first.text : null;
  const text = tokens.some(({ kind }) => kind === "quoted") ? null : words(tokens);
  const domain = text?.replace(/\.$/, "") ?? "";
  if (domain === "" || domain.endsWith(".")) return null;
  return domain.toLowerCase() === "localhost" ? defaultDomain : domain; // each server takes it for its own name
}

/** Words with dots between them; null where two stand side by side, or there is anything else. */
function words(tokens: readonly AddressToken[]): string | null {
  let text = "";
  let isBehindWord = false;
  for (const token of tokens) {
    if (isGap(token)) continue;
    const isWord = token.kind === "atom" || token.kind === "quoted";
    if (isWord ? isBehindWord : token.text !== ".") return null;
    isBehindWord = isWord;
    text += unfolded(token.text);
  }
  return text === "" ? null : text;
}

/** A display name, with what is between it and the bracket: what would be taken for syntax gets quotes. */
function steadyName(tokens: readonly AddressToken[]): string | null {
  const text = textOf(tokens);
  const isPlain = !text.includes("=?") && tokens.every(({ kind }) => kind !== "quoted" && kind !== "comment");
  if (isPlain) return MUST_QUOTE.test(text) ? `"${text.trim()}"${/ $/.exec(text) ?? ""}` : text;
  let name = "";
  let run: AddressToken[] = [];
  const endRun = (): boolean => {
    const text = run.length === 0 ? "" : steadyWord(run);
    run = [];
    name += text ?? "";
    return text !== null;
  };
  for (const token of tokens) {
    if (!isGap(token)) run.push(token);
    else if (endRun()) name += textOf([token]);
    else return null;
  }
  return endRun() ? name : null;
}

/** What stands in a name without space in it. */
function steadyWord(tokens: readonly AddressToken[]): string | null {
  const mustBeQuoted = tokens.some(({ kind, text }) => kind !== "quoted" && MUST_QUOTE.test(text));
  const text = textOf(tokens);
  if (!mustBeQuoted) return text;
  // Quotes would keep an encoded word from being decoded.
  const [encoded, charset = "", content = ""] = /^=\?([^?]*)\?q\?([^?]*)\?=$/i.exec(text) ?? [];
  if (encoded !== undefined) return MUST_QUOTE.test(charset) ? null : `=?${charset}?q?${hidden(content)}?=`;
  if (text.includes("=?")) return null;
  const pieces = tokens.map((token) => (token.kind === "quoted" ? token.text.slice(1, -1) : token.text));
  return `"${pieces.join("")}"`;
}

/** RFC 2047 §4.2. */
function hidden(content: string): string {
  const code = (char: string): string => `=${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;
  return content.replace(new RegExp(MUST_QUOTE, "g"), code);
}

function isGap({ kind }: AddressToken): boolean {
  return kind === "space" || kind === "comment";
}

/** As it stands, a space for what is between words. */
export function textOf(tokens: readonly AddressToken[]): string {
  return tokens.map(({ kind, text }) => (kind === "space" ? " " : unfolded(text))).join("");
}

function unfolded(text: string): string {
  return text.replace(/[\r\n]+/g, "");
}
