import { verify as cryptoVerify, type KeyObject } from "node:crypto";
import type { HeaderField } from "../message/index.ts";
import { canonicalField, type FieldIndex, signingInput } from "./canonical-header.ts";
import type { UsableField } from "./check-field.ts";
import type { ScannedMessage } from "./scanned-message.ts";

const ENCODINGS = ["7bit", "8bit", "quoted-printable", "base64"];

/**
 * Why does a level-0 signature not verify although the body hash holds? Tries each change that servers commonly
 * make to covered fields, undone, until the signature verifies.
 *
 * @returns a sentence that names the field, or null when no single change explains it
 */
export function diagnoseHeader(message: ScannedMessage, field: UsableField, key: KeyObject): string | null {
  for (const name of field.tags.covered) {
    for (const instance of message.index.get(name) ?? []) {
      const octets = canonicalField(message.header, instance).toString("latin1");
      for (const [text, sentence] of alternatives(name, octets)) {
        if (verifies(message.index, message, field, key, instance, text)) {
          return `${name} (octets ${instance.start + 1} to ${instance.end}): ${sentence}`;
        }
      }
    }
  }
  return null;
}

/** Canonical texts the field may have had (null: it was not there), and what then happened to it. */
function* alternatives(name: string, octets: string): Generator<[string | null, string]> {
  yield [null, "this field was added after signing"];
  if (name === "subject") {
    const value = octets.slice(name.length + 1);
    const tag = /^((?:re|aw|fwd?): ?)?(\[[^\]]*\]|\*+[^*]*\*+|\S+) /i.exec(value);
    if (tag) {
      yield [
        `${name}:${(tag[1] ?? "") + value.slice(tag[0].length)}`,
        `"${tag[2]}" was put into it after signing`,
      ];
    }
  }
  if (name === "content-transfer-encoding") {
    for (const encoding of ENCODINGS) yield [`${name}:${encoding}`, `it was "${encoding}" when signed`];
  }
}

function verifies(
  index: FieldIndex,
  message: ScannedMessage,
  field: UsableField,
  key: KeyObject,
  changed: HeaderField,
  text: string | null,
): boolean {
  const lines: Buffer[] = [];
  for (const name of field.tags.covered) {
    for (const instance of index.get(name) ?? []) {
      if (instance !== changed) lines.push(canonicalField(message.header, instance), CRLF);
      else if (text !== null) lines.push(Buffer.from(text, "latin1"), CRLF);
    }
  }
  lines.push(field.lastLine);
  const hashName = field.tags.algorithm === "rsa-sha256" ? "sha256" : null;
  return cryptoVerify(hashName, signingInput(Buffer.concat(lines)), key, field.tags.signature);
}

const CRLF = Buffer.from("\r\n");
