import type { DescribedMessage } from "../border/index.ts";
import { type DeliveryEvent, describe, type RecipientResult } from "../delivery/index.ts";
import type { DeliveredEntry, MailLog, ReceivedEntry } from "../mail-log/index.ts";
import { addressText } from "../message/index.ts";
import type { MxEvent } from "../mx/index.ts";
import type { NeighbourResults } from "../neighbours/index.ts";
import type { ExpiredMessage, MessageId } from "../queue/index.ts";
import type { SubmissionEvent } from "../submission/index.ts";
import type { Decision, Verified } from "../verification/index.ts";

export function receivedEntry(event: MxEvent): ReceivedEntry {
  const { message, decision, repeated, took } = event;
  return { ...arrivalEntry(event), ...judgementWords(message, event, decision), repeated, took };
}

/** How a message came by SMTP, and what its client was told. */
export function arrivalEntry({
  id,
  session,
  envelope,
  reply,
  receivedAt,
}: Pick<MxEvent, "id" | "session" | "envelope" | "reply" | "receivedAt">): Pick<
  ReceivedEntry,
  "id" | "at" | "session" | "client" | "helo" | "reversePath" | "recipients" | "code" | "enhanced"
> {
  return {
    id,
    at: receivedAt,
    session: session.id,
    client: session.remoteAddress,
    helo: session.helo ?? "",
    reversePath: envelope.reversePath?.text ?? "",
    recipients: envelope.recipients.map(({ text }) => text),
    code: reply.code,
    enhanced: reply.enhanced ?? "",
  };
}

type Words =
  | "from"
  | "messageId"
  | "octets"
  | "result"
  | "reason"
  | "identity"
  | "kid"
  | "align"
  | "rcpt"
  | "trust"
  | "forwarder"
  | "stapled"
  | "detail"
  | "policy"
  | "policyDomain"
  | "stage"
  | "action"
  | "decidedBy"
  | "because";

/** What was found out of a message, and what is done about it, whoever brought it here. */
export function judgementWords(
  message: DescribedMessage,
  { verdict, policy, stapled, neighbours }: Verified,
  decision: Decision,
): Pick<ReceivedEntry, Words | keyof NeighbourWords> {
  return {
    from: message.from.map(addressText),
    messageId: message.messageId,
    octets: message.octets,
    result: verdict.result,
    reason: verdict.reason,
    identity: verdict.identity,
    kid: verdict.kid,
    align: verdict.align,
    rcpt: verdict.rcpt,
    trust: verdict.trust,
    forwarder: verdict.forwarder,
    stapled,
    detail: verdict.detail,
    ...neighbourWords(neighbours),
    policy: policy.wanted,
    policyDomain: policy.domain,
    stage: decision.stage,
    action: decision.action,
    decidedBy: decision.decidedBy,
    because: decision.because,
  };
}

type NeighbourWords = Pick<ReceivedEntry, "spf" | "dkim" | "dmarc" | "arc">;

function neighbourWords(neighbours: NeighbourResults | null): NeighbourWords {
  if (neighbours === null) return { spf: null, dkim: null, dmarc: null, arc: null };
  const { spf, dkim, dmarc, arc } = neighbours;
  const best = dkim.find(({ result }) => result === "pass") ?? dkim[0];
  return { spf: spf.result, dkim: best?.result ?? "none", dmarc: dmarc.result, arc: arc.result };
}

/** Writes down what users hand in. */
export function logSubmission(log: MailLog, event: SubmissionEvent): void {
  if (event.kind !== "queued") return;
  const { ids, session, client, account, identity, kids, messageIdHash, recipients, octets } = event;
  const [id] = ids;
  if (id === undefined) return;
  const at = Date.now();
  const entry = { id, at, session, client, account, identity, kids, messageIdHash, recipients, octets };
  log.submitted({ ...entry, copies: ids });
}

/** Writes down what became of messages' recipients. */
export function logDelivery(log: MailLog, event: DeliveryEvent): void {
  const at = Date.now();
  if (event.kind === "attempted") {
    const { id } = event.message;
    for (const result of event.results) {
      const { address: recipient } = result;
      const outcome = outcomeOf(result);
      const detail = describe(result) + (outcome === "forwarded" ? asText(event.passedOnAs) : "");
      log.delivered({ id, at, recipient, outcome, detail });
    }
  } else if (event.kind === "stopped") {
    const { id, recipients } = event.message;
    for (const { address: recipient } of recipients) {
      log.delivered({ id, at, recipient, outcome: event.fate, detail: event.because });
    }
  }
}

/** Writes down whose quarantined messages nobody released in time. */
export function logExpired(log: MailLog, messages: readonly ExpiredMessage[]): void {
  const at = Date.now();
  for (const { id, recipients } of messages) {
    for (const recipient of recipients) {
      log.delivered({
        id,
        at,
        recipient,
        outcome: "removed",
        detail: "nobody released it from quarantine in time",
      });
    }
  }
}

function outcomeOf({ kind, onward }: RecipientResult): DeliveredEntry["outcome"] {
  return kind === "delivered" && onward === "forwarded" ? "forwarded" : kind;
}

/** A list's post may have thousands. */
const NAMED = 50;

/** Under which ids it goes on, where there are several: the first is told anyway. */
function asText(ids: readonly MessageId[]): string {
  if (ids.length < 2) return "";
  const more = ids.length > NAMED ? ` and ${ids.length - NAMED} more` : "";
  return `; all of them: ${ids.slice(0, NAMED).join(", ")}${more}`;
}
