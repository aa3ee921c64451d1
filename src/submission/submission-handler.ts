import { isAscii } from "node:buffer";
import { parseAddress } from "../message/index.ts";
import { type NewMessage, newMessageId, type Queue, QueueStoreError } from "../queue/index.ts";
import { type Login, noUse, type SignedSubmission, signSubmission, type Vault } from "../signing/index.ts";
import {
  type AuthExchange,
  BufferedSink,
  busyReply,
  type DataSink,
  type Envelope,
  type EnvelopeRecipient,
  formatReceivedField,
  type Mailbox,
  OctetBudget,
  type Reply,
  reply,
  type SessionInfo,
  type SmtpHandler,
} from "../smtp/index.ts";
import type { SubmissionEvent } from "./submission-event.ts";
import { beginLogin } from "./user-login.ts";

export interface SubmissionOptions {
  /** This host's name, in Received and as id in Authentication-Results. */
  readonly hostname: string;
  /** Where users log in, and where their keys are. */
  readonly vault: Pick<Vault, "mechanisms" | "logIn">;
  readonly queue: Pick<Queue, "enqueue">;
  /** Key statements are stapled to messages (STP-1), so that prompt mail costs its receivers no lookup. Default off. */
  readonly staple?: boolean;
  readonly clock?: { now(): number };
  /** Octets held for messages in all sessions together; further ones are answered 452. */
  readonly bufferOctets?: number;
  /** How long the vault may take for a message, since a remote one can hang; then 451 4.4.3. */
  readonly signingTimeoutMs?: number;
  /** Whether Received names the client: off, since it tells receivers where users are. */
  readonly showClient?: boolean;
  readonly onEvent?: (event: SubmissionEvent) => void;
}

/** Signing takes this much: the message itself, and its copy with the edited header. */
const SHARE = 2;
const LATER = "try again later";

/** Mail submission (RFC 6409) for ports 465 and 587: who is it, may they, sign, queue, and only then 250. */
export class SubmissionHandler implements SmtpHandler<Login> {
  readonly #options: SubmissionOptions;
  readonly #clock: { now(): number };
  readonly #budget: OctetBudget;
  readonly #onEvent: (event: SubmissionEvent) => void;

  constructor(options: SubmissionOptions) {
    this.#options = options;
    this.#clock = options.clock ?? Date;
    this.#onEvent = options.onEvent ?? (() => {});
    this.#budget = new OctetBudget(options.bufferOctets ?? 256 << 20);
  }

