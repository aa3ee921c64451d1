import { Readable } from "node:stream";
import type { ComposedMail, Envelope } from "./composed-mail.ts";
import { Signatory, type SignedMail } from "./signatory.ts";
import type { SigningOptions } from "./signing-options.ts";

/** One copy, as the next transporter gets it. */
export interface CopyToSend {
  readonly envelope: { readonly from: string | false; readonly to: string[] };
  readonly raw: Readable;
  readonly messageId: string;
}

/** Who sends what is signed: a transporter, as `createTransport` gives it. */
export interface NextTransporter<Info> {
  sendMail(data: CopyToSend): Promise<Info>;
  // Not used: TypeScript learns `Info` from the last of nodemailer's signatures.
  sendMail(data: CopyToSend, callback: (error: Error | null, info: Info) => void): void;
  verify?(): unknown;
  close?(): unknown;
}

/** What became of a message, as nodemailer's own transports say it. */
export interface SentCopies<Info> {
  readonly envelope: { from: string | false; to: string[] };
  readonly messageId: string;
  /** Whose copy was taken. */
  readonly accepted: string[];
  /** Whose copy was not, for a reason in `rejectedErrors`: they can be sent to again, the others have theirs. */
  readonly rejected: string[];
  readonly rejectedErrors: Error[];
  /** What the next transporter says of each copy that was taken. */
  readonly copies: Info[];
  readonly [more: string]: unknown;
}

type Outcome<Info> =
  | { readonly recipients: readonly string[]; readonly info: Info }
  | { readonly recipients: readonly string[]; readonly error: Error };

/** Each takes a connection of its own where the next transporter keeps none. */
const COPIES_AT_ONCE = 4;
/** What of a message is said to the next transporter, not written in it. */
const PASSED_ON = ["auth", "dsn", "requireTLSExtensionEnabled", "ses", "signal"] as const;

/**
 * A transport that signs and has another transporter send: `createTransport(new SigningTransport(createTransport(…), { login }))`.
 *
 * Each destination's recipients, and each blind recipient, get a copy whose signature names just them (RCP-4, RCP-5), so a
 * message goes out several times; with `pool: true` the next transporter does that over few connections. DKIM is the next
 * transporter's to add. A message that cannot be signed fails with `SigningRefused` before any of it is sent (SUB-6). Where
 * some copies are taken and others are not, the message counts as sent, and `rejected` says who has not got it; where none
 * is, sending fails as the first did.
 */
export class SigningTransport<Info = unknown> {
  readonly name = "VSMTP";
  readonly version = "1";
  readonly #next: NextTransporter<Info>;
  readonly #signatory: Signatory;

  constructor(next: NextTransporter<Info>, options: SigningOptions) {
    this.#next = next;
    this.#signatory = new Signatory(options);
  }

  send(mail: ComposedMail, callback: (error: Error | null, info: SentCopies<Info>) => void): void {
    this.#send(mail).then(
      (info) => callback(null, info),
      (error) => (callback as (error: Error) => void)(error),
    );
  }

  /** Whether the next transporter could send now. */
  verify(callback?: (error: Error | null, success: true) => void): unknown {
    const verified = (async () => (await this.#next.verify?.()) ?? true)();
    if (callback === undefined) return verified;
    verified.then(
      () => callback(null, true),
      (error) => (callback as (error: Error) => void)(error),
    );
    return undefined;
  }

  close(): void {
    this.#next.close?.();
  }

  async #send(mail: ComposedMail): Promise<SentCopies<Info>> {
    const { from, to } = mail.message.getEnvelope();
    const envelope = { from, to: [...to] };
    if (to.length === 0) throw Object.assign(new Error("No recipients defined"), { code: "EENVELOPE" });
    const signed = await this.#signatory.sign(mail.message.createReadStream(), envelope, "split");
    try {
      const outcomes = await this.#sendCopies(mail, envelope, signed);
      return { envelope, messageId: mail.message.messageId(), ...gathered(outcomes) };
    } finally {
      await signed.discard();
    }
  }

  async #sendCopies(
    mail: ComposedMail,
    { from }: Envelope,
    { copies }: SignedMail,
  ): Promise<readonly Outcome<Info>[]> {
    const data = mail.data as Readonly<Record<string, unknown>>;
    const passedOn = Object.fromEntries(PASSED_ON.flatMap((key) => (key in data ? [[key, data[key]]] : [])));
    const messageId = mail.message.messageId();
    const outcomes: Outcome<Info>[] = [];
    const waiting = copies.entries();
    const sendNext = async (): Promise<void> => {
      for (const [index, { recipients, octets }] of waiting) {
        const raw = Readable.from(octets(), { objectMode: false });
        const envelope = { from, to: [...recipients] };
        outcomes[index] = await this.#next.sendMail({ ...passedOn, envelope, raw, messageId }).then(
          (info) => ({ recipients, info }),
          (error) => ({ recipients, error }),
        );
        raw.destroy();
      }
    };
    await Promise.all(Array.from({ length: COPIES_AT_ONCE }, sendNext));
    return outcomes;
  }
}

/** @throws what the first copy failed with, where none was taken */
function gathered<Info>(
  outcomes: readonly Outcome<Info>[],
): Pick<SentCopies<Info>, "accepted" | "rejected" | "rejectedErrors" | "copies"> {
  const accepted: string[] = [];
  const rejected: string[] = [];
  const rejectedErrors: Error[] = [];
  const copies: Info[] = [];
  for (const outcome of outcomes) {
    if ("error" in outcome) {
      rejected.push(...outcome.recipients);
      rejectedErrors.push(outcome.error);
      continue;
    }
    const said = outcome.info as Partial<Pick<SentCopies<Info>, "accepted" | "rejected" | "rejectedErrors">>;
    accepted.push(...(said.accepted ?? outcome.recipients));
    rejected.push(...(said.rejected ?? []));
    rejectedErrors.push(...(said.rejectedErrors ?? []));
    copies.push(outcome.info);
  }
  if (copies.length === 0 && rejectedErrors[0] !== undefined) throw rejectedErrors[0];
  return { accepted, rejected, rejectedErrors, copies };
}
