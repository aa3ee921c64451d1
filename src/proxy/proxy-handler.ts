import { type ReceivedMessage, Reception } from "../reception/index.ts";
import {
  type DataSink,
  type Envelope,
  type EnvelopeRecipient,
  type OptionalExtension,
  type OutgoingEnvelope,
  type Reply,
  reply,
  type SessionInfo,
  type SmtpHandler,
  type Withheld,
} from "../smtp/index.ts";
import type { Spool } from "../spool/index.ts";
import type { Job } from "./job.ts";
import type { NextHopConnections } from "./next-hop-connections.ts";
import { NextHopTransaction } from "./next-hop-transaction.ts";
import { passOn } from "./pass-on.ts";
import { clientIdentity, presentingNobody, presentingOf, type TellClient, xforwardOf } from "./presenting.ts";
import type { ProxyEvent } from "./proxy-event.ts";
import type { Refusal } from "./refusal.ts";
import { passedOn, replyOf } from "./replies.ts";
import type { Sender } from "./senders.ts";
import { SettledRecipients } from "./settled-recipients.ts";

export interface ProxyOptions {
  readonly job: Job;
  readonly connections: NextHopConnections;
  /** How the next hop hears whose mail it is. */
  readonly tellClient: TellClient;
  /** Who may connect; everybody unless given. */
  readonly admits?: (session: SessionInfo<Sender>) => boolean;
  /** Where the bodies of large messages go. */
  readonly spool: Pick<Spool, "receive" | "memoryOctets">;
  readonly clock?: { now(): number };
  /** Octets held in memory for messages in all sessions together; further ones are answered 452. */
  readonly bufferOctets?: number;
  readonly wait?: (ms: number) => Promise<void>;
  readonly onEvent?: (event: ProxyEvent) => void;
}

/** What the next hop offers is looked at anew after this. */
const LOOK_AGAIN_MS = 5 * 60_000;
/** So long a client waits for its greeting because of that. */
const LOOK_FOR_MS = 5000;

interface UnderWay {
  readonly envelope: Envelope;
  readonly transaction: NextHopTransaction;
  /** Unix milliseconds: when MAIL came. */
  readonly began: number;
}

/**
 * Between a client and the next hop: each command of a transaction is answered with the next hop's reply, the content is
 * worked on when it is whole and then goes on, and what the next hop says to it is what the client hears. Nothing is queued:
 * no 250 is said that the next hop has not said.
 */
export class ProxyHandler implements SmtpHandler<Sender> {
  readonly #options: ProxyOptions;
  readonly #clock: { now(): number };
  readonly #reception: Reception;
  readonly #settled = new SettledRecipients();
  readonly #underWay = new WeakMap<SessionInfo<Sender>, UnderWay>();
  protected readonly note: (event: ProxyEvent) => void;

  constructor(options: ProxyOptions) {
    this.#options = options;
    this.#clock = options.clock ?? Date;
    this.note = options.onEvent ?? (() => {});
    this.#reception = new Reception({ spool: options.spool, memoryOctets: options.bufferOctets });
  }

  async connect(session: SessionInfo<Sender>): Promise<Reply | null> {
    const { admits, connections, tellClient } = this.#options;
    if (admits?.(session) === false) return reply(554, "5.7.1", "This server is not for you");
    const looked = connections.look(presentingNobody(tellClient), LOOK_AGAIN_MS);
    await Promise.race([looked, pause(LOOK_FOR_MS)]);
    return null;
  }

  /** Only what both this host and the next can do; what is unknown of the next hop is found out at MAIL. */
  withholds(): Withheld {
    const { connections, job } = this.#options;
    const extensions = new Set<OptionalExtension>();
    const { offers } = connections;
    const has = (keyword: string, unknown: boolean) => offers?.extensions.has(keyword) ?? unknown;
    if (!has("8BITMIME", true) && !job.converts) extensions.add("8BITMIME");
    if (!has("SMTPUTF8", true)) extensions.add("SMTPUTF8");
    if (!has("DSN", false)) extensions.add("DSN");
    if (!has("REQUIRETLS", false) || offers?.authenticated !== true) extensions.add("REQUIRETLS");
    const most = Number(offers?.extensions.get("SIZE") ?? 0);
    return { extensions, messageOctets: most > 0 ? most : null };
  }

