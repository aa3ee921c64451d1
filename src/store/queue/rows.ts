// How rows of the queue's tables become messages, and messages rows.
import type {
  LeasedMessage,
  ListedMessage,
  Notify,
  PendingOrder,
  QuarantineNote,
  QueuedRecipient,
  RecipientState,
  StoredMessage,
} from "../../queue/index.ts";
import { integer, text } from "../sql/columns.ts";
import type { Row, SqlValue } from "../sql/program.ts";

/** What every program looks at that changes what becomes of a message. */
export const FATE =
  "id, state, destination, due_at, wake_at, lease_owner, lease, warned, pending_order, held_because, shared_content";

/** What a delivery has to know. */
export const LEASED = `${FATE}, attempts, size, enqueued_at, expires_at, sender, account, kids, body, smtputf8,
  require_tls, quarantined, envelope_id, returned`;

export const RECIPIENT = "message, position, state, address, notify, original_recipient, detail";

export const INSERT_MESSAGE = `INSERT INTO message (id, state, destination, due_at, wake_at, lease_owner, lease, attempts,
  warned, size, enqueued_at, expires_at, sender, account, kids, body, smtputf8, require_tls, quarantined, envelope_id,
  returned, shared_content)`;

export const INSERT_RECIPIENT =
  "INSERT INTO recipient (message, position, state, address, notify, original_recipient)";

export function messageRow(message: StoredMessage, size: number, sharedContent: string | null): SqlValue[] {
  const { lease } = message;
  return [
    message.id,
    stateOf(message),
    message.destination,
    message.enqueuedAt,
    message.wakeAt,
    lease?.owner ?? null,
    lease === null ? 0 : 1,
    0,
    0,
    size,
    message.enqueuedAt,
    message.expiresAt,
    message.sender,
    message.account,
    message.kids.length === 0 ? null : JSON.stringify(message.kids),
    message.body,
    message.smtputf8 ? 1 : 0,
    message.requireTls ? 1 : 0,
    message.suspicious ? 1 : 0,
    message.envelopeId,
    message.returned,
    sharedContent,
  ];
}

function stateOf({ quarantine, lease }: StoredMessage): ListedMessage["state"] {
  if (quarantine != null) return "quarantined";
  return lease === null ? "queued" : "leased";
}

export function recipientRows({ id, recipients }: StoredMessage): SqlValue[][] {
  return recipients.map(({ address, notify, originalRecipient }, position) => [
    id,
    position,
    "pending",
    address,
    notify === null ? null : notify.join(","),
    originalRecipient,
  ]);
}

/** A row of {@link RECIPIENT}. */
export function recipientOf<State extends RecipientState>(
  row: Row,
): Omit<QueuedRecipient, "state"> & { readonly state: State } {
  const notify = row.notify as string | null;
  return {
    index: integer(row, "position"),
    address: text(row, "address"),
    notify: notify === null ? null : (notify.split(",") as Notify[]),
    originalRecipient: row.original_recipient as string | null,
    state: row.state as State,
    detail: row.detail as string | null,
  };
}

/** A row of {@link LEASED} that is leased now. */
export function leasedOf(
  row: Row,
  recipients: readonly QueuedRecipient[],
  rest: Pick<LeasedMessage, "purpose" | "destinationFailure" | "destinationFailures">,
): LeasedMessage {
  return {
    id: text(row, "id"),
    destination: text(row, "destination"),
    sender: text(row, "sender"),
    recipients,
    body: row.body as LeasedMessage["body"],
    smtputf8: row.smtputf8 === 1,
    requireTls: row.require_tls === 1,
    envelopeId: row.envelope_id as string | null,
    returned: row.returned as LeasedMessage["returned"],
    account: row.account as string | null,
    kids: kidsOf(row),
    suspicious: row.quarantined === 1,
    size: integer(row, "size"),
    enqueuedAt: integer(row, "enqueued_at"),
    expiresAt: integer(row, "expires_at"),
    warned: row.warned === 1,
    ...rest,
    lease: integer(row, "lease") + 1,
    attempts: integer(row, "attempts"),
  };
}

/** A row with `rests_until` of its destination and `until` of its owner, both null where there is none. */
export function listedOf(
  row: Row,
  recipients: ListedMessage["recipients"],
  quarantine: QuarantineNote | null,
): ListedMessage {
  return {
    id: text(row, "id"),
    state: row.state as ListedMessage["state"],
    heldBecause: row.state === "held" ? text(row, "held_because") : null,
    quarantine,
    pendingOrder: row.pending_order as PendingOrder | null,
    destination: text(row, "destination"),
    sender: text(row, "sender"),
    account: row.account as string | null,
    kids: kidsOf(row),
    size: integer(row, "size"),
    enqueuedAt: integer(row, "enqueued_at"),
    expiresAt: integer(row, "expires_at"),
    dueAt: listedDueAt(row),
    attempts: integer(row, "attempts"),
    warned: row.warned === 1,
    requireTls: row.require_tls === 1,
    recipients,
  };
}

function listedDueAt(row: Row): number | null {
  if (row.state === "held" || row.state === "quarantined") return null;
  if (row.state === "leased") return row.until as number | null;
  if (row.pending_order === "bounce") return integer(row, "wake_at");
  return Math.max(integer(row, "due_at"), (row.rests_until as number | null) ?? 0);
}

function kidsOf(row: Row): string[] {
  return row.kids === null ? [] : (JSON.parse(text(row, "kids")) as string[]);
}

/** Replies of other servers may have octets in them that PostgreSQL does not take for text. */
export function storable(forPeople: string): string {
  return forPeople.replaceAll("\0", "\u{fffd}").toWellFormed();
}
