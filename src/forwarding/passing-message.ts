import { isAscii } from "node:buffer";
import { type Header, parseHeader } from "../message/index.ts";
import { headerOf, piecesOf, type StoredContent } from "../queue/index.ts";
import { MessageScanner, type ScannedMessage } from "../signature/index.ts";
import type { Spool, SpooledOctets } from "../spool/index.ts";

/** A queued message on its way to other addresses: read once, its body taken into memory or a file of its own. */
export interface PassingMessage {
  readonly scanned: ScannedMessage;
  readonly hasEmptyLine: boolean;
  readonly eightBitBody: boolean;
  /** The reader's to queue or to remove. */
  readonly body: SpooledOctets;
}

export async function readHeader(content: StoredContent): Promise<Header> {
  return parseHeader(await headerOf(content));
}

/** Rejects with a SpoolError or QueueStoreError; then nothing is left of it. */
export async function readPassing(
  content: StoredContent,
  spool: Pick<Spool, "receive">,
): Promise<PassingMessage> {
  const scanner = new MessageScanner();
  const writer = spool.receive();
  let eightBitBody = false;
  try {
    for await (const piece of piecesOf(content)) {
      const octets = scanner.write(piece);
      if (octets.length === 0) continue;
      eightBitBody ||= !isAscii(octets);
      await writer.write(octets);
    }
    const scanned = scanner.finish();
    return { scanned, hasEmptyLine: scanner.hasEmptyLine, eightBitBody, body: await writer.finish() };
  } catch (error) {
    await writer.discard();
    throw error;
  }
}
