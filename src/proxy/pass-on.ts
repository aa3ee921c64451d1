import { describeMessage } from "../border/index.ts";
import { newMessageId } from "../queue/index.ts";
import type { ReceivedMessage } from "../reception/index.ts";
import { type Envelope, reply, type SessionInfo } from "../smtp/index.ts";
import type { Came, Findings, Job } from "./job.ts";
import type { NextHopTransaction } from "./next-hop-transaction.ts";
import type { Passed, PassedEvent } from "./proxy-event.ts";
import { type Copy, Relay, type Relayed } from "./relay.ts";
import type { Sender } from "./senders.ts";
import { messageKey, type SettledRecipients } from "./settled-recipients.ts";

/** A message that has come whole, and the transaction at the next hop that is open for it. */
export interface Arrived {
  readonly session: SessionInfo<Sender>;
  readonly envelope: Envelope;
  readonly message: ReceivedMessage;
  readonly opened: NextHopTransaction;
  /** Unix milliseconds: when MAIL came. */
  readonly began: number;
}

export interface PassingOn {
  readonly job: Job;
  /** A further transaction at the next hop, for a copy. */
  readonly begin: (copy: Copy) => NextHopTransaction;
  /** How many there may be beside one. */
  readonly room: () => number;
  readonly settled: SettledRecipients;
  readonly clock: { now(): number };
  readonly wait: (ms: number) => Promise<void>;
}

/** Works on a message and passes it on. What became of it, with the reply to its client. */
export async function passOn(arrived: Arrived, tools: PassingOn): Promise<PassedEvent> {
  const { session, envelope, message, opened, began } = arrived;
  const { job, settled, clock } = tools;
  const receivedAt = clock.now();
  const sender = job.senderOf?.(envelope) ?? null;
  const key = settled.isEmpty ? null : messageKey({ envelope, message }, sender);
  const recipients = envelope.recipients.filter(
    ({ text }) => key === null || !settled.has(key, text, receivedAt),
  );
  const came: Came = { id: newMessageId(receivedAt), session, envelope, recipients, message, receivedAt };
  const event = (facts: Facts, workedAt: number): PassedEvent => ({
    kind: "message",
    session,
    envelope,
    id: came.id,
    message: describeMessage(message),
    findings: facts.findings,
    passed: facts.relayed === null ? [] : passedOf(facts.relayed),
    reply: facts.reply,
    cause: facts.cause,
    receivedAt,
    took: {
      receiving: receivedAt - began,
      working: workedAt - receivedAt,
      relaying: facts.relayed && clock.now() - workedAt,
    },
  });
  if (recipients.length === 0) {
    const told = reply(250, "2.0.0", "Ok: the next hop has it for all recipients already");
    if (key !== null) settled.forget(key);
    return event({ reply: told, cause: null, findings: null, relayed: null }, receivedAt);
  }
  const work = await job.work(came);
  const workedAt = clock.now();
  if (work.kind === "answer") return event({ ...work, relayed: null }, workedAt);
  try {
    const { begin, room, wait } = tools;
    const relayed = await new Relay(work.copies, { begin, opened, room, wait }).run();
    work.taken?.(relayed.accepted);
    if (isBest(work.findings)) {
      settle(came, sender, relayed, clock.now() - receivedAt > DOUBTFUL_AFTER_MS, settled);
    }
    const { reply: told, cause } = relayed;
    return event({ reply: told, cause, findings: work.findings, relayed }, workedAt);
  } finally {
    await work.release?.();
  }
}

type Facts = Pick<PassedEvent, "reply" | "cause" | "findings"> & { readonly relayed: Relayed | null };

/** A client may have gone by then (Postfix after 100 s), which is not seen before it is talked to (RFC 1047). */
const DOUBTFUL_AFTER_MS = 30_000;

/** What was marked keeps nothing away that comes from a better place. */
function isBest(findings: Findings): boolean {
  return findings.kind !== "verified" || findings.decision.action === "deliver";
}

/**
 * Remembers who has it while others have not, or while its client may not know: either comes again. Without Message-ID a client
 * that was told 250 may mean another one: devices say the same again and again.
 */
function settle(
  came: Came,
  sender: Sender | null,
  { reply: told, accepted }: Relayed,
  isDoubtful: boolean,
  settled: SettledRecipients,
): void {
  if (told.code < 300 && !isDoubtful) {
    if (!settled.isEmpty) settled.forget(messageKey(came, sender));
  } else if (accepted.length > 0 && (told.code >= 300 || came.message.scanned.index.has("message-id"))) {
    const recipients = accepted.flatMap((copy) => copy.recipients.map(({ text }) => text));
    settled.add(messageKey(came, sender), recipients, came.receivedAt);
  }
}

function passedOf({ outcomes }: Relayed): Passed[] {
  return [...outcomes].map(([{ id, recipients }, outcome]): Passed => {
    const paths = recipients.map(({ text }) => text);
    if (outcome.ok) {
      const { code, enhanced, lines } = outcome.reply;
      return { id, recipients: paths, outcome: "delivered", code, enhanced, text: lines.join(" ") };
    }
    const { status, code, enhanced, text } = outcome.failure;
    return {
      id,
      recipients: paths,
      outcome: status === "deferred" ? "deferred" : "failed",
      code,
      enhanced,
      text,
    };
  });
}
