import type { Algorithm } from "./algorithm.ts";
import { CORE_FIELDS } from "./covered-fields.ts";

/** What a signature field says, `bh` and `b` aside. */
export interface FieldTags {
  readonly level: number;
  readonly algorithm: Algorithm;
  /** `i`, percent-encoded. */
  readonly identity: string;
  readonly kid: string;
  readonly signedAt: number;
  readonly expiresAt: number;
  readonly covered: readonly string[];
  /** Salt and hashes, each as id16; empty for none. */
  readonly recipients: readonly string[];
  readonly flags: readonly string[];
  readonly bodyHashBase64: string;
}

/** A piece of the field as it is written, and in canonical form, in which a fold is one space. */
export interface Folded {
  readonly text: string;
  readonly canonical: string;
}

/** Fold before this column; only what has no place to fold (an address, Ed25519's `b`) is longer. */
const COLUMNS = 72;

/** The field up to and including `b=`, folded (SIG-1, SIG-2; the layout of spec/worked-example.md). */
export function formatUpToSignature(tags: FieldTags): Folded {
  const short: string[] = [];
  if (tags.level > 0) short.push(`n=${tags.level}`);
  short.push(`a=${tags.algorithm}`, `i=${tags.identity}`, `k=${tags.kid}`);
  short.push(`t=${tags.signedAt}`, `x=${tags.expiresAt}`);
  if (tags.flags.length > 0) short.push(`f=${tags.flags.join(":")}`);
  const text = foldTags("VSMTP-Signature: v=1;", short);
  const covered = tags.covered === CORE_FIELDS ? CORE_LIST : foldList("h", tags.covered);
  const recipients = tags.recipients.length > 0 ? foldList("r", tags.recipients) : NOTHING;
  return {
    text: `${text}${covered.text}\r\n bh=${tags.bodyHashBase64};${recipients.text}\r\n b=`,
    canonical: `vsmtp-signature:v=1; ${short.join("; ")};${covered.canonical} bh=${tags.bodyHashBase64};${recipients.canonical} b=`,
  };
}

/** Puts tags behind the beginning of a field, as many on a line as fit. */
export function foldTags(beginning: string, tags: readonly string[]): string {
  let text = beginning;
  let column = text.length;
  for (const tag of tags) {
    if (column + tag.length + 2 > COLUMNS) {
      text += "\r\n";
      column = 0;
    }
    text += ` ${tag};`;
    column += tag.length + 2;
  }
  return text;
}

const NOTHING: Folded = { text: "", canonical: "" };

/** Begins on a line of its own. */
export function foldList(name: string, items: readonly string[]): Folded {
  let text = `\r\n ${name}=`;
  let canonical = ` ${name}=`;
  let column = canonical.length;
  items.forEach((item, index) => {
    const piece = index === items.length - 1 ? `${item};` : `${item}:`;
    if (index > 0 && column + piece.length > COLUMNS) {
      text += "\r\n  ";
      canonical += " ";
      column = 2;
    }
    text += piece;
    canonical += piece;
    column += piece.length;
  });
  return { text, canonical };
}

const CORE_LIST = foldList("h", CORE_FIELDS);

/** `b`, which is not covered and so may be folded anywhere: Ed25519 on one line, RSA over several. */
export function formatSignature(signature: Uint8Array): string {
  const base64 = Buffer.from(signature.buffer, signature.byteOffset, signature.byteLength).toString("base64");
  return base64.length <= 88 ? base64 : (base64.match(/.{1,68}/g) ?? []).join("\r\n  ");
}
