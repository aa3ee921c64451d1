import { newMessageId } from "../queue/index.ts";
import type { DeliveredEntry, ReceivedEntry, SubmittedEntry } from "./index.ts";

/** An entry for a message that passed. */
export function received(at: number, rest: Partial<ReceivedEntry> = {}): ReceivedEntry {
  return {
    id: newMessageId(at),
    at,
    session: "s1",
    client: "192.0.2.1",
    helo: "mx.sender.test",
    reversePath: "alice@sender.test",
    recipients: ["bob@dest.test"],
    from: ["alice@sender.test"],
    messageId: "<1@sender.test>",
    octets: 2048,
    result: "pass",
    reason: null,
    identity: "alice@sender.test",
    kid: "AAAAAAAAAAAAAAAAAAAAAA",
    align: "from",
    rcpt: "match",
    trust: "host",
    forwarder: null,
    stapled: false,
    detail: "the signature holds",
    spf: null,
    dkim: null,
    dmarc: null,
    arc: null,
    policy: "none",
    policyDomain: null,
    stage: "enforce",
    action: "deliver",
    decidedBy: "stage",
    because: null,
    repeated: false,
    code: 250,
    enhanced: "2.0.0",
    took: { receiving: 12, verifying: 3, queueing: 1 },
    ...rest,
  };
}

/** A message that a user handed in, with one copy. */
export function submitted(at: number, rest: Partial<SubmittedEntry> = {}): SubmittedEntry {
  const id = newMessageId(at);
  return {
    id,
    at,
    session: "s2",
    client: "192.0.2.77",
    account: "a1",
    identity: "bob@dest.test",
    kids: ["BBBBBBBBBBBBBBBBBBBBBB"],
    messageIdHash: "0123",
    copies: [id],
    recipients: ["alice@sender.test"],
    octets: 2048,
    ...rest,
  };
}

/** A message that came to its mailbox. */
export function delivered(id: string, at: number, rest: Partial<DeliveredEntry> = {}): DeliveredEntry {
  return { id, at, recipient: "bob@dest.test", outcome: "delivered", detail: "into a mailbox", ...rest };
}
