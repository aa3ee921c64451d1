// Messages as a whole, scanned and converted in chunks.
import { parseHeader } from "../header.ts";
import { applyEdits } from "../header-edits.ts";
import { convertToSevenBit } from "./convert-to-seven-bit.ts";
import { EightBitScanner } from "./eight-bit-scanner.ts";
import type { EightBitScan } from "./seven-bit-plan.ts";
import { messageOf } from "./test-mime-trees.ts";

/** @param lengths of chunks, in turn; one chunk without any */
export function scan(message: Buffer, lengths: readonly number[] = []): EightBitScan {
  const { header, body } = messageOf(message);
  const scanner = new EightBitScanner(parseHeader(header));
  for (const chunk of cut(body, lengths)) {
    const lent = Buffer.from(chunk);
    scanner.write(lent);
    lent.fill(0xff); // it must not be needed any more
  }
  return scanner.finish();
}

/** The message after conversion; itself where nothing is to be done. */
export async function convert(message: Buffer, lengths: readonly number[] = []): Promise<Buffer> {
  const { plan } = scan(message, lengths);
  if (plan === null) return message;
  const { header: octets, body } = messageOf(message);
  const header = parseHeader(octets);
  const converted = convertToSevenBit(plan, header, cut(body, lengths));
  const chunks: Uint8Array[] = [];
  for await (const chunk of converted.body) chunks.push(chunk);
  // The cases have what is added behind the other fields.
  const added = converted.edits.flatMap((edit) => (edit.kind === "prepend" ? [edit.octets] : []));
  const others = converted.edits.filter(({ kind }) => kind !== "prepend");
  return Buffer.concat([applyEdits(header, others), ...added, Buffer.from("\r\n"), ...chunks]);
}

function* cut(octets: Buffer, lengths: readonly number[]): Iterable<Buffer> {
  for (let at = 0, turn = 0; at < octets.length; turn++) {
    const length = lengths[turn % Math.max(lengths.length, 1)] ?? octets.length;
    yield octets.subarray(at, at + length);
    at += length;
  }
}
