import { convertToSevenBit, type HeaderEdit } from "../message/index.ts";
import type { ReceivedMessage } from "../reception/index.ts";
import { BodyHasher } from "../signature/index.ts";
import type { Spool, SpooledOctets } from "../spool/index.ts";

/** What becomes of a message's body before it is signed. */
export interface Converted {
  /** Of the header as it came: what the body's encoding changes in it. */
  readonly edits: readonly HeaderEdit[];
  /** Of the body as it is sent. */
  readonly bodyHashBase64: string;
  /** Whether that has octets above 127. */
  readonly eightBitBody: boolean;
}

/**
 * Whether a body is to be converted: with SMTPUTF8 only for its long lines, for servers that know that extension carry 8
 * bits (MSG-19).
 */
export function needsConversion({ eightBit }: ReceivedMessage, smtputf8: boolean): boolean {
  return eightBit !== null && (!smtputf8 || eightBit.hasLongLines);
}

/** The body goes out as it came. */
export function asItCame({ scanned, eightBitBody }: ReceivedMessage): Converted {
  return { edits: [], bodyHashBase64: scanned.bodyHashBase64, eightBitBody };
}

/**
 * Takes a message's body, and turns what it has in 8 bits into quoted-printable or base64 (MSG-16 to MSG-18): in a
 * second pass, and from file to file where it is large. Rejects with a SpoolError; then nothing is left of it.
 *
 * @param spool null: it stays as it is
 */
export async function takeConverted(
  message: ReceivedMessage,
  spool: Pick<Spool, "receive"> | null,
): Promise<{ readonly converted: Converted; readonly body: SpooledOctets }> {
  const { scanned, eightBit } = message;
  const body = await message.takeBody();
  if (spool === null || !eightBit?.plan) return { converted: asItCame(message), body };
  const writer = spool.receive();
  try {
    const made = convertToSevenBit(eightBit.plan, scanned.header, body.read());
    const bodyHashBase64 = await hashOf(made.body, (piece) => writer.write(piece));
    const converted = { edits: made.edits, bodyHashBase64, eightBitBody: eightBit.staysEightBit };
    return { converted, body: await writer.finish() };
  } catch (error) {
    await writer.discard();
    throw error;
  } finally {
    await body.file?.remove();
  }
}

/**
 * The same for a host that has the body, and is to replace it: nothing is taken and nothing is kept. What is converted is
 * made anew at each call of `body`, for a signature needs its hash before anything of it is sent.
 *
 * @returns `body` null: it stays as it came
 */
export async function convertedInPlace(message: ReceivedMessage): Promise<{
  readonly converted: Converted;
  readonly body: (() => AsyncIterable<Uint8Array>) | null;
}> {
  const { scanned, eightBit } = message;
  const plan = eightBit?.plan;
  if (!plan) return { converted: asItCame(message), body: null };
  const convert = () => convertToSevenBit(plan, scanned.header, message.readBody());
  const { edits, body } = convert();
  const bodyHashBase64 = await hashOf(body, () => {});
  return {
    converted: { edits, bodyHashBase64, eightBitBody: eightBit.staysEightBit },
    body: () => convert().body,
  };
}

async function hashOf(
  body: AsyncIterable<Uint8Array>,
  keep: (piece: Uint8Array) => void | Promise<void>,
): Promise<string> {
  const hasher = new BodyHasher();
  for await (const piece of body) {
    hasher.write(piece);
    await keep(piece);
  }
  return hasher.finish();
}
