import type { LoggedMessage } from "../../mail-log/index.ts";

/** What programs are told of a message in the log. */
export const messageFields = {
  id: "names it in replies, Received fields and logs",
  direction:
    "in: by an MX from another server; out: handed in by a user. What is not known of such mail is null",
  at: "when its last octet had come",
  session: "of SMTP, as in the program's log",
  client: "network address of who brought it",
  helo: "what that one called itself",
  reverse_path: "envelope sender; empty for reports",
  from: "the mailboxes of From",
  recipients: "envelope recipients, at most 100 of them",
  recipient_count: "how many there are",
  message_id: "as in its header, at most 200 characters",
  message_id_hash: "of mail that was handed in, as in the audit log",
  account: "id of the account that handed it in",
  copies: "ids of all copies that were made, at most 100 of them",
  octets: "its size",
  result: "pass, neutral, none, fail, temperror, permerror",
  reason: "why it is no pass",
  detail: "the same for people",
  identity: "the account that signed",
  kids: "ids of the keys that signed",
  align: "how the identity stands to From: from, agent, sender",
  rcpt: "how the recipients stand to those that were signed for: match, unbound, forwarded, mismatch",
  trust: "how well the key server was authenticated: host, domain",
  forwarder: "who forwarded it with a signature of his own",
  stapled: "whether it brought the key statement along",
  spf: "result of SPF",
  dkim: "the best result of its DKIM signatures",
  dmarc: "result of DMARC",
  arc: "result of ARC",
  policy: "what the From domain wants of mail that is not signed: none, quarantine, reject",
  policy_domain: "where that is published",
  stage: "observe, enforce, require",
  action: "deliver, tag, quarantine, discard, reject, defer",
  decided_by: "stage, policy, override, trusted, dmarc, replay, bounce",
  because: "which setting, domain or trusted source decided",
  repeated: "whether it was delivered before",
  code: "of the reply to it",
  enhanced: "status code of the reply",
  receiving_ms: "milliseconds from MAIL to its last octet",
  verifying_ms: "milliseconds that finding out took",
  queueing_ms: "milliseconds until it was safe in the queue; null: it was not queued",
} as const;

type MessageObject = Record<keyof typeof messageFields, unknown>;

const unknown = Object.fromEntries(Object.keys(messageFields).map((field) => [field, null])) as MessageObject;

export function messageObject(message: LoggedMessage): MessageObject {
  const { id, direction, session, client, recipientCount, octets, identity } = message;
  const common = { ...unknown, id, direction, at: Math.floor(message.at / 1000), session, client };
  const known = { ...common, recipient_count: recipientCount, octets, identity };
  if (message.direction === "out") {
    const { messageIdHash, account, copies, kids } = message;
    return { ...known, message_id_hash: messageIdHash, account, copies, kids };
  }
  const { helo, from, recipients, result, reason, detail, kid, align, rcpt, trust, forwarder } = message;
  const { stapled, spf, dkim, dmarc, arc, policy, stage, action, because, repeated, code, enhanced } =
    message;
  return {
    ...known,
    ...{ helo, from, recipients, result, reason, detail, align, rcpt, trust, forwarder, stapled },
    ...{ spf, dkim, dmarc, arc, policy, stage, action, because, repeated, code, enhanced },
    reverse_path: message.reversePath,
    message_id: message.messageId,
    kids: kid === null ? [] : [kid],
    policy_domain: message.policyDomain,
    decided_by: message.decidedBy,
    receiving_ms: message.took.receiving,
    verifying_ms: message.took.verifying,
    queueing_ms: message.took.queueing,
  };
}
