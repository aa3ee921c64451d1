import { isAscii } from "node:buffer";
import type { Actions, Stage } from "../config/index.ts";
import {
  type Address,
  canonicalDomain,
  formatAuthenticationResults,
  parseAddress,
} from "../message/index.ts";
import { type MessageId, newMessageId, type Queue, QueueStoreError } from "../queue/index.ts";
import { MessageVerifier, type ScannedMessage, type Verdict } from "../signature/index.ts";
import {
  BufferedSink,
  busyReply,
  type DataSink,
  type Envelope,
  formatReceivedField,
  type Mailbox,
  OctetBudget,
  type Reply,
  reply,
  type SessionInfo,
  type SmtpHandler,
} from "../smtp/index.ts";
import {
  authenticationResult,
  type Decision,
  decideAction,
  type Verification,
} from "../verification/index.ts";
import { cleanContent, flagField } from "./clean-content.ts";

/** How mail to one hosted domain is treated. */
export interface DomainSettings {
  readonly stage: Stage;
  /** Overrides for this domain (ACT-8). */
  readonly actions: Actions;
}

/** Does this host take mail for an address? */
export type MailboxAnswer =
  | { readonly kind: "accepted"; readonly settings: DomainSettings }
  | { readonly kind: "unknown" }
  | { readonly kind: "not-hosted" };

/** What became of a message, for the log and the playground: nothing of its text. */
export interface MxEvent {
  readonly session: SessionInfo;
  readonly envelope: Envelope;
  readonly verdict: Verdict;
  /** The key came with the message instead of from a key server (STP-2). */
  readonly stapled: boolean;
  readonly decision: Decision;
  readonly reply: Reply;
  /** Null where the message was not queued. */
  readonly queuedAs: MessageId | null;
  /** What failed on our side; null where nothing did. */
  readonly cause: unknown;
}

export interface MxOptions {
  /** This host's name, in Received and as id in Authentication-Results. */
  readonly hostname: string;
  /** @param localPart canonical, unencoded */
  readonly mailbox: (localPart: string, domain: string) => MailboxAnswer;
  readonly verification: Pick<Verification, "verify">;
  /** The overrides for all domains (ACT-8). */
  readonly actions: Actions;
  readonly queue: Pick<Queue, "enqueue">;
  readonly clock?: { now(): number };
  /** Octets held for messages in all sessions together; further ones are answered 452. */
  readonly bufferOctets?: number;
  readonly onEvent?: (event: MxEvent) => void;
}

/** RFC 5321 §6.3: a message with this many Received fields runs in circles. */
const MAX_HOPS = 100;

/** The MX: every check is made inside the session, before the reply to DATA (VER-13); nothing bounces (ACT-2). */
export class MxHandler implements SmtpHandler {
  readonly #options: MxOptions;
  readonly #clock: { now(): number };
  readonly #budget: OctetBudget;

  constructor(options: MxOptions) {
    this.#options = options;
    this.#clock = options.clock ?? Date;
    this.#budget = new OctetBudget(options.bufferOctets ?? 256 << 20);
  }

  rcpt(_session: SessionInfo, recipient: Mailbox, envelope: Envelope): Reply | null {
    const answer = this.#lookUp(recipient);
    if (answer.kind === "not-hosted")
      return reply(550, "5.7.1", `Mail for <${recipient.text}> is not taken here`);
    if (answer.kind === "unknown") return reply(550, "5.1.1", `<${recipient.text}> is unknown here`);
    const [first] = envelope.recipients;
    const before = first && this.#lookUp(first);
    // One reply answers for all recipients of a message: those of a domain with other settings come separately.
    if (before?.kind === "accepted" && !sameSettings(before.settings, answer.settings)) {
      return reply(452, "4.5.3", "This recipient's domain is served in a transaction of its own");
    }
    return null;
  }

