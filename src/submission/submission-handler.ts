import { accountOf, type LoginNames } from "../config/index.ts";
import { type Queue, QueueStoreError } from "../queue/index.ts";
import { type ReceivedMessage, Reception, storageReply } from "../reception/index.ts";
import type { KeySource } from "../signature/index.ts";
import {
  type DkimSigners,
  type Login,
  signSubmission,
  type Vault,
  withinDeadline,
} from "../signing/index.ts";
import {
  type Assertion,
  type AuthExchange,
  type DataSink,
  type Envelope,
  type EnvelopeRecipient,
  type Mailbox,
  type ReceivedFieldOptions,
  type Reply,
  reply,
  type SessionInfo,
  type SmtpHandler,
} from "../smtp/index.ts";
import type { Spool } from "../spool/index.ts";
import { mayWriteFrom } from "./may-write-from.ts";
import { queueEntries, type Submitted } from "./queue-entries.ts";
import type { SubmissionEvent } from "./submission-event.ts";
import { assertLogin, beginLogin } from "./user-login.ts";

export interface SubmissionOptions {
  /** This host's name, in Received and as id in Authentication-Results. */
  readonly hostname: string;
  /** The operator's MX hosts: results in their names are no user's to write either. None unless given. */
  readonly otherHosts?: readonly string[];
  /** Where users log in, and where their keys are. */
  readonly vault: Pick<Vault, "mechanisms" | "logIn" | "assert">;
  /** Who is meant by the names that trusted hosts give (XCLIENT): only addresses unless given. */
  readonly logins?: LoginNames;
  readonly queue: Pick<Queue, "enqueue">;
  /** Where the bodies of large messages go. */
  readonly spool: Pick<Spool, "receive" | "memoryOctets">;
  /** Key statements are stapled to messages (STP-1), so that prompt mail costs its receivers no lookup. Default off. */
  readonly staple?: boolean;
  /** Bodies in 8 bits go out in 7, as far as they may (MSG-16 to MSG-19), or as they come. Default `convert`. */
  readonly eightBit?: "convert" | "keep";
  /** Who signs by DKIM after us (SIG-58); nobody unless given. */
  readonly dkim?: DkimSigners;
  /** Where the keys of authors are asked for whose mail users pass on (CUS-2); without this they may not. */
  readonly keys?: KeySource | null;
  readonly clock?: { now(): number };
  /** Octets held in memory for messages in all sessions together; further ones are answered 452. */
  readonly bufferOctets?: number;
  /** How long the vault may take for a message, since a remote one can hang; then 451 4.4.3. */
  readonly signingTimeoutMs?: number;
  /** Whether Received names the client: off, since it tells receivers where users are. */
  readonly showClient?: boolean;
  readonly onEvent?: (event: SubmissionEvent) => void;
}

/** Mail submission (RFC 6409) for ports 465 and 587: who is it, may they, sign, queue, and only then 250. */
export class SubmissionHandler implements SmtpHandler<Login> {
  readonly #options: SubmissionOptions;
  readonly #clock: { now(): number };
  readonly #reception: Reception;
  readonly #onEvent: (event: SubmissionEvent) => void;

  constructor(options: SubmissionOptions) {
    this.#options = options;
    this.#clock = options.clock ?? Date;
    this.#onEvent = options.onEvent ?? (() => {});
    this.#reception = new Reception({ spool: options.spool, memoryOctets: options.bufferOctets });
  }

  /** Octets held now in memory for messages that are being received or signed. */
  get bufferedOctets(): number {
    return this.#reception.memoryOctets;
  }

  mechanisms(): readonly string[] {
    return this.#options.vault.mechanisms;
  }

