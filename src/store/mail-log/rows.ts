// How entries become rows, and rows entries.
import type {
  DeliveredEntry,
  LoggedReceived,
  LoggedSubmitted,
  ReceivedEntry,
  SubmittedEntry,
} from "../../mail-log/index.ts";
import { integer, text } from "../sql/columns.ts";
import type { Row, SqlValue } from "../sql/program.ts";

/** Recipients or copies of a message to very many; all of them can be searched for. */
const WRITTEN = 100;

export const INSERT_RECEIVED = `INSERT INTO log_received (id, at, session, client, helo, reverse_path, recipients,
  recipient_count, from_addresses, message_id, octets, result, reason, identity, kid, align, rcpt, trust, forwarder, stapled,
  detail, spf, dkim, dmarc, arc, policy, policy_domain, stage, action, decided_by, because, repeated, code, enhanced,
  receiving_ms, verifying_ms, queueing_ms)`;

export const INSERT_SUBMITTED = `INSERT INTO log_submitted (id, at, session, client, account, identity, kids,
  message_id_hash, copies, recipient_count, octets)`;

export const INSERT_DELIVERED = "INSERT INTO log_delivered (message, at, recipient, outcome, detail)";

export function receivedRow(entry: ReceivedEntry): SqlValue[] {
  const { took } = entry;
  return [
    entry.id,
    entry.at,
    entry.session,
    entry.client,
    storable(entry.helo),
    storable(entry.reversePath),
    JSON.stringify(entry.recipients.slice(0, WRITTEN).map(storable)),
    entry.recipients.length,
    JSON.stringify(entry.from.map(storable)),
    orNull(entry.messageId),
    entry.octets,
    entry.result,
    entry.reason,
    orNull(entry.identity),
    orNull(entry.kid),
    entry.align,
    entry.rcpt,
    entry.trust,
    orNull(entry.forwarder),
    entry.stapled ? 1 : 0,
    storable(entry.detail),
    entry.spf,
    entry.dkim,
    entry.dmarc,
    entry.arc,
    entry.policy,
    entry.policyDomain,
    entry.stage,
    entry.action,
    entry.decidedBy,
    entry.because,
    entry.repeated ? 1 : 0,
    entry.code,
    entry.enhanced,
    Math.round(took.receiving),
    Math.round(took.verifying),
    took.queueing === null ? null : Math.round(took.queueing),
  ];
}

export function receivedOf(row: Row): LoggedReceived {
  return {
    direction: "in",
    id: text(row, "id"),
    at: integer(row, "at"),
    session: text(row, "session"),
    client: text(row, "client"),
    helo: text(row, "helo"),
    reversePath: text(row, "reverse_path"),
    recipients: JSON.parse(text(row, "recipients")) as string[],
    recipientCount: integer(row, "recipient_count"),
    from: JSON.parse(text(row, "from_addresses")) as string[],
    messageId: maybe(row, "message_id"),
    octets: integer(row, "octets"),
    result: text(row, "result"),
    reason: maybe(row, "reason"),
    identity: maybe(row, "identity"),
    kid: maybe(row, "kid"),
    align: maybe(row, "align"),
    rcpt: maybe(row, "rcpt"),
    trust: maybe(row, "trust"),
    forwarder: maybe(row, "forwarder"),
    stapled: row.stapled === 1,
    detail: text(row, "detail"),
    spf: maybe(row, "spf"),
    dkim: maybe(row, "dkim"),
    dmarc: maybe(row, "dmarc"),
    arc: maybe(row, "arc"),
    policy: text(row, "policy"),
    policyDomain: maybe(row, "policy_domain"),
    stage: text(row, "stage"),
    action: text(row, "action"),
    decidedBy: text(row, "decided_by"),
    because: maybe(row, "because"),
    repeated: row.repeated === 1,
    code: integer(row, "code"),
    enhanced: text(row, "enhanced"),
    took: {
      receiving: integer(row, "receiving_ms"),
      verifying: integer(row, "verifying_ms"),
      queueing: row.queueing_ms as number | null,
    },
  };
}

export function submittedRow(entry: SubmittedEntry): SqlValue[] {
  return [
    entry.id,
    entry.at,
    entry.session,
    entry.client,
    entry.account,
    storable(entry.identity),
    JSON.stringify(entry.kids),
    entry.messageIdHash,
    JSON.stringify(entry.copies.slice(0, WRITTEN)),
    entry.recipients.length,
    entry.octets,
  ];
}

export function submittedOf(row: Row): LoggedSubmitted {
  return {
    direction: "out",
    id: text(row, "id"),
    at: integer(row, "at"),
    session: text(row, "session"),
    client: text(row, "client"),
    account: text(row, "account"),
    identity: text(row, "identity"),
    kids: JSON.parse(text(row, "kids")) as string[],
    messageIdHash: maybe(row, "message_id_hash"),
    copies: JSON.parse(text(row, "copies")) as string[],
    recipientCount: integer(row, "recipient_count"),
    octets: integer(row, "octets"),
  };
}

export function deliveredRow({ id, at, recipient, outcome, detail }: DeliveredEntry): SqlValue[] {
  return [id, at, storable(recipient), outcome, storable(detail)];
}

export function deliveredOf(row: Row): DeliveredEntry {
  return {
    id: text(row, "message"),
    at: integer(row, "at"),
    recipient: text(row, "recipient"),
    outcome: row.outcome as DeliveredEntry["outcome"],
    detail: text(row, "detail"),
  };
}

function maybe(row: Row, column: string): string | null {
  return row[column] as string | null;
}

function orNull(fromOutside: string | null): string | null {
  return fromOutside === null ? null : storable(fromOutside);
}

/** Longer words of strangers are cut. */
const LONGEST = 1500;

/** What comes from the network may be long, and have octets in it that PostgreSQL does not take for text. */
function storable(fromOutside: string): string {
  const bounded = fromOutside.length > LONGEST ? `${fromOutside.slice(0, LONGEST - 1)}…` : fromOutside;
  return bounded.replaceAll("\0", "\u{fffd}").toWellFormed();
}
