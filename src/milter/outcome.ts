import { quarantinePacket } from "./answer-packets.ts";
import type { Dialogue } from "./dialogue.ts";
import { editPackets } from "./edit-packets.ts";
import type { MilterOutcome } from "./handler.ts";
import type { HeaderRecord } from "./header-record.ts";
import type { Agreement } from "./negotiation.ts";
import { packet } from "./packet.ts";
import { answer, answerOctets } from "./protocol.ts";

/**
 * Says what is to be changed about a message, before the answer.
 *
 * @param still whether anybody waits for it
 * @throws RangeError for what cannot be carried out, or the mail server does not allow
 */
export async function carryOut(
  outcome: MilterOutcome,
  header: HeaderRecord,
  agreement: Agreement,
  dialogue: Pick<Dialogue, "send" | "untilDrained">,
  still: () => boolean,
): Promise<void> {
  if (outcome.answer.kind === "refuse" || outcome.answer.kind === "discard") return;
  const { allows, leadingSpace } = agreement;
  const adds = outcome.edits.some((edit) => edit.kind === "prepend");
  const changes = outcome.edits.some((edit) => edit.kind !== "prepend");
  if (
    (adds && !allows.addHeaders) ||
    (changes && !allows.changeHeaders) ||
    (outcome.body !== null && !allows.changeBody) ||
    (outcome.quarantine !== null && !allows.quarantine)
  ) {
    throw new RangeError("the mail server does not let milters do that");
  }
  const edits = editPackets(outcome.edits, header, leadingSpace);
  if (outcome.body !== null) await replaceBody(outcome.body, dialogue, still);
  if (!still()) return;
  for (const edit of edits) {
    dialogue.send(edit);
    await dialogue.untilDrained();
    if (!still()) return;
  }
  // The last one: Postfix takes it for an answer, and what it holds against the message is to be complete.
  if (outcome.quarantine !== null) dialogue.send(quarantinePacket(outcome.quarantine));
}

async function replaceBody(
  body: AsyncIterable<Uint8Array>,
  dialogue: Pick<Dialogue, "send" | "untilDrained">,
  still: () => boolean,
): Promise<void> {
  let isEmpty = true;
  for await (const octets of body) {
    for (let at = 0; at < octets.length; at += answerOctets) {
      dialogue.send(packet(answer.replaceBody, octets.subarray(at, at + answerOctets)));
      await dialogue.untilDrained();
      if (!still()) return;
      isEmpty = false;
    }
  }
  if (isEmpty) throw new RangeError("the body that is to replace the message's is empty");
}
