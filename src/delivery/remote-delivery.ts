import { isAscii } from "node:buffer";
import { HeaderReader } from "../message/index.ts";
import type { LeasedMessage, QueuedRecipient } from "../queue/index.ts";
import type { DialTarget, Failure, OutgoingMessage, RecipientOutcome } from "../smtp/index.ts";
import type { ConnectionPool } from "./connection-pool.ts";
import { forwardPath } from "./forward-path.ts";
import { forEach, type RecipientResult, type Result } from "./result.ts";

/** RFC 5321 §4.5.3.1.8: every server takes this many in one transaction. */
const recipientsPerTransaction = 100;

/** Sends messages to other servers, the best place first. */
export class RemoteDelivery {
  readonly #pool: ConnectionPool;

  constructor(pool: ConnectionPool) {
    this.#pool = pool;
  }

  /** @param targets at least one, best first */
  async deliver(
    message: LeasedMessage,
    recipients: readonly QueuedRecipient[],
    targets: readonly DialTarget[],
    content: () => Promise<readonly Uint8Array[]>,
  ): Promise<RecipientResult[]> {
    const results: RecipientResult[] = [];
    for (let from = 0; from < recipients.length; from += recipientsPerTransaction) {
      const some = recipients.slice(from, from + recipientsPerTransaction);
      results.push(...(await this.#tryTargets(message, some, targets, content)));
    }
    return results;
  }

  /**
   * RFC 5321 §5.1: the next address is tried where one could not be talked to. What a server says of a recipient
   * or of the message holds for this attempt; and once the content was sent, another server could only make a double.
   */
  async #tryTargets(
    message: LeasedMessage,
    recipients: readonly QueuedRecipient[],
    targets: readonly DialTarget[],
    content: () => Promise<readonly Uint8Array[]>,
  ): Promise<RecipientResult[]> {
    const settled: RecipientResult[] = [];
    const unsettled = new Map<QueuedRecipient, Result>();
    let left = recipients;
    for (const target of targets) {
      const outcomes = await this.#tryTarget(target, message, left, content);
      const next: QueuedRecipient[] = [];
      for (const [position, recipient] of left.entries()) {
        const outcome = outcomes[position] as Outcome;
        const result = resultOf(outcome, target.host);
        if (!isElsewhere(outcome))
          settled.push({ ...result, index: recipient.index, address: recipient.address });
        else {
          next.push(recipient);
          // One place that may work later outweighs others that never will.
          if (unsettled.get(recipient)?.kind !== "deferred") unsettled.set(recipient, result);
        }
      }
      left = next;
      if (left.length === 0) break;
    }
    return [
      ...settled,
      ...left.flatMap((recipient) => forEach([recipient], unsettled.get(recipient) as Result)),
    ];
  }

  async #tryTarget(
    target: DialTarget,
    message: LeasedMessage,
    recipients: readonly QueuedRecipient[],
    content: () => Promise<readonly Uint8Array[]>,
  ): Promise<Outcome[]> {
    for (let fresh = false; ; fresh = true) {
      const lease = await this.#pool.lease(target, fresh);
      if (!lease.ok) return recipients.map(() => lease.failure);
      let outcomes: RecipientOutcome[];
      try {
        outcomes = await lease.client.send(await outgoing(message, recipients, content));
      } finally {
        this.#pool.giveBack(target, lease.client);
      }
      // The server left a kept connection in the very moment we took it up again: that is no answer.
      if (!lease.reused || !outcomes.every(isStale)) return outcomes;
    }
  }
}

type Outcome = Failure | RecipientOutcome;

async function outgoing(
  message: LeasedMessage,
  recipients: readonly QueuedRecipient[],
  content: () => Promise<readonly Uint8Array[]>,
): Promise<OutgoingMessage> {
  const pieces = await content();
  const reversePath = forwardPath(message.sender);
  const paths = recipients.map(({ address }) => forwardPath(address));
  return {
    reversePath,
    recipients: paths.map((address) => ({ address })),
    content: asContent(pieces, message.size),
    octets: message.size,
    eightBit: message.body === "8bitmime",
    smtputf8: message.smtputf8 && needsSmtpUtf8([reversePath, ...paths], pieces),
  };
}

/**
 * Some clients ask for SMTPUTF8 whether they need it or not. What is ASCII in envelope and header can go on to servers
 * without it (RFC 6531 §3.6).
 */
function needsSmtpUtf8(paths: readonly string[], pieces: readonly Uint8Array[]): boolean {
  if (!paths.every((path) => isAscii(Buffer.from(path)))) return true;
  const header = new HeaderReader();
  for (const piece of pieces) header.write(piece);
  return !isAscii(header.finish());
}

/** Small messages go out in one piece; large ones are not copied. */
function asContent(pieces: readonly Uint8Array[], size: number): OutgoingMessage["content"] {
  return size <= 1 << 18 ? Buffer.concat(pieces) : slices(pieces);
}

async function* slices(pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  for (const piece of pieces) {
    for (let at = 0; at < piece.length; at += 1 << 18) yield piece.subarray(at, at + (1 << 18));
  }
}

function resultOf({ status, stage, code, enhanced, text }: Outcome, host: string): Result {
  const remote = code === null ? null : host;
  if (status === "delivered") return { kind: "delivered", code, enhanced, text, remote };
  // A refusal of all our mail (554 to the connection) is mostly about this host's standing, which changes; 521
  // says that no mail is taken there at all (RFC 7504 §3).
  const permanent = status === "refused" && (!isConnectionStage(stage) || code === 521);
  return { kind: permanent ? "failed" : "deferred", code, enhanced, text, remote };
}

function isElsewhere({ status, stage, code }: Outcome): boolean {
  if (isConnectionStage(stage)) return true;
  return status === "deferred" && stage !== "content" && (code === null || code === 421);
}

function isConnectionStage(stage: Outcome["stage"]): boolean {
  return !["mail", "rcpt", "data", "content"].includes(stage);
}

function isStale({ status, stage, code }: Outcome): boolean {
  return status === "deferred" && stage === "mail" && (code === null || code === 421);
}
