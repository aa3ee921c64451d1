import { isAscii } from "node:buffer";
import type { Actions, Stage } from "../config/index.ts";
import {
  type Address,
  canonicalDomain,
  formatAuthenticationResults,
  parseAddress,
} from "../message/index.ts";
import {
  type MessageId,
  type NewRecipient,
  newMessageId,
  type Queue,
  QueueStoreError,
} from "../queue/index.ts";
import { contentOf, type ReceivedMessage, Reception, storageReply } from "../reception/index.ts";
import type { Verdict } from "../signature/index.ts";
import {
  type DataSink,
  type Envelope,
  formatReceivedField,
  type Mailbox,
  type Reply,
  reply,
  type SessionInfo,
  type SmtpHandler,
} from "../smtp/index.ts";
import { type Spool, SpoolError } from "../spool/index.ts";
import {
  authenticationResult,
  type Decision,
  decideAction,
  type Verification,
} from "../verification/index.ts";
import { cleanHeader, flagField } from "./clean-header.ts";

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

/** A message that could not be received, so that there is no verdict on it. */
export interface MxRefusal extends Pick<MxEvent, "session" | "reply" | "cause"> {}

export interface MxOptions {
  /** This host's name, in Received and as id in Authentication-Results. */
  readonly hostname: string;
  /** Who gets what is for `<Postmaster>` and postmaster@`hostname`. Without this the latter, if it is hosted. */
  readonly postmaster?: string;
  /** @param localPart canonical, unencoded */
  readonly mailbox: (localPart: string, domain: string) => MailboxAnswer;
  readonly verification: Pick<Verification, "verify">;
  /** The overrides for all domains (ACT-8). */
  readonly actions: Actions;
  readonly queue: Pick<Queue, "enqueue">;
  /** Where the bodies of large messages go. */
  readonly spool: Pick<Spool, "receive" | "memoryOctets">;
  readonly clock?: { now(): number };
  /** Octets held in memory for messages in all sessions together; further ones are answered 452. */
  readonly bufferOctets?: number;
  readonly onEvent?: (event: MxEvent) => void;
  readonly onRefused?: (refusal: MxRefusal) => void;
}

/** RFC 5321 §4.5.1: every host that takes mail has one; it may be named without a domain. */
const POSTMASTER = "postmaster";

/** The MX: every check is made inside the session, before the reply to DATA (VER-13); nothing bounces (ACT-2). */
export class MxHandler implements SmtpHandler {
  readonly #options: MxOptions;
  readonly #clock: { now(): number };
  readonly #reception: Reception;

  constructor(options: MxOptions) {
    this.#options = options;
    this.#clock = options.clock ?? Date;
    this.#reception = new Reception({ spool: options.spool, memoryOctets: options.bufferOctets });
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
    return this.#reception.begin({
      declaredOctets: envelope.declaredOctets,
      scanEightBit: false,
      accept: (message) => this.#judge(session, envelope, message),
      refused: (answer, cause) => this.#options.onRefused?.({ session, reply: answer, cause }),
    });
  }

  async #judge(session: SessionInfo, envelope: Envelope, message: ReceivedMessage): Promise<Reply> {
    const { verdict, policy, stapled } = await this.#options.verification.verify(
      message.scanned,
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
      const id = await this.#enqueue(session, envelope, message, verdict, decision);
      return report(reply(250, "2.0.0", `Ok: queued as ${id}`), id);
    } catch (error) {
      if (!(error instanceof QueueStoreError || error instanceof SpoolError)) throw error;
      return report(storageReply(error), null, error);
    }
  }

  async #enqueue(
    session: SessionInfo,
    envelope: Envelope,
    message: ReceivedMessage,
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
    const header = cleanHeader(message.scanned.header, hostname);
    const content = contentOf(header, await message.takeBody(), message.hasEmptyLine);
    try {
      await this.#options.queue.enqueue([
        {
          id,
          sender: envelope.reversePath?.text ?? "",
          recipients: this.#recipients(envelope),
          // RFC 8601 §7.1: above the Received field it belongs to.
          prefix: Buffer.concat([results, Buffer.from(flag), Buffer.from(received)]),
          content,
          body: message.eightBitBody || !isAscii(header) ? "8bitmime" : "7bit",
          smtputf8: envelope.smtputf8,
          requireTls: envelope.requireTls,
          envelopeId: envelope.envelopeId,
          returned: envelope.returned,
          account: null,
          kids: [],
          quarantined: action === "quarantine",
        },
      ]);
    } catch (error) {
      await content.file?.remove();
      throw error;
    }
    return id;
  }

  /** Who is named twice gets the message once, as he was named first. */
  #recipients({ recipients }: Envelope): NewRecipient[] {
    const byAddress = new Map<string, NewRecipient>();
    for (const recipient of recipients) {
      const { notify, originalRecipient } = recipient;
      const address = this.#mailboxOf(recipient);
      if (!byAddress.has(address)) byAddress.set(address, { address, notify, originalRecipient });
    }
    return [...byAddress.values()];
  }

  #lookUp(recipient: Mailbox): MailboxAnswer {
    const parsed = parseAddress(this.#mailboxOf(recipient));
    if (parsed.ok) return this.#options.mailbox(parsed.address.localPart, parsed.address.domain);
    const domain = canonicalDomain(recipient.domain);
    return domain === null ? { kind: "not-hosted" } : this.#options.mailbox(recipient.localPart, domain);
  }

  #mailboxOf({ text, localPart, domain }: Mailbox): string {
    const { hostname, postmaster = `${POSTMASTER}@${hostname}` } = this.#options;
    if (localPart.toLowerCase() !== POSTMASTER) return text;
    return domain === "" || canonicalDomain(domain) === hostname ? postmaster : text;
  }
}

function addressOf(recipient: Mailbox): Address | null {
  const parsed = parseAddress(recipient.text);
  return parsed.ok ? parsed.address : null;
}

function sameSettings(a: DomainSettings, b: DomainSettings): boolean {
  return a.stage === b.stage && JSON.stringify(a.actions) === JSON.stringify(b.actions);
}
