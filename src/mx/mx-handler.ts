import {
  arrivalBySmtp,
  Border,
  type DomainSettings,
  describeMessage,
  forAllDomains,
  sameSettings,
} from "../border/index.ts";
import { type ReceivedMessage, Reception } from "../reception/index.ts";
import {
  type DataSink,
  type Envelope,
  type Mailbox,
  type Reply,
  reply,
  type SessionInfo,
  type SmtpHandler,
} from "../smtp/index.ts";
import { carryOut } from "./carry-out.ts";
import { incoming } from "./incoming.ts";
import type { MxOptions } from "./mx-options.ts";
import { Recipients } from "./recipients.ts";

/** A transaction between MAIL and the end of its content. */
interface UnderWay {
  /** Unix milliseconds. */
  readonly began: number;
  /** Of its first recipient; all others are treated alike. */
  domain: DomainSettings;
}

/**
 * The MX: a message is judged, its action decided, both are recorded in it, and it is queued; all inside the session,
 * before the reply to DATA (VER-13). Nothing bounces (ACT-2).
 */
export class MxHandler implements SmtpHandler {
  readonly #options: MxOptions;
  readonly #clock: { now(): number };
  readonly #reception: Reception;
  readonly #recipients: Recipients;
  readonly #border: Border;
  readonly #underWay = new WeakMap<Envelope, UnderWay>();

  constructor(options: MxOptions) {
    this.#options = options;
    this.#clock = options.clock ?? Date;
    this.#reception = new Reception({ spool: options.spool, memoryOctets: options.bufferOctets });
    this.#recipients = new Recipients(options);
    this.#border = new Border(options);
  }

  mail(_session: SessionInfo, envelope: Envelope): null {
    this.#underWay.set(envelope, { began: this.#clock.now(), domain: forAllDomains });
    return null;
  }

  rcpt(_session: SessionInfo, recipient: Mailbox, envelope: Envelope): Reply | null {
    const answer = this.#recipients.lookUp(recipient);
    if (answer.kind === "not-hosted")
      return reply(550, "5.7.1", `Mail for <${recipient.text}> is not taken here`);
    if (answer.kind === "unknown") return reply(550, "5.1.1", `<${recipient.text}> is unknown here`);
    const underWay = this.#underWay.get(envelope);
    if (underWay === undefined) throw new Error("RCPT without MAIL");
    if (envelope.recipients.length === 0) underWay.domain = answer.settings;
    // One reply answers for all recipients of a message: those of a domain with other settings come separately.
    if (!sameSettings(underWay.domain, answer.settings)) {
      return reply(452, "4.5.3", "This recipient's domain is served in a transaction of its own");
    }
    return null;
  }

  data(session: SessionInfo, envelope: Envelope): DataSink | Reply {
    return this.#reception.begin({
      declaredOctets: envelope.declaredOctets,
      scanEightBit: false,
      accept: (message) => this.#accept(session, envelope, message),
      refused: (answer, cause) => this.#options.onRefused?.({ session, reply: answer, cause }),
    });
  }

  async #accept(session: SessionInfo, envelope: Envelope, message: ReceivedMessage): Promise<Reply> {
    const receivedAt = this.#clock.now();
    const { began, domain } = this.#underWay.get(envelope) ?? { began: receivedAt, domain: forAllDomains };
    const came = incoming({ session, envelope, message, receivedAt }, began);
    const arrival = arrivalBySmtp(session, envelope);
    const judged = await this.#border.judge(message, arrival);
    const verifiedAt = this.#clock.now();
    const handled = await carryOut(came, judged, {
      ...this.#options,
      border: this.#border,
      recipients: this.#recipients,
      decide: (repeated) => this.#border.decide(message.scanned, arrival, judged, domain, repeated),
      now: verifiedAt,
    });
    const queueing = handled.queuedAs === null ? null : this.#clock.now() - verifiedAt;
    this.#options.onEvent?.({
      session,
      envelope,
      id: came.id,
      message: describeMessage(message),
      ...judged,
      ...handled,
      receivedAt,
      took: { receiving: came.receivingMs, verifying: verifiedAt - receivedAt, queueing },
    });
    return handled.reply;
  }
}
