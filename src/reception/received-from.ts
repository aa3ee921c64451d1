import { isAscii } from "node:buffer";
import { EightBitScanner, HeaderReader } from "../message/index.ts";
import { MessageScanner } from "../signature/index.ts";
import type { ReceivedMessage } from "./received-message.ts";

/**
 * A message that somebody else keeps, and that can be read again: a file, or what another mail server has received. It is
 * read once to be scanned, and of its body nothing is stored here. A header that is too large is a fault like any other,
 * and ends the reading.
 *
 * Its body is taken in name only: whoever takes it gets what reads it, and neither memory nor a file.
 *
 * @param read the whole message, with CRLF behind each line, from the beginning at each call; what it throws is passed on
 */
export async function receivedFrom(read: () => AsyncIterable<Uint8Array>): Promise<ReceivedMessage> {
  const scanner = new MessageScanner();
  let bodyOctets = 0;
  let eightBitBody = false;
  let eightBit: EightBitScanner | null = null;
  for await (const chunk of read()) {
    const body = scanner.write(chunk);
    if (scanner.headerTooLarge) break;
    if (body.length === 0) continue;
    bodyOctets += body.length;
    eightBitBody ||= !isAscii(body);
    eightBit ??= new EightBitScanner(scanner.header);
    eightBit.write(body);
  }
  const scanned = scanner.finish();
  const readBody = () => bodyOf(read());
  return {
    scanned,
    bodyOctets,
    hasEmptyLine: scanner.hasEmptyLine,
    eightBitBody,
    eightBit: eightBit?.finish() ?? null,
    readBody,
    takeBody: async () => ({ octets: bodyOctets, memory: null, file: null, read: readBody }),
  };
}

async function* bodyOf(message: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = new HeaderReader();
  for await (const chunk of message) {
    const body = reader.write(chunk);
    if (body.length > 0) yield body;
  }
}