  data(session: SessionInfo, envelope: Envelope): DataSink | Reply {
    if (!this.#budget.hasRoomFor(envelope.declaredOctets ?? 0)) return busyReply;
    const verifier = new MessageVerifier();
    return new BufferedSink({
      budget: this.#budget,
      onPiece: (piece) => verifier.write(piece),
      accept: (pieces) => this.#judge(session, envelope, verifier.finish(), pieces),
    });
  }

  async #judge(
    session: SessionInfo,
    envelope: Envelope,
    message: ScannedMessage,
    pieces: readonly Uint8Array[],
  ): Promise<Reply> {
    if ((message.index.get("received")?.length ?? 0) >= MAX_HOPS) {
      return reply(554, "5.4.6", `This message has been through ${MAX_HOPS} servers: mail loop`);
    }
    const { verdict, policy, stapled } = await this.#options.verification.verify(
      message,
      envelope.recipients.map(addressOf),
    );
    const [first] = envelope.recipients;
    const answer = first && this.#lookUp(first);
    // The mailbox may have gone since RCPT; then the strict default stage decides.
    const settings =
      answer?.kind === "accepted" ? answer.settings : { stage: "enforce" as const, actions: {} };
    // The envelope has a say through its recipients only, never through its reverse path (NBR-3).
    const decision = decideAction(verdict, {
      stage: settings.stage,
      policy,
      overrides: [settings.actions, this.#options.actions],
    });
    const report = (answered: Reply, queuedAs: MessageId | null, cause: unknown = null): Reply => {
      this.#options.onEvent?.({
        session,
        envelope,
        verdict,
        stapled,
        decision,
        reply: answered,
        queuedAs,
        cause,
      });
      return answered;
    };
    if (decision.reply) {
      return report(reply(decision.reply.code, decision.reply.enhanced, decision.reply.text), null);
    }
    if (decision.action === "discard") return report(reply(250, "2.0.0", "Ok"), null);
    try {
      const id = await this.#enqueue(session, envelope, message, pieces, verdict, decision);
      return report(reply(250, "2.0.0", `Ok: queued as ${id}`), id);
    } catch (error) {
      if (!(error instanceof QueueStoreError)) throw error;
      const full = error.kind === "full";
      return report(
        full
          ? reply(452, "4.3.1", "The queue is full; try again later")
          : reply(451, "4.3.0", "The message cannot be stored now; try again later"),
        null,
        error,
      );
    }
  }

  async #enqueue(
    session: SessionInfo,
    envelope: Envelope,
    message: ScannedMessage,
    pieces: readonly Uint8Array[],
    verdict: Verdict,
    { action }: Decision,
  ): Promise<MessageId> {
    const { hostname } = this.#options;
    const now = this.#clock.now();
    const id = newMessageId(now);
    const results = formatAuthenticationResults(hostname, [authenticationResult(verdict)]);
    const received = formatReceivedField(session, { ...envelope, id }, { hostname, date: new Date(now) });
    const flagged = action === "tag" || action === "quarantine";
    const flag = flagged ? flagField(action, verdict.reason ?? verdict.result) : "";
    const content = cleanContent(pieces, message.header, hostname);
    await this.#options.queue.enqueue([
      {
        id,
        sender: envelope.reversePath?.text ?? "",
        recipients: envelope.recipients.map(({ text, notify, originalRecipient }) => ({
          address: text,
          notify,
          originalRecipient,
        })),
        // RFC 8601 §7.1: above the Received field it belongs to.
        prefix: Buffer.concat([results, Buffer.from(flag), Buffer.from(received)]),
        content: { inline: content, file: null },
        body: isAscii(content) ? "7bit" : "8bitmime",
        smtputf8: envelope.smtputf8,
        requireTls: envelope.requireTls,
        envelopeId: envelope.envelopeId,
        returned: envelope.returned,
        account: null,
        kids: [],
        quarantined: action === "quarantine",
      },
    ]);
    return id;
  }

  #lookUp(recipient: Mailbox): MailboxAnswer {
    const parsed = parseAddress(recipient.text);
    if (parsed.ok) return this.#options.mailbox(parsed.address.localPart, parsed.address.domain);
    // RFC 5321 §4.5.1: <Postmaster> without a domain is this host's.
    if (recipient.domain === "" && recipient.localPart.toLowerCase() === "postmaster") {
      return this.#options.mailbox("postmaster", this.#options.hostname);
    }
    const domain = canonicalDomain(recipient.domain);
    return domain === null ? { kind: "not-hosted" } : this.#options.mailbox(recipient.localPart, domain);
  }
}

function addressOf(recipient: Mailbox): Address | null {
  const parsed = parseAddress(recipient.text);
  return parsed.ok ? parsed.address : null;
}

function sameSettings(a: DomainSettings, b: DomainSettings): boolean {
  return a.stage === b.stage && JSON.stringify(a.actions) === JSON.stringify(b.actions);
}