  async mail(session: SessionInfo<Sender>, envelope: Envelope): Promise<Reply> {
    const { job } = this.#options;
    const began = this.#clock.now();
    await this.#abandon(session);
    const refusal = (await job.mail?.(session, envelope)) ?? null;
    if (refusal !== null) return this.#refuse(session, refusal);
    const declared = envelope.declaredOctets === null ? {} : { octets: envelope.declaredOctets };
    const transaction = this.#transaction(session, envelope, declared);
    this.#underWay.set(session, { envelope, transaction, began });
    const outcome = await transaction.mail();
    if (outcome.ok) return passedOn(outcome);
    await this.#abandon(session);
    const { failure } = outcome;
    const answer = replyOf(failure);
    if (failure.stage !== "mail" || failure.code === null) {
      this.note({ kind: "refused", session, reply: answer, cause: null, nextHopAway: true });
    }
    return answer;
  }

  async rcpt(session: SessionInfo<Sender>, recipient: EnvelopeRecipient, envelope: Envelope): Promise<Reply> {
    const refusal = this.#options.job.rcpt?.(session, recipient, envelope) ?? null;
    return refusal ?? passedOn(await this.#of(session).transaction.rcpt(recipient));
  }

  data(session: SessionInfo<Sender>, envelope: Envelope): DataSink | Reply {
    const sink = this.#reception.begin({
      declaredOctets: envelope.declaredOctets,
      scanEightBit: this.#options.job.converts && !envelope.smtputf8,
      accept: (message) => this.#accept(session, envelope, message),
      refused: (answer, cause) => void this.#refuse(session, { reply: answer, cause }),
    });
    if ("code" in sink) return sink;
    return {
      write: (chunk) => sink.write(chunk),
      finish: async () => {
        try {
          return await sink.finish();
        } finally {
          await this.#abandon(session);
        }
      },
      abort: (reason) => {
        sink.abort(reason);
        void this.#abandon(session);
      },
    };
  }

  disconnect(session: SessionInfo<Sender>): void {
    void this.#abandon(session);
  }

  async #accept(session: SessionInfo<Sender>, envelope: Envelope, message: ReceivedMessage): Promise<Reply> {
    const { job, connections, wait = pause } = this.#options;
    const { transaction: opened, began } = this.#of(session);
    const event = await passOn(
      { session, envelope, message, opened, began },
      {
        job,
        begin: ({ octets, eightBit }) => this.#transaction(session, envelope, { octets, eightBit }),
        room: () => connections.free,
        settled: this.#settled,
        clock: this.#clock,
        wait,
      },
    );
    this.note(event);
    return event.reply;
  }

  /** @param known what is known of the content; before it came, what the client says */
  #transaction(
    session: SessionInfo<Sender>,
    envelope: Envelope,
    known: Pick<OutgoingEnvelope, "octets" | "eightBit">,
  ): NextHopTransaction {
    const { job, connections, tellClient } = this.#options;
    const { reversePath, returned, envelopeId, requireTls, smtputf8, body } = envelope;
    const identity = clientIdentity(session, job.senderOf?.(envelope) ?? null);
    // Where bodies are converted it is not known yet whether the next hop has to take 8 bits.
    const eightBit = body === "8bitmime" && (!job.converts || this.#nextHopHas("8BITMIME"));
    return new NextHopTransaction(connections, presentingOf(tellClient, identity, session.localPort), {
      reversePath: reversePath?.text ?? "",
      returned,
      envelopeId,
      requireTls,
      smtputf8,
      eightBit,
      xforward: xforwardOf(tellClient, identity),
      ...known,
    });
  }

  #nextHopHas(keyword: string): boolean {
    return this.#options.connections.offers?.extensions.has(keyword) ?? true;
  }

  #of(session: SessionInfo<Sender>): UnderWay {
    const underWay = this.#underWay.get(session);
    if (underWay === undefined) throw new Error("a transaction without MAIL");
    return underWay;
  }

  /** What the client gave up, the next hop must not wait for. */
  async #abandon(session: SessionInfo<Sender>): Promise<void> {
    const underWay = this.#underWay.get(session);
    this.#underWay.delete(session);
    if (underWay === undefined) return;
    await underWay.transaction.abandon();
  }

  #refuse(session: SessionInfo<Sender>, { reply: answer, cause }: Refusal): Reply {
    this.note({ kind: "refused", session, reply: answer, cause, nextHopAway: false });
    return answer;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
