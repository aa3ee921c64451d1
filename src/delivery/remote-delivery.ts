import type { LeasedMessage, QueuedRecipient, StoredContent } from "../queue/index.ts";
import type { Failure, RecipientOutcome } from "../smtp/index.ts";
import type { ConnectionPool } from "./connection-pool.ts";
import { outgoingMessage } from "./outgoing-message.ts";
import { describe, forEach, ownResult, type RecipientResult, type Result } from "./result.ts";
import { tlsFact, type Via } from "./security.ts";
import type { Target } from "./target.ts";

/** What an attempt tells of its destination, apart from the message. */
export type Reach =
  /** A server there took up the mail, whatever it said of it. */
  | { readonly kind: "worked" }
  /** Nobody there could be talked to. */
  | { readonly kind: "failed"; readonly detail: string }
  /** There was no connection to be had: nothing was tried. */
  | { readonly kind: "busy" }
  /** The account that sent it was stopped while it waited for its turn: whoever has not got it gets nothing. */
  | { readonly kind: "stopped"; readonly because: string }
  | { readonly kind: "unknown" };

/** What is sent, read or asked for when its turn has come. */
export interface Outgoing {
  readonly content: () => Promise<StoredContent>;
  /** Why it must not go; null: it may. */
  readonly problem: () => Promise<string | null>;
}

export interface RemoteOutcome {
  readonly results: readonly RecipientResult[];
  readonly reach: Reach;
}

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
    targets: readonly Target[],
    outgoing: Outgoing,
  ): Promise<RemoteOutcome> {
    const results: RecipientResult[] = [];
    const reaches: Reach[] = [];
    let left = recipients;
    while (left.length > 0) {
      const some = left.slice(0, recipientsPerTransaction);
      const attempt = new TargetSearch(this.#pool, message, outgoing);
      const answered = await attempt.run(some, targets);
      reaches.push(attempt.reach);
      const settled = answered.filter((result) => !isForAnother(result));
      // Where nobody was settled another transaction would be no other one.
      const done = settled.length > 0 ? settled : answered;
      results.push(...done);
      if (attempt.reach.kind === "stopped" || done.length === 0) break;
      const over = new Set(done.map(({ index }) => index));
      left = [...some.filter(({ index }) => !over.has(index)), ...left.slice(some.length)];
    }
    return { results, reach: mostTelling(reaches) };
  }
}

/** RFC 5321 §4.5.3.1.10: this recipient is to come in another transaction, at once. */
function isForAnother({ kind, code, enhanced }: Result): boolean {
  return kind === "deferred" && code === 452 && enhanced === "4.5.3";
}

/** Of an attempt in several transactions: only where all found the servers busy was nothing tried. */
function mostTelling(reaches: readonly Reach[]): Reach {
  for (const kind of ["stopped", "worked", "failed", "unknown"] as const) {
    const found = reaches.find((reach) => reach.kind === kind);
    if (found !== undefined) return found;
  }
  return { kind: "busy" };
}

/**
 * One transaction's way from target to target. RFC 5321 §5.1: the next address is tried where one could not be talked
 * to. What a server says of a recipient or of the message holds for this attempt; and once the content was sent, another
 * server could only make a double.
 */
class TargetSearch {
  readonly #pool: ConnectionPool;
  readonly #message: LeasedMessage;
  readonly #outgoing: Outgoing;
  reach: Reach = { kind: "unknown" };

  constructor(pool: ConnectionPool, message: LeasedMessage, outgoing: Outgoing) {
    this.#pool = pool;
    this.#message = message;
    this.#outgoing = outgoing;
  }

