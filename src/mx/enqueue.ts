import { isAscii } from "node:buffer";
import type { Queue } from "../queue/index.ts";
import { contentOf } from "../reception/index.ts";
import type { Decision } from "../verification/index.ts";
import type { Incoming } from "./incoming.ts";
import type { Recipients } from "./recipients.ts";
import type { Recorded } from "./record.ts";

/** Queues the message; rejects with a QueueStoreError or SpoolError, and then nothing of it is left. */
export async function enqueue(
  { id, envelope, message }: Incoming,
  { prefix, header }: Recorded,
  { action }: Decision,
  recipients: Recipients,
  queue: Pick<Queue, "enqueue">,
): Promise<void> {
  const content = contentOf(header, await message.takeBody(), message.hasEmptyLine);
  try {
    await queue.enqueue([
      {
        id,
        sender: envelope.reversePath?.text ?? "",
        recipients: recipients.queued(envelope),
        prefix,
        content,
        body: message.eightBitBody || !isAscii(header) ? "8bitmime" : "7bit",
        smtputf8: envelope.smtputf8,
        requireTls: envelope.requireTls,
        envelopeId: envelope.envelopeId,
        returned: envelope.returned,
        account: null,
        kids: [],
        quarantined: action === "quarantine",
      },
    ]);
  } catch (error) {
    await content.file?.remove();
    throw error;
  }
}