  authenticate(
    session: SessionInfo<Login>,
    mechanism: string,
    channelBinding: Uint8Array | null,
  ): AuthExchange<Login> | null {
    return beginLogin(this.#options.vault, session, mechanism, channelBinding, this.#onEvent);
  }

  /** Another mail server of the operator's has logged the user in, as Dovecot does before it relays. */
  assert(session: SessionInfo<Login>, login: string): Promise<Assertion<Login>> {
    const { vault, logins } = this.#options;
    const account = accountOf(logins ?? { domain: null, exceptions: new Map() }, login);
    return assertLogin(vault, session, account, this.#onEvent);
  }

  disconnect(session: SessionInfo<Login>): void {
    session.user?.end();
  }

  async mail(session: SessionInfo<Login>, { reversePath }: Envelope): Promise<Reply | null> {
    const refusal = await mayWriteFrom(submitter(session), reversePath);
    return refusal && this.#refuse(session, refusal.reply, refusal.cause);
  }

  data(session: SessionInfo<Login>, envelope: Envelope): DataSink | Reply {
    return this.#reception.begin({
      declaredOctets: envelope.declaredOctets,
      scanEightBit: this.#options.eightBit !== "keep",
      accept: (message) => this.#accept(session, envelope, message),
      refused: (answer, cause) => void this.#refuse(session, answer, cause),
    });
  }

  async #accept(session: SessionInfo<Login>, envelope: Envelope, message: ReceivedMessage): Promise<Reply> {
    const login = submitter(session);
    const { hostname, otherHosts = [], staple, dkim, eightBit, spool, signingTimeoutMs } = this.#options;
    const now = this.#clock.now();
    // Who is named twice gets the message once, as he was named first.
    const recipients = new Map<string, EnvelopeRecipient>();
    for (const recipient of envelope.recipients) {
      const path = forwardPath(recipient, login);
      if (!recipients.has(path)) recipients.set(path, recipient);
    }
    const signing = signSubmission(
      {
        message,
        recipients: [...recipients.keys()],
        smtputf8: envelope.smtputf8,
        authservIds: [hostname, ...otherHosts],
        staple: staple ?? false,
        keys: this.#options.keys ?? null,
        convertInto: eightBit === "keep" ? null : spool,
        now,
        ...(dkim ? { dkim } : {}),
      },
      login,
    );
    const result = await withinDeadline(signing, message, signingTimeoutMs);
    if (result.kind === "refused") return this.#refuse(session, result.reply, result.cause);
    const account = login.accountId;
    const submitted = { session, envelope, recipients, signed: result, account };
    const hideClient = this.#options.showClient !== true;
    return this.#enqueue(submitted, { hostname, date: new Date(now), hideClient });
  }

  async #enqueue(
    submitted: Submitted & { readonly session: SessionInfo<Login> },
    trace: ReceivedFieldOptions,
  ): Promise<Reply> {
    const { session, signed, account } = submitted;
    const { identity, kids, messageIdHash, content } = signed;
    const entries = queueEntries(submitted, trace);
    const recipients = entries.flatMap((entry) => entry.recipients.map(({ address }) => address));
    try {
      const ids = await this.#options.queue.enqueue(entries);
      this.#onEvent({
        kind: "queued",
        session: session.id,
        client: session.remoteAddress,
        account,
        identity,
        kids,
        messageIdHash,
        ids,
        recipientCount: recipients.length,
        recipients,
        octets: content.inline.length + (content.file?.octets ?? 0),
      });
      const more = ids.length > 1 ? ` and ${ids.length - 1} more` : "";
      return reply(250, "2.0.0", `Ok: queued as ${ids[0]}${more}`);
    } catch (error) {
      await content.file?.remove();
      if (!(error instanceof QueueStoreError)) throw error;
      return this.#refuse(session, storageReply(error), error);
    }
  }

  #refuse(session: SessionInfo<Login>, answer: Reply, cause: unknown): Reply {
    const account = submitter(session).accountId;
    const { id, remoteAddress: client } = session;
    this.#onEvent({ kind: "refused", session: id, client, account, reply: answer, cause });
    return answer;
  }
}

/** The server refuses MAIL before AUTH (`requireAuth`), so a session without user is a mistake in its set-up. */
function submitter(session: SessionInfo<Login>): Login {
  if (session.user === null) throw new Error("submission needs a server with requireAuth");
  return session.user;
}

/** RFC 5321 §4.5.1: `<Postmaster>` without a domain is the one of the sender's own domain. */
function forwardPath(recipient: Mailbox, login: Login): string {
  return recipient.domain === "" ? `postmaster@${login.primary.domain}` : recipient.text;
}
