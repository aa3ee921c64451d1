import { type Border, type Judged, replayKeys } from "../border/index.ts";
import { QueueStoreError } from "../queue/index.ts";
import { storageReply } from "../reception/index.ts";
import { reply } from "../smtp/index.ts";
import { SpoolError } from "../spool/index.ts";
import type { Decision } from "../verification/index.ts";
import { enqueue, isQueued } from "./enqueue.ts";
import type { Incoming } from "./incoming.ts";
import type { MxEvent } from "./mx-event.ts";
import type { MxOptions } from "./mx-options.ts";
import { quarantineNote } from "./quarantine-note.ts";
import type { Recipients } from "./recipients.ts";
import { record } from "./record.ts";

export interface CarryingOut extends Pick<MxOptions, "hostname" | "queue" | "policy" | "quarantine"> {
  readonly border: Border;
  readonly recipients: Recipients;
  /** @param repeated it was delivered already (RPL-2) */
  readonly decide: (repeated: boolean) => Decision;
  /** Unix milliseconds. */
  readonly now: number;
}

/** Does what was decided, and tells what the client is answered. */
export async function carryOut(
  came: Incoming,
  judged: Judged,
  { border, hostname, queue, policy, quarantine, recipients, decide, now }: CarryingOut,
): Promise<Pick<MxEvent, "decision" | "repeated" | "reply" | "queuedAs" | "cause">> {
  const decision = decide(false);
  if (!isQueued(decision)) return unqueued(came, decision, false);
  // What is kept from its recipients was not delivered, and may come again.
  const remembers = policy.replays !== "accept" && decision.action !== "quarantine";
  const { header } = came.message.scanned;
  const keysOf = remembers ? replayKeys(judged.verdict, header, decision.action === "tag") : () => null;
  try {
    const enqueued = await enqueue(came, {
      recipients: recipients.queued(came.envelope),
      decision,
      decisionOnRepeat: () => decide(true),
      keysOf,
      record: (decided) => record(came, judged, decided, { border, hostname, date: new Date(now) }),
      noteOf: (decided) => {
        const isKept = decided.action === "quarantine" && quarantine.into === "store";
        return {
          suspicious: decided.action === "quarantine" && !isKept,
          quarantine: isKept ? quarantineNote(came, judged, decided, now + quarantine.keepMs) : null,
        };
      },
      queue,
    });
    if (!enqueued.queued) return unqueued(came, enqueued.decision, enqueued.repeated);
    const told = reply(250, "2.0.0", `Ok: queued as ${came.id}`);
    return { ...enqueued, reply: told, queuedAs: came.id, cause: null };
  } catch (error) {
    if (!(error instanceof QueueStoreError || error instanceof SpoolError)) throw error;
    return { decision, repeated: false, reply: storageReply(error), queuedAs: null, cause: error };
  }
}

function unqueued(
  { id }: Incoming,
  decision: Decision,
  repeated: boolean,
): Pick<MxEvent, "decision" | "repeated" | "reply" | "queuedAs" | "cause"> {
  const { reply: answer } = decision;
  // Whoever is asked why finds the message by its id in the mail log.
  const told =
    answer === null
      ? reply(250, "2.0.0", "Ok")
      : reply(answer.code, answer.enhanced, `${answer.text} (${id})`);
  return { decision, repeated, reply: told, queuedAs: null, cause: null };
}
