import { isAscii } from "node:buffer";
import {
  headerOf,
  type LeasedMessage,
  piecesOf,
  type QueuedRecipient,
  type StoredContent,
} from "../queue/index.ts";
import type { OutgoingMessage } from "../smtp/index.ts";
import { forwardPath } from "./forward-path.ts";

/** What is this small goes out in one piece. */
const onePieceOctets = 256 << 10;

/** A message as a server is to get it. @param protocol LMTP is the end of the way, where REQUIRETLS is met already */
export async function outgoingMessage(
  message: LeasedMessage,
  recipients: readonly QueuedRecipient[],
  content: StoredContent,
  protocol: "smtp" | "lmtp",
): Promise<OutgoingMessage> {
  const reversePath = forwardPath(message.sender);
  const paths = recipients.map(({ address, notify, originalRecipient }) => {
    return { address: forwardPath(address), notify, originalRecipient };
  });
  const isWide = (address: string) => !isAscii(Buffer.from(address));
  const needsUtf8 = async () =>
    isWide(reversePath) || paths.some(({ address }) => isWide(address)) || !isAscii(await headerOf(content));
  return {
    reversePath,
    recipients: paths,
    returned: message.returned,
    envelopeId: message.envelopeId,
    requireTls: message.requireTls && protocol === "smtp",
    content: asContent(content, message.size),
    octets: message.size,
    eightBit: message.body === "8bitmime",
    // Some clients ask for SMTPUTF8 whether they need it or not. What is ASCII in envelope and header can go on to
    // servers without it (RFC 6531 §3.6).
    smtputf8: message.smtputf8 && (await needsUtf8()),
  };
}

function asContent(content: StoredContent, size: number): OutgoingMessage["content"] {
  const isSmall = content.restOctets === 0 && size <= onePieceOctets;
  return isSmall ? Buffer.concat(content.inline) : slices(content);
}

/** In pieces, so that a deadline for a piece means one. */
async function* slices(content: StoredContent): AsyncGenerator<Uint8Array> {
  for await (const piece of piecesOf(content)) {
    for (let at = 0; at < piece.length; at += onePieceOctets) yield piece.subarray(at, at + onePieceOctets);
  }
}