  /** Octets held now for messages that are being received or signed. */
  get bufferedOctets(): number {
    return this.#budget.usedOctets;
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

  disconnect(session: SessionInfo<Login>): void {
    session.user?.end();
  }

  /** The reverse path gets the bounces: it has to be the account's own, granted to it, or empty. */
  async mail(session: SessionInfo<Login>, { reversePath }: Envelope): Promise<Reply | null> {
    const login = submitter(session);
    const parsed = reversePath === null ? null : parseAddress(reversePath.text);
    // Asked in any case: whoever is suspended shall hear it before the message is sent.
    const answer = await login.identify(parsed?.ok ? parsed.address : login.primary);
    switch (answer.kind) {
      case "granted":
        return parsed === null || parsed.ok ? null : notYours(reversePath);
      case "not-granted":
        return reversePath === null ? null : notYours(reversePath);
      case "unavailable": {
        const text = `The sender address cannot be checked now; ${LATER}`;
        return this.#refuse(session, reply(451, "4.4.3", text), answer.cause);
      }
      default:
        return this.#refuse(session, noUse(answer), null);
    }
  }

  data(session: SessionInfo<Login>, envelope: Envelope): DataSink | Reply {
    if (!this.#budget.hasRoomFor(SHARE * (envelope.declaredOctets ?? 0))) return busyReply;
    return new BufferedSink({
      budget: this.#budget,
      accept: (message) => this.#accept(session, envelope, message),
      share: SHARE,
    });
  }

  async #accept(
    session: SessionInfo<Login>,
    envelope: Envelope,
    message: readonly Uint8Array[],
  ): Promise<Reply> {
    const login = submitter(session);
    const { accountId } = login;
    const now = this.#clock.now();
    const recipients = envelope.recipients.map((recipient) => forwardPath(recipient, login));
    const signing = signSubmission(
      {
        message,
        recipients,
        smtputf8: envelope.smtputf8,
        authservIds: [this.#options.hostname],
        staple: this.#options.staple ?? false,
        now,
      },
      login,
    );
    const result = await withinDeadline(signing, this.#options.signingTimeoutMs ?? 30_000);
    if (result.kind === "refused") return this.#refuse(session, result.reply, result.cause);

    const copies = this.#copies(session, envelope, result, now);
    try {
      const ids = await this.#options.queue.enqueue(copies);
      this.#onEvent({
        kind: "queued",
        session: session.id,
        client: session.remoteAddress,
        account: accountId,
        identity: result.identity,
        kids: result.kids,
        messageIdHash: result.messageIdHash,
        ids,
        recipientCount: copies.reduce((count, copy) => count + copy.recipients.length, 0),
        octets: result.content.length,
      });
      const more = ids.length > 1 ? ` and ${ids.length - 1} more` : "";
      return reply(250, "2.0.0", `Ok: queued as ${ids[0]}${more}`);
    } catch (error) {
      if (!(error instanceof QueueStoreError)) throw error;
      const answer =
        error.kind === "full"
          ? reply(452, "4.3.1", `The queue is full; ${LATER}`)
          : reply(451, "4.3.0", `The message cannot be stored now; ${LATER}`);
      return this.#refuse(session, answer, error);
    }
  }

  #copies(
    session: SessionInfo<Login>,
    envelope: Envelope,
    result: SignedSubmission & { kind: "signed" },
    now: number,
  ): NewMessage[] {
    const body = isAscii(result.content) ? "7bit" : "8bitmime";
    const { accountId } = submitter(session);
    const byPath = new Map(envelope.recipients.map((recipient) => [recipient.text, recipient]));
    return result.copies.map(({ recipients, signatures }) => {
      const id = newMessageId(now);
      // Received names nobody but the copy's own recipient, and the copy's own id: copies cannot be told to belong
      // together by it (RCP-4).
      const own = recipients.flatMap((path) => byPath.get(path) ?? []);
      const received = formatReceivedField(
        session,
        { ...envelope, id, recipients: own },
        {
          hostname: this.#options.hostname,
          date: new Date(now),
          hideClient: this.#options.showClient !== true,
        },
      );
      return {
        id,
        sender: envelope.reversePath?.text ?? "",
        recipients: recipients.map((address) => ({ address, ...wishesOf(byPath.get(address)) })),
        // What was signed is what is sent, octet for octet, 8-bit or not (MSG-15, MSG-19).
        prefix: Buffer.concat([Buffer.from(received), signatures]),
        content: { inline: result.content, file: null },
        body,
        smtputf8: envelope.smtputf8,
        requireTls: envelope.requireTls,
        envelopeId: envelope.envelopeId,
        returned: envelope.returned,
        account: accountId,
        kids: [],
        quarantined: false,
      };
    });
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

/** What the sender wants to hear of a recipient (RFC 3461). */
function wishesOf(
  recipient: EnvelopeRecipient | undefined,
): Pick<EnvelopeRecipient, "notify" | "originalRecipient"> {
  return {
    notify: recipient?.notify ?? null,
    originalRecipient: recipient?.originalRecipient ?? null,
  };
}

function notYours(reversePath: Mailbox | null): Reply {
  return reply(550, "5.7.1", `<${reversePath?.text ?? ""}> is neither your address nor granted to you`);
}

/** RFC 5321 §4.5.1: `<Postmaster>` without a domain is the one of the sender's own domain. */
function forwardPath(recipient: Mailbox, login: Login): string {
  return recipient.domain === "" ? `postmaster@${login.primary.domain}` : recipient.text;
}

async function withinDeadline(
  signing: Promise<SignedSubmission>,
  timeoutMs: number,
): Promise<SignedSubmission> {
  const late = Promise.withResolvers<SignedSubmission>();
  const timer = setTimeout(() => {
    const answer = reply(451, "4.4.3", `Signing takes too long, so the message is not sent; ${LATER}`);
    late.resolve({
      kind: "refused",
      reply: answer,
      cause: new Error(`signing took more than ${timeoutMs} ms`),
    });
  }, timeoutMs);
  try {
    return await Promise.race([signing, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
