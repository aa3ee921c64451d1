import { reply } from "../reply.ts";
import { chain } from "./chain.ts";
import { ChunkReader } from "./chunk-reader.ts";
import type { ContentReader } from "./content-reader.ts";
import { ContentTransfer } from "./content-transfer.ts";
import type { Conversation, Transaction } from "./conversation.ts";
import { DataReader } from "./data-reader.ts";
import type { Awaitable, DataSink } from "./handler.ts";
import type { ServerSettings } from "./options.ts";
import { type Outcome, say } from "./outcome.ts";

/** RFC 5321 §4.1.1.4 */
export function data<User>(
  conversation: Conversation<User>,
  settings: ServerSettings<User>,
): Awaitable<Outcome> {
  const { transaction } = conversation;
  if (transaction === null) return say(503, "5.5.1", "Send MAIL first");
  // RFC 3030 §2: the two cannot be mixed.
  if (transaction.transfer !== null) return say(503, "5.5.1", "The content comes by BDAT");
  if (transaction.recipients.length === 0) return say(554, "5.5.1", "No valid recipients");
  return chain(settings.handler.data(conversation, transaction), (answer) => {
    if ("code" in answer) return { reply: answer };
    const reader = new DataReader(settings.limits.messageOctets);
    const transfer = begin(conversation, transaction, answer, reader, settings);
    return {
      reply: reply(354, null, "End data with <CR><LF>.<CR><LF>"),
      next: { kind: "content", transfer },
    };
  });
}

/** RFC 3030 §2. The octets are there or on their way, whatever is answered. */
export function bdat<User>(
  conversation: Conversation<User>,
  settings: ServerSettings<User>,
): Awaitable<Outcome> {
  const { transaction } = conversation;
  if (!conversation.extended) return say(503, "5.5.1", "Send EHLO first");
  if (transaction === null) return say(503, "5.5.1", "Send MAIL first");
  if (transaction.recipients.length === 0) return say(554, "5.5.1", "No valid recipients");
  const { transfer } = transaction;
  if (transfer !== null) return { reply: null, next: { kind: "content", transfer } };
  return chain(settings.handler.data(conversation, transaction), (answer) => {
    if ("code" in answer) return { reply: answer };
    const reader = new ChunkReader(settings.limits.messageOctets);
    const first = begin(conversation, transaction, answer, reader, settings);
    return { reply: null, next: { kind: "content", transfer: first } };
  });
}

function begin<User>(
  session: Conversation<User>,
  transaction: Transaction,
  sink: DataSink,
  reader: ContentReader,
  { limits, deadlines, onEvent }: ServerSettings<User>,
): ContentTransfer {
  const transfer = new ContentTransfer({
    sink,
    reader,
    maxOctets: limits.messageOctets,
    endsAt: performance.now() + deadlines.dataTotalMs,
    onSinkFailure: (cause) => onEvent({ kind: "handler-failed", session, method: "write", cause }),
  });
  transaction.transfer = transfer;
  return transfer;
}
