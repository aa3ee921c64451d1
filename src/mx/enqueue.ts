import { isAscii } from "node:buffer";
import type { ReplayKeys } from "../border/index.ts";
import {
  type NewMessage,
  type NewRecipient,
  newMessageId,
  type Queue,
  QueueStoreError,
  type SeenKey,
} from "../queue/index.ts";
import { contentOf } from "../reception/index.ts";
import type { Decision } from "../verification/index.ts";
import type { Incoming } from "./incoming.ts";
import type { Recorded } from "./record.ts";

export interface Enqueueing {
  readonly recipients: readonly NewRecipient[];
  readonly decision: Decision;
  /** What is done with it for those who got it already (RPL-2). */
  readonly decisionOnRepeat: () => Decision;
  /** By what the delivery to an address is remembered; null: by nothing, and then it may come again. */
  readonly keysOf: (address: string) => ReplayKeys | null;
  readonly record: (decision: Decision) => Recorded;
  /** What the queue keeps of it beside its octets. */
  readonly noteOf: (decision: Decision) => Pick<NewMessage, "suspicious" | "quarantine">;
  readonly queue: Pick<Queue, "enqueueOnce" | "seen">;
}

/** Some recipients of a message, and what is done with it for them. */
interface Part {
  readonly recipients: readonly NewRecipient[];
  readonly decision: Decision;
}

/** What became of it; nothing is queued where the decision says so. */
export interface Enqueued {
  /** That on those who had not got it; where all had, that on them. */
  readonly decision: Decision;
  /** Some had got it already. */
  readonly repeated: boolean;
  readonly queued: boolean;
}

/** So often it is found that nobody had got it after all: somebody took it back, or its time is over. */
const FRUITLESS = 3;

/** Queues the message, for those who had it already as their decision says; rejects with a QueueStoreError or SpoolError. */
export async function enqueue(came: Incoming, options: Enqueueing): Promise<Enqueued> {
  const { decision, queue } = options;
  const body = await came.message.takeBody();
  let taken = false;
  try {
    const keyed = options.recipients.flatMap((recipient) => {
      const keys = options.keysOf(recipient.address);
      return keys === null ? [] : [{ recipient, ...keys }];
    });
    const before = await seenAmong(
      keyed.flatMap(({ recipient, better }) => (better === null ? [] : [{ recipient, key: better }])),
      queue,
    );
    for (let fruitless = 0; fruitless < FRUITLESS; fruitless++) {
      const fresh = options.recipients.filter((recipient) => !before.has(recipient));
      const parts: Part[] = [{ recipients: fresh, decision }];
      if (before.size > 0) parts.push({ recipients: [...before], decision: options.decisionOnRepeat() });
      const there = parts.filter(({ recipients }) => recipients.length > 0);
      const told = { decision: (there[0] as Part).decision, repeated: before.size > 0 };
      const accepted = there.filter((part) => isQueued(part.decision));
      if (accepted.length === 0) return { ...told, queued: false };
      const open = keyed.flatMap(({ recipient, own }) =>
        before.has(recipient) ? [] : [{ recipient, key: own }],
      );
      const keys = open.map(({ key }) => key);
      const outcome = await queue.enqueueOnce(messagesOf(came, accepted, body, options), keys);
      taken = outcome.kind === "queued";
      if (taken) return { ...told, queued: true };
      const seen = await seenAmong(open, queue);
      for (const recipient of seen) before.add(recipient);
      if (seen.size > 0) fruitless = -1;
    }
    throw new QueueStoreError("busy", new Error("the same message comes on several connections"));
  } finally {
    if (!taken) await body.file?.remove();
  }
}

/** Those whose key is remembered. */
async function seenAmong(
  keyed: readonly { readonly recipient: NewRecipient; readonly key: SeenKey }[],
  queue: Enqueueing["queue"],
): Promise<Set<NewRecipient>> {
  if (keyed.length === 0) return new Set();
  const seen = await queue.seen(keyed.map(({ key }) => key));
  return new Set(keyed.flatMap(({ recipient }, index) => (seen[index] ? [recipient] : [])));
}

/** One for each part, over one content. */
function messagesOf(
  { id, envelope, message, receivedAt }: Incoming,
  parts: readonly Part[],
  body: Parameters<typeof contentOf>[1],
  { record, noteOf }: Enqueueing,
): NewMessage[] {
  const recorded = parts.map(({ decision }) => record(decision));
  const { header } = recorded[0] as Recorded;
  const content = contentOf(header, body, message.hasEmptyLine);
  return parts.map(({ decision, recipients }, index) => ({
    id: index === 0 ? id : newMessageId(receivedAt),
    sender: envelope.reversePath?.text ?? "",
    recipients,
    prefix: (recorded[index] as Recorded).prefix,
    content,
    body: message.eightBitBody || !isAscii(header) ? ("8bitmime" as const) : ("7bit" as const),
    smtputf8: envelope.smtputf8,
    requireTls: envelope.requireTls,
    envelopeId: envelope.envelopeId,
    returned: envelope.returned,
    account: null,
    kids: [],
    ...noteOf(decision),
  }));
}

/** Whether a decision leaves something to queue. */
export function isQueued({ action, reply }: Decision): boolean {
  return reply === null && action !== "discard";
}
