import { isAscii } from "node:buffer";
import type { Expanded } from "../delivery/index.ts";
import type { Address } from "../message/index.ts";
import {
  type LeasedMessage,
  type NewMessage,
  type Notify,
  newMessageId,
  type QueuedRecipient,
  type StoredContent,
} from "../queue/index.ts";
import { contentOf } from "../reception/index.ts";
import { splitIntoCopies } from "../signing/index.ts";
import { countersign } from "./countersign.ts";
import { loopProblem, traceOf } from "./loops.ts";
import { dropped, keptOnly, notNow, passedOn } from "./outcome.ts";
import { readHeader, readPassing } from "./passing-message.ts";
import { isSenderForged } from "./recorded-verdict.ts";
import { seal } from "./seal.ts";
import type { Tools } from "./tools.ts";

/** Mail of one address goes on to others, unaltered. */
export interface ForwardOrder {
  /** At which the message was received; canonical. */
  readonly receivedAs: Address;
  readonly to: readonly string[];
  /** The message goes into the mailbox of that name, too. */
  readonly keep: boolean;
}

/**
 * Passes a message on as it is, with a custody level where one can hold (CUS-1). Reverse path, DSN parameters and the results
 * that our border recorded go along (CUS-7); a trace of the address is added, which ends loops.
 */
export async function forward(
  message: LeasedMessage,
  recipient: QueuedRecipient,
  { receivedAs, to, keep }: ForwardOrder,
  content: () => Promise<StoredContent>,
  tools: Tools,
): Promise<Expanded> {
  const unless = (enhanced: string, because: string): Expanded =>
    keep ? keptOnly(because) : notNow(enhanced, because);
  if (to.length === 0) return dropped("nobody owns this address");
  if (message.suspicious) return unless("5.7.1", "suspicious mail is not passed on");
  const loop = loopProblem(await readHeader(await content()), receivedAs);
  if (loop !== null) return unless("5.4.6", loop);
  const passing = await readPassing(await content(), tools.spool);
  const { scanned, body } = passing;
  const copies = splitIntoCopies(to, scanned.header);
  const signed = await countersign(message, scanned, receivedAs, copies, tools).catch(async (error) => {
    await body.file?.remove();
    throw error;
  });
  if (signed.kind === "later") {
    await body.file?.remove();
    return notNow("4.4.3", "it waits for the key server, to be signed and passed on");
  }
  const shared = contentOf(scanned.header.octets, body, passing.hasEmptyLine);
  const now = tools.now();
  const trace = Buffer.concat([traceOf(receivedAs), seal(scanned, receivedAs.domain, tools.dkim, now)]);
  const wishes = wishesOf(recipient, isSenderForged(message.sender, scanned.header));
  const messages = signed.copies.map((copy): NewMessage => {
    return {
      id: newMessageId(now),
      sender: message.sender,
      recipients: copy.recipients.map((address) => ({ address, ...wishes })),
      prefix: Buffer.concat([copy.signatures, trace]),
      content: shared,
      body: message.body,
      smtputf8: message.smtputf8 || !isAscii(Buffer.from(copy.recipients.join(""))),
      requireTls: message.requireTls,
      envelopeId: message.envelopeId,
      returned: message.returned,
      account: message.account,
      kids: [...message.kids, ...signed.kids],
      suspicious: false,
    };
  });
  return passedOn(messages, `passed on as ${messages[0]?.id}${others(messages.length)}, ${signed.how}`);
}

/**
 * What the sender wants to hear goes along, but for success: that would tell where the mail of this address goes, and that it
 * was passed on he hears from here (RFC 3461 §5.2.7.2). Who has not written it hears nothing.
 */
function wishesOf(
  { notify, originalRecipient, address }: QueuedRecipient,
  isForged: boolean,
): Pick<QueuedRecipient, "notify" | "originalRecipient"> {
  const wanted = isForged ? [] : (notify?.filter((event) => event !== "success") ?? null);
  const left: readonly Notify[] | null = wanted?.length === 0 ? ["never"] : wanted;
  // In xtext as it stands (RFC 3461 §4).
  const original = /^[!-*,-<>-~]+$/.test(address) ? `rfc822;${address}` : null;
  return { notify: left, originalRecipient: originalRecipient ?? original };
}

function others(count: number): string {
  return count < 2 ? "" : ` and ${count - 1} more`;
}
