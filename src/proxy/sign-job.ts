import { applyEdits, withoutClaimedResults } from "../message/index.ts";
import { newMessageId } from "../queue/index.ts";
import type { KeySource } from "../signature/index.ts";
import { type DkimSigners, type Refused, signSubmission, withinDeadline } from "../signing/index.ts";
import {
  type Envelope,
  type EnvelopeRecipient,
  formatReceivedField,
  reply,
  type SessionInfo,
} from "../smtp/index.ts";
import type { Spool } from "../spool/index.ts";
import type { Came, Job, Work } from "./job.ts";
import type { Refusal } from "./refusal.ts";
import type { Copy } from "./relay.ts";
import type { Sender, Senders } from "./senders.ts";

export interface SignJobOptions {
  readonly hostname: string;
  /** The operator's MX hosts: results in their names are no user's to write (REC-2). */
  readonly otherHosts: readonly string[];
  readonly senders: Senders;
  readonly spool: Pick<Spool, "receive">;
  readonly staple: boolean;
  readonly eightBit: "convert" | "keep";
  readonly dkim: DkimSigners;
  /** Where the keys of authors are asked for whose mail users pass on (CUS-2). */
  readonly keys: KeySource | null;
  readonly clock: { now(): number };
  /** For the vault, for one message; beside a second for each MiB. */
  readonly signingTimeoutMs?: number;
}

/** Mail of this system's users: signed as submission signs it, a copy for each of those who must not know of each other. */
export class SignJob implements Job {
  readonly converts: boolean;
  readonly #options: SignJobOptions;
  readonly #senders = new WeakMap<Envelope, Sender>();

  constructor(options: SignJobOptions) {
    this.#options = options;
    this.converts = options.eightBit === "convert";
  }

  async mail(session: SessionInfo<Sender>, envelope: Envelope): Promise<Refusal | null> {
    const sender = await this.#options.senders.of(session, envelope);
    if (sender.kind === "refused") return sender;
    this.#senders.set(envelope, sender);
    return null;
  }

  senderOf(envelope: Envelope): Sender | null {
    return this.#senders.get(envelope) ?? null;
  }

  async work(came: Came): Promise<Work> {
    const sender = this.#senders.get(came.envelope);
    if (sender === undefined) throw new Error("a message without MAIL");
    return sender.kind === "user" ? this.#sign(came, sender) : this.#passAsItCame(came, sender.name);
  }

  async #sign(came: Came, sender: Sender & { readonly kind: "user" }): Promise<Work> {
    const { hostname, otherHosts, spool, staple, eightBit, dkim, keys, signingTimeoutMs } = this.#options;
    const { envelope, message } = came;
    const { login } = sender;
    const recipients = new Map(came.recipients.map((recipient) => [recipient.text, recipient]));
    const now = this.#options.clock.now();
    const signing = signSubmission(
      {
        message,
        recipients: [...recipients.keys()],
        smtputf8: envelope.smtputf8,
        authservIds: [hostname, ...otherHosts],
        staple,
        keys,
        convertInto: eightBit === "keep" ? null : spool,
        now,
        dkim,
      },
      login,
    );
    const signed = await withinDeadline(signing, message, signingTimeoutMs);
    if (signed.kind === "refused")
      return { kind: "answer", findings: null, ...(await refusalOf(signed, sender)) };
    const { content, identity, kids, messageIdHash } = signed;
    const copies = signed.copies.map((copy, index): Copy => {
      const addressed = copy.recipients.map((path) => recipients.get(path) as EnvelopeRecipient);
      const id = index === 0 ? came.id : newMessageId(now);
      // Received names nobody but the copy's own recipient, and the copy's own id (RCP-4). What was signed is what is
      // sent, octet for octet (MSG-15).
      const received = this.#received({ ...came, id, recipients: addressed });
      const prefix = Buffer.concat([received, copy.signatures]);
      return {
        id,
        recipients: addressed,
        prefix,
        inline: [content.inline],
        body: () => content.file?.read() ?? nothing(),
        octets: prefix.length + content.inline.length + (content.file?.octets ?? 0),
        eightBit: signed.eightBit,
      };
    });
    return {
      kind: "pass",
      findings: { kind: "signed", account: login.accountId, identity, kids, messageIdHash },
      copies,
      release: async () => content.file?.remove(),
    };
  }

  #passAsItCame(came: Came, name: string | null): Work {
    const { id, recipients, message } = came;
    const { header } = message.scanned;
    // REC-2: whatever else stays, nobody writes results in our name.
    const { hostname, otherHosts } = this.#options;
    const edits = withoutClaimedResults(header, [hostname, ...otherHosts]);
    const prefix = this.#received(came);
    const inline = [applyEdits(header, edits), message.hasEmptyLine ? CRLF : Buffer.alloc(0)];
    const copy: Copy = {
      id,
      recipients,
      prefix,
      inline,
      body: () => message.readBody(),
      octets: inline.reduce((sum, { length }) => sum + length, prefix.length) + message.bodyOctets,
      eightBit: message.eightBitBody,
    };
    return { kind: "pass", findings: { kind: "unsigned", name }, copies: [copy] };
  }

  /** Where users are is nobody's business. */
  #received({ id, session, envelope, recipients }: Came): Buffer {
    const trace = { hostname: this.#options.hostname, date: new Date(this.#options.clock.now()) };
    return Buffer.from(
      formatReceivedField(session, { ...envelope, id, recipients }, { ...trace, hideClient: true }),
    );
  }
}

/** A login that was remembered may be over, and the address another account's by now. */
async function refusalOf(
  { reply: answer, cause }: Refused,
  sender: Sender & { readonly kind: "user" },
): Promise<Refusal> {
  if (answer.code !== 421 && answer.enhanced !== "5.7.1") return { reply: answer, cause };
  await sender.forget();
  if (answer.code !== 421) return { reply: answer, cause };
  return { reply: reply(451, "4.7.0", "The login has ended; try again later"), cause };
}

const CRLF = Buffer.from("\r\n");

async function* nothing(): AsyncGenerator<Uint8Array> {}
