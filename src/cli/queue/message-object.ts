import type { ListedMessage } from "../../queue/index.ts";

/** What programs are told of a queued message. */
export const messageFields = {
  id: "names it in replies, Received fields and logs",
  state: "queued, leased (delivery is at it), or held",
  held_because: "why it is held; null: it is not",
  pending_order: "what an operator ordered and is still to be done: hold, bounce or remove; null: nothing",
  destination: "the domain of its recipients",
  sender: "envelope sender; empty for reports",
  account: "id of the account that submitted it; null: it came from elsewhere",
  kids: "ids of the keys that signed it",
  size: "octets",
  enqueued_at: "when it came",
  expires_at: "when it is given up",
  due_at: "when it is tried next, or the lease of it ends; null: held",
  attempts: "how often it was tried",
  warned: "whether its sender was told of the delay",
  require_tls: "whether it rather bounces than goes without authenticated TLS (REQUIRETLS)",
  recipients:
    "of each: address, state (pending, deferred, delivered, failed), detail (what the last attempt came to; null)",
} as const;

export function messageObject(message: ListedMessage): Record<keyof typeof messageFields, unknown> {
  return {
    id: message.id,
    state: message.state,
    held_because: message.heldBecause,
    pending_order: message.pendingOrder,
    destination: message.destination,
    sender: message.sender,
    account: message.account,
    kids: message.kids,
    size: message.size,
    enqueued_at: seconds(message.enqueuedAt),
    expires_at: seconds(message.expiresAt),
    due_at: seconds(message.dueAt),
    attempts: message.attempts,
    warned: message.warned,
    require_tls: message.requireTls,
    recipients: message.recipients.map(({ address, state, detail }) => ({ address, state, detail })),
  };
}

/** Unix seconds of Unix milliseconds. */
export function seconds(ms: number | null): number | null {
  return ms === null ? null : Math.floor(ms / 1000);
}
