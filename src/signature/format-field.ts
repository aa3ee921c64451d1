import type { Algorithm } from "./algorithm.ts";

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

/** Fold before this column; only what has no place to fold (an address, Ed25519's `b`) is longer. */
const COLUMNS = 72;

/** The field up to and including `b=`, folded (SIG-1, SIG-2; the layout of spec/worked-example.md). */
export function formatUpToSignature(tags: FieldTags): string {
  const short = ["v=1"];
  if (tags.level > 0) short.push(`n=${tags.level}`);
  short.push(`a=${tags.algorithm}`, `i=${tags.identity}`, `k=${tags.kid}`);
  short.push(`t=${tags.signedAt}`, `x=${tags.expiresAt}`);
  if (tags.flags.length > 0) short.push(`f=${tags.flags.join(":")}`);
  let line = "VSMTP-Signature:";
  let text = "";
  for (const tag of short) {
    if (line.length + tag.length + 2 > COLUMNS) {
      text += `${line}\r\n`;
      line = "";
    }
    line += ` ${tag};`;
  }
  text += `${line}\r\n${foldList("h", tags.covered)}\r\n bh=${tags.bodyHashBase64};\r\n`;
  if (tags.recipients.length > 0) text += `${foldList("r", tags.recipients)}\r\n`;
  return `${text} b=`;
}

function foldList(name: string, items: readonly string[]): string {
  let text = "";
  let line = ` ${name}=`;
  items.forEach((item, index) => {
    const piece = index === items.length - 1 ? `${item};` : `${item}:`;
    if (index > 0 && line.length + piece.length > COLUMNS) {
      text += `${line}\r\n`;
      line = "  ";
    }
    line += piece;
  });
  return text + line;
}

/** `b`, which is not covered and so may be folded anywhere: Ed25519 on one line, RSA over several. */
export function formatSignature(signature: Uint8Array): string {
  const base64 = Buffer.from(signature.buffer, signature.byteOffset, signature.byteLength).toString("base64");
  return base64.length <= 88 ? base64 : (base64.match(/.{1,68}/g) ?? []).join("\r\n  ");
}
