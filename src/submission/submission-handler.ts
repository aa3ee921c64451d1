import { isAscii } from "node:buffer";
import {
  type AccountRecord,
  type Keyring,
  KeyringStoreError,
  mayWriteFrom,
  storedAddress,
} from "../keyring/index.ts";
import { parseAddress } from "../message/index.ts";
import {
  type MessageId,
  type NewMessage,
  newMessageId,
  type Queue,
  QueueStoreError,
} from "../queue/index.ts";
import { type SaslBackend, type SaslOutcome, type SaslStep, saslExchange } from "../sasl/index.ts";
import { type SignedSubmission, type Signer, signSubmission } from "../signing/index.ts";
import {
  type AuthExchange,
  type AuthStep,
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

/** Who logged in: the user of a submission session. */
export interface Submitter {
  readonly accountId: string;
  readonly primaryAddress: string;
}

/** What became of a message, for the log: no message text, no recipients (SPEC §10.2). */
export type SubmissionEvent =
  | {
      readonly kind: "queued";
      readonly session: string;
      readonly account: string;
      /** As in `i`. */
      readonly identity: string;
      readonly kids: readonly string[];
      /** One for each copy. */
      readonly ids: readonly MessageId[];
      readonly recipientCount: number;
      readonly octets: number;
    }
  | {
      readonly kind: "refused";
      readonly session: string;
      readonly account: string;
      readonly reply: Reply;
      /** What failed on our side; null where the message was at fault. */
      readonly cause: unknown;
    };

export interface SubmissionOptions {
  /** This host's name, in Received and as id in Authentication-Results. */
  readonly hostname: string;
  readonly keyring: Pick<Keyring, "authenticate" | "owner" | "rights">;
  readonly signer: Signer;
  readonly queue: Pick<Queue, "enqueue">;
  readonly clock?: { now(): number };
  /** Octets held for messages in all sessions together; further ones are answered 452. */
  readonly bufferOctets?: number;
  /** How long signing may take, since a remote signer can hang; then 451 4.4.3. */
  readonly signingTimeoutMs?: number;
  /** Whether Received names the client: off, since it tells receivers where users are. */
  readonly showClient?: boolean;
  readonly onEvent?: (event: SubmissionEvent) => void;
}

const SUSPENDED = reply(550, "5.7.1", "This account is suspended; ask your provider");
/** Signing takes this much: the message itself, and its copy with the edited header. */
const SHARE = 2;
const LATER = "try again later";

/** Mail submission (RFC 6409) for ports 465 and 587: who is it, may they, sign, queue, and only then 250. */
export class SubmissionHandler implements SmtpHandler<Submitter> {
  readonly #options: SubmissionOptions;
  readonly #clock: { now(): number };
  readonly #budget: OctetBudget;

  constructor(options: SubmissionOptions) {
    this.#options = options;
    this.#clock = options.clock ?? Date;
    this.#budget = new OctetBudget(options.bufferOctets ?? 256 << 20);
  }

  /** Octets held now for messages that are being received or signed. */
  get bufferedOctets(): number {
    return this.#budget.usedOctets;
  }

  mechanisms(): readonly string[] {
    return ["PLAIN", "LOGIN"];
  }

  authenticate(
    _session: SessionInfo<Submitter>,
    mechanism: string,
    channelBinding: Uint8Array | null,
  ): AuthExchange<Submitter> | null {
    if (!this.mechanisms().includes(mechanism)) return null;
    const backend: SaslBackend<Submitter> = {
      password: (given) => this.#checkPassword(given),
      scram: async () => ({ kind: "rejected" }),
      token: async () => ({ kind: "rejected" }),
    };
    const exchange = saslExchange(mechanism, { backend, channelBinding });
    return (
      exchange && {
        respond: async (response) => {
          try {
            return authStep(await exchange.respond(response));
          } catch (error) {
            if (!(error instanceof KeyringStoreError)) throw error;
            return { kind: "refused", reply: reply(454, "4.7.0", `Logins cannot be checked now; ${LATER}`) };
          }
        },
        cancel: () => exchange.cancel(),
      }
    );
  }

  async #checkPassword(given: {
    authcid: string;
    authzid: string;
    password: string;
  }): Promise<SaslOutcome<Submitter>> {
    const answer = await this.#options.keyring.authenticate(given.authcid, given.password);
    if (answer.kind !== "authenticated") return answer;
    const { account } = answer;
    if (!(await this.#mayActAs(account, given.authzid))) return { kind: "rejected" };
    return { kind: "accepted", user: { accountId: account.id, primaryAddress: account.primaryAddress } };
  }

  /** The reverse path gets the bounces: it has to be the account's own, granted to it, or empty. */
  async mail(session: SessionInfo<Submitter>, { reversePath }: Envelope): Promise<Reply | null> {
    try {
      const rights = await this.#options.keyring.rights(submitter(session).accountId);
      if (rights === null || rights.account.state === "suspended") return SUSPENDED;
      if (reversePath === null) return null;
      const parsed = parseAddress(reversePath.text);
      if (parsed.ok && mayWriteFrom(rights, parsed.address)) return null;
      return reply(550, "5.7.1", `<${reversePath.text}> is neither your address nor granted to you`);
    } catch (error) {
      if (!(error instanceof KeyringStoreError)) throw error;
      return reply(451, "4.3.0", `The sender address cannot be checked now; ${LATER}`);
    }
  }

  data(session: SessionInfo<Submitter>, envelope: Envelope): DataSink | Reply {
    if (!this.#budget.hasRoomFor(SHARE * (envelope.declaredOctets ?? 0))) return busyReply;
    return new BufferedSink({
      budget: this.#budget,
      accept: (message) => this.#accept(session, envelope, message),
      share: SHARE,
    });
  }

  async #accept(
    session: SessionInfo<Submitter>,
    envelope: Envelope,
    message: readonly Uint8Array[],
  ): Promise<Reply> {
    const { accountId, primaryAddress } = submitter(session);
    const now = this.#clock.now();
    const recipients = envelope.recipients.map((recipient) => forwardPath(recipient, primaryAddress));
    const signing = signSubmission(
      {
        account: accountId,
        message,
        recipients,
        smtputf8: envelope.smtputf8,
        authservIds: [this.#options.hostname],
        now,
      },
      this.#options.signer,
    );
    const result = await withinDeadline(signing, this.#options.signingTimeoutMs ?? 30_000);
    if (result.kind === "refused") return this.#refuse(session, result.reply, result.cause);

    const copies = this.#copies(session, envelope, result, now);
    try {
      const ids = await this.#options.queue.enqueue(copies);
      this.#options.onEvent?.({
        kind: "queued",
        session: session.id,
        account: accountId,
        identity: result.identity,
        kids: result.kids,
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
    session: SessionInfo<Submitter>,
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
        recipients,
        // What was signed is what is sent, octet for octet, 8-bit or not (MSG-15, MSG-19).
        prefix: Buffer.concat([Buffer.from(received), signatures]),
        content: result.content,
        body,
        smtputf8: envelope.smtputf8,
        account: accountId,
      };
    });
  }

  #refuse(session: SessionInfo<Submitter>, answer: Reply, cause: unknown): Reply {
    const account = submitter(session).accountId;
    this.#options.onEvent?.({ kind: "refused", session: session.id, account, reply: answer, cause });
    return answer;
  }

  /** RFC 4616: acting as somebody else is not offered, naming oneself by another address is fine. */
  async #mayActAs(account: AccountRecord, authzid: string): Promise<boolean> {
    if (authzid === "") return true;
    const parsed = parseAddress(authzid);
    return parsed.ok && (await this.#options.keyring.owner(parsed.address))?.id === account.id;
  }
}

function authStep(step: SaslStep<Submitter>): AuthStep<Submitter> {
  switch (step.kind) {
    case "busy":
      return { kind: "refused", reply: reply(454, "4.7.0", `Too many logins at once; ${LATER}`) };
    case "suspended":
      return { kind: "refused", reply: SUSPENDED };
    case "rejected":
      return { kind: "refused" };
    default:
      return step;
  }
}

/** The server refuses MAIL before AUTH (`requireAuth`), so a session without user is a mistake in its set-up. */
function submitter(session: SessionInfo<Submitter>): Submitter {
  if (session.user === null) throw new Error("submission needs a server with requireAuth");
  return session.user;
}

/** RFC 5321 §4.5.1: `<Postmaster>` without a domain is the one of the sender's own domain. */
function forwardPath(recipient: Mailbox, primaryAddress: string): string {
  return recipient.domain === "" ? `postmaster@${storedAddress(primaryAddress).domain}` : recipient.text;
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
