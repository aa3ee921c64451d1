import { isAscii } from "node:buffer";
import { type EightBitScan, EightBitScanner } from "../message/index.ts";
import { MessageScanner, type ScannedMessage } from "../signature/index.ts";
import { inMemory, type SpooledOctets, type SpoolFile } from "../spool/index.ts";

/** A message that has come whole and that nobody has taken yet. */
export interface ReceivedMessage {
  readonly scanned: ScannedMessage;
  readonly bodyOctets: number;
  /** Whether the empty line behind the header came (MSG-13). */
  readonly hasEmptyLine: boolean;
  /** Whether the body holds octets above 127. */
  readonly eightBitBody: boolean;
  /** What could be converted (MSG-16); null where that was not looked for, or there is no body. */
  readonly eightBit: EightBitScan | null;
  /** Reads the body, from the beginning at each call, before somebody takes it. Rejects with a SpoolError. */
  readBody(): AsyncIterable<Uint8Array>;
  /**
   * Takes the body over: octets in memory, or a file that is synced to the disk and whoever calls this removes or
   * queues. To be called once at most; a body that nobody takes is forgotten. Rejects with a SpoolError.
   */
  takeBody(): Promise<SpooledOctets>;
}

/** A message that was made here, such as a report. */
export function receivedInMemory(octets: Uint8Array): ReceivedMessage {
  const scanner = new MessageScanner();
  const body = scanner.write(octets);
  const scanned = scanner.finish();
  const eightBit = new EightBitScanner(scanned.header);
  eightBit.write(body);
  return {
    scanned,
    bodyOctets: body.length,
    hasEmptyLine: scanner.hasEmptyLine,
    eightBitBody: !isAscii(body),
    eightBit: eightBit.finish(),
    readBody: () => inMemory([body], body.length).read(),
    takeBody: async () => inMemory([body], body.length),
  };
}

const CRLF = Buffer.from("\r\n");

/**
 * A message as the queue takes it: small ones in one piece, of large ones only the header, before the file with the
 * body.
 *
 * @param header its last CRLF included
 */
export function contentOf(
  header: Uint8Array,
  body: SpooledOctets,
  hasEmptyLine = true,
): { readonly inline: Uint8Array; readonly file: SpoolFile | null } {
  const pieces = hasEmptyLine ? [header, CRLF] : [header];
  return {
    inline: Buffer.concat(body.memory === null ? pieces : [...pieces, ...body.memory]),
    file: body.file,
  };
}
