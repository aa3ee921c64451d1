import { convertToSevenBit, parseHeader } from "../message/index.ts";
import type { ReceivedMessage } from "../reception/index.ts";
import { BodyHasher, type ScannedMessage, withHashedBody } from "../signature/index.ts";
import type { Spool, SpooledOctets } from "../spool/index.ts";

/** A message as it is to be sent, but for what is edited in its header. */
export interface Outgoing {
  readonly scanned: ScannedMessage;
  readonly body: SpooledOctets;
  /** Whether the body holds octets above 127. */
  readonly eightBitBody: boolean;
}

/**
 * Takes a message's body, and turns what it has in 8 bits into quoted-printable or base64 (MSG-16 to MSG-18): in a
 * second pass, and from file to file where it is large. Rejects with a SpoolError; then nothing is left of it.
 *
 * @param spool null: it stays as it is
 */
export async function takeOutgoing(
  message: ReceivedMessage,
  spool: Pick<Spool, "receive"> | null,
): Promise<Outgoing> {
  const { scanned, eightBit, eightBitBody } = message;
  const body = await message.takeBody();
  if (spool === null || !eightBit?.plan) return { scanned, body, eightBitBody };
  const writer = spool.receive();
  try {
    const converted = convertToSevenBit(eightBit.plan, scanned.header.octets, body.read());
    const hasher = new BodyHasher();
    for await (const piece of converted.body) {
      hasher.write(piece);
      await writer.write(piece);
    }
    return {
      scanned: withHashedBody(parseHeader(converted.header), hasher.finish()),
      body: await writer.finish(),
      eightBitBody: eightBit.staysEightBit,
    };
  } catch (error) {
    await writer.discard();
    throw error;
  } finally {
    await body.file?.remove();
  }
}