  async run(recipients: readonly QueuedRecipient[], targets: readonly Target[]): Promise<RecipientResult[]> {
    const settled: RecipientResult[] = [];
    const unsettled = new Map<QueuedRecipient, Result>();
    let left = recipients;
    for (const target of targets) {
      const answers = await this.#try(target, left);
      if (answers === "stopped") return settled;
      if (answers === "busy") {
        // Less preferred servers are for when this one does not answer, not for when it has much to do.
        for (const recipient of left) {
          if (!unsettled.has(recipient)) unsettled.set(recipient, noConnection(target));
        }
        break;
      }
      const next: QueuedRecipient[] = [];
      for (const [position, recipient] of left.entries()) {
        const { outcome, via, onward } = answers[position] as Answer;
        const result = resultOf(outcome, target, via, onward);
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

  async #try(
    target: Target,
    recipients: readonly QueuedRecipient[],
  ): Promise<readonly Answer[] | "busy" | "stopped"> {
    const { destination, destinationFailures } = this.#message;
    const trial = destinationFailures > 0;
    for (let fresh = false; ; fresh = true) {
      const lease = await this.#pool.lease(target, destination, { fresh, trial });
      if (lease.kind === "busy") {
        if (this.reach.kind === "unknown") this.reach = { kind: "busy" };
        return "busy";
      }
      if (lease.kind === "failed") {
        const { failure } = lease;
        if (this.reach.kind === "unknown") {
          this.reach = { kind: "failed", detail: describe(resultOf(failure, target, null)) };
        }
        return recipients.map(() => ({ outcome: failure, via: null }));
      }
      const { client, reused } = lease;
      let outcomes: RecipientOutcome[] = [];
      try {
        const content = await this.#outgoing.content();
        const because = await this.#outgoing.problem();
        if (because !== null) {
          this.reach = { kind: "stopped", because };
          return "stopped";
        }
        outcomes = await client.send(
          await outgoingMessage(this.#message, recipients, content, target.protocol),
        );
      } finally {
        this.#pool.giveBack(target, this.#message.destination, client, outcomes.some(isBrokenOff));
      }
      // The server left a kept connection in the very moment we took it up again: that is no answer.
      if (reused && outcomes.every(isStale)) continue;
      if (outcomes.some((outcome) => !isBrokenOff(outcome))) this.reach = { kind: "worked" };
      const via = viaOf(target, client.tls !== null);
      const onward = target.protocol === "lmtp" ? "mailbox" : client.extensions.has("DSN") ? "dsn" : "no-dsn";
      return outcomes.map((outcome) => ({ outcome, via, onward }));
    }
  }
}

type Outcome = Failure | RecipientOutcome;

interface Answer {
  readonly outcome: Outcome;
  /** Null: there was no connection. */
  readonly via: Via | null;
  readonly onward?: NonNullable<Result["onward"]>;
}

function viaOf({ place, security }: Target, isEncrypted: boolean): Via {
  const address = place.path ?? place.address;
  return { host: place.host, address, tls: tlsFact(security, isEncrypted) };
}

function noConnection({ place }: Target): Result {
  // RFC 3463 §3.5: X.4.5 is congestion.
  return ownResult("4.4.5", `all connections to ${place.host} are in use`);
}

function resultOf(
  { status, stage, code, enhanced, text }: Outcome,
  { place }: Target,
  via: Via | null,
  onward?: Result["onward"],
): Result {
  const said = { code, enhanced, text, remote: code === null ? null : place.host, ...(via && { via }) };
  if (status === "delivered") return { kind: "delivered", ...said, ...(onward && { onward }) };
  // A refusal of all our mail (554 to the connection) is mostly about this host's standing, which changes; 521
  // says that no mail is taken there at all (RFC 7504 §3).
  const permanent = status === "refused" && (!isConnectionStage(stage) || code === 521);
  return { kind: permanent ? "failed" : "deferred", ...said };
}

/** What this host does not offer and another of the domain may: REQUIRETLS, 8BITMIME, SMTPUTF8. */
const lacks = new Set(["5.7.30", "5.7.10", "5.6.3", "5.6.7"]);

function isElsewhere({ status, stage, code, enhanced }: Outcome): boolean {
  if (isConnectionStage(stage)) return true;
  if (status === "refused") return code === null && lacks.has(enhanced);
  return isBrokenOff({ status, stage, code }) && stage !== "content";
}

/** The server went away, or sends us away. */
function isBrokenOff({ status, code }: Pick<Outcome, "status" | "stage" | "code">): boolean {
  return status === "deferred" && (code === null || code === 421);
}

function isConnectionStage(stage: Outcome["stage"]): boolean {
  return !["mail", "rcpt", "data", "content"].includes(stage);
}

function isStale({ status, stage, code }: Outcome): boolean {
  return status === "deferred" && stage === "mail" && (code === null || code === 421);
}
