import { applyEdits, crlfLines, encodeAddress } from "../message/index.ts";
import { type ReceivedMessage, Reception } from "../reception/index.ts";
import { prepare } from "../signature/index.ts";
import { type Login, type Refused, type SignedCopy, signInPlace, signSubmission } from "../signing/index.ts";
import { type Reply, reply } from "../smtp/index.ts";
import { memorySpool, Spool } from "../spool/index.ts";
import type { Envelope } from "./composed-mail.ts";
import type { LogIn, SigningOptions } from "./signing-options.ts";
import { SigningRefused } from "./signing-refused.ts";

/** A signed message, or several that differ in their signatures. */
export interface SignedMail {
  readonly copies: readonly { readonly recipients: readonly string[]; octets(): AsyncIterable<Uint8Array> }[];
  /** It is sent, or will not be. */
  discard(): Promise<void>;
}

type Storage = { readonly spool: Pick<Spool, "receive" | "memoryOctets">; readonly reception: Reception };
type Signed = { readonly kind: "signed"; readonly mail: SignedMail } | Refused;

const CRLF = Buffer.from("\r\n");
const taken = reply(250, "2.0.0", "signed");

/** Signs what nodemailer has composed, as a submission server signs what it takes. */
export class Signatory {
  readonly #options: SigningOptions;
  #storage: Promise<Storage> | null = null;

  constructor(options: SigningOptions) {
    this.#options = options;
  }

  /** A copy with a signature of its own for each destination, and for each blind recipient (RCP-4, RCP-5). */
  async split(written: AsyncIterable<Uint8Array>, envelope: Envelope): Promise<SignedMail> {
    const { spool } = await this.#open();
    return this.#sign(written, async (message, login) => {
      const toSign = { ...this.#toSign(message, envelope), convertInto: spool };
      const signed = await signSubmission(toSign, login);
      if (signed.kind === "refused") return signed;
      const { inline, file } = signed.content;
      async function* octets({ signatures }: SignedCopy): AsyncGenerator<Uint8Array> {
        yield signatures;
        yield inline;
        if (file !== null) yield* file.read();
      }
      const copies = signed.copies.map((copy) => ({
        recipients: copy.recipients,
        octets: () => octets(copy),
      }));
      return { kind: "signed", mail: { copies, discard: async () => file?.remove() } };
    });
  }

  /** One copy for all, bound to those whom everybody sees (decision 0123). */
  async whole(written: AsyncIterable<Uint8Array>, envelope: Envelope): Promise<SignedMail> {
    return this.#sign(written, async (message, login) => {
      const body = await message.takeBody();
      const discard = async (): Promise<void> => body.file?.remove();
      const kept = { ...message, readBody: () => body.read(), takeBody: async () => body };
      const signed = await signInPlace({ ...this.#toSign(kept, envelope), convert: true }, login).catch(
        async (error) => {
          await discard();
          throw error;
        },
      );
      if (signed.kind === "refused") {
        await discard();
        return signed;
      }
      const header = applyEdits(message.scanned.header, signed.edits);
      const read = signed.body ?? kept.readBody;
      async function* octets(): AsyncGenerator<Uint8Array> {
        yield header;
        yield CRLF;
        yield* read();
      }
      return { kind: "signed", mail: { copies: [{ recipients: envelope.to, octets }], discard } };
    });
  }

  #toSign(message: ReceivedMessage, { from, to }: Envelope) {
    const { flags = [], staple = false, clock = Date } = this.#options;
    // As nodemailer asks for SMTPUTF8.
    const smtputf8 = [from, ...to].some((path) => path !== false && /[^\0-\x7f]/.test(path));
    return { message, recipients: to, smtputf8, authservIds: [], staple, flags, now: clock.now() };
  }

  async #sign(
    written: AsyncIterable<Uint8Array>,
    sign: (message: ReceivedMessage, login: Login) => Promise<Signed>,
  ): Promise<SignedMail> {
    const { reception } = await this.#open();
    let signed: Signed | null = null;
    const note = (result: Signed): Reply => {
      signed = result;
      return result.kind === "signed" ? taken : result.reply;
    };
    const sink = reception.begin({
      declaredOctets: null,
      scanEightBit: true,
      accept: async (message) => note(await this.#asUser(message, sign)),
      refused: (answer, cause) => void note({ kind: "refused", reply: answer, cause }),
    });
    if ("code" in sink) throw new SigningRefused(sink, null);
    try {
      for await (const chunk of crlfLines(written)) await sink.write(chunk);
    } catch (error) {
      sink.abort("disconnected");
      throw error;
    }
    await sink.finish();
    const result = signed as Signed | null;
    if (result?.kind === "signed") return result.mail;
    throw new SigningRefused((result as Refused).reply, (result as Refused).cause);
  }

  async #asUser(
    message: ReceivedMessage,
    sign: (message: ReceivedMessage, login: Login) => Promise<Signed>,
  ): Promise<Signed> {
    const { login: given } = this.#options;
    if (typeof given !== "function") return sign(message, given);
    const login = await this.#logIn(message, given);
    if (login.kind === "refused") return login;
    try {
      return await sign(message, login.login);
    } finally {
      login.login.end();
    }
  }

  async #logIn(
    { scanned }: ReceivedMessage,
    logIn: LogIn,
  ): Promise<{ readonly kind: "accepted"; readonly login: Login } | Refused> {
    const prepared = prepare(scanned);
    const responsible = prepared.ok ? prepared.responsible : prepared;
    if (!responsible.ok) {
      const text = `The message cannot be signed: ${responsible.detail}`;
      return { kind: "refused", reply: reply(550, "5.6.0", text), cause: null };
    }
    const login = await logIn(responsible.address);
    if (login === null) {
      const text = `${encodeAddress(responsible.address)} is none of the addresses that sign here`;
      return { kind: "refused", reply: reply(550, "5.7.1", text), cause: null };
    }
    if (!("kind" in login)) return { kind: "accepted", login };
    // That this program may assert nobody is a mistake in its enrolment, and no reason to lose mail.
    const cause =
      login.kind === "denied" ? new Error("the vault lets this program assert nobody") : login.cause;
    const text = "The message cannot be signed now, so it is not sent; try again later";
    return { kind: "refused", reply: reply(451, "4.4.3", text), cause };
  }

  /** Once, when the first message comes. A folder that cannot be made may be there next time. */
  #open(): Promise<Storage> {
    this.#storage ??= this.#openStorage().catch((error) => {
      this.#storage = null;
      throw error;
    });
    return this.#storage;
  }

  async #openStorage(): Promise<Storage> {
    const { folder, memoryOctets } = this.#options;
    const spool = folder === undefined ? memorySpool : await Spool.open(folder, { durable: false });
    return { spool, reception: new Reception({ spool, memoryOctets }) };
  }
}
