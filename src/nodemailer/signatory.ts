import { crlfLines, encodeAddress } from "../message/index.ts";
import { type ReceivedMessage, Reception } from "../reception/index.ts";
import { prepare } from "../signature/index.ts";
import {
  type Login,
  notAsserted,
  type Refused,
  type SignedCopy,
  type SignedSubmission,
  signSubmission,
} from "../signing/index.ts";
import { reply } from "../smtp/index.ts";
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

interface Storage {
  readonly spool: Pick<Spool, "receive" | "memoryOctets">;
  readonly reception: Reception;
}

/** What lies in the folder for so long is of a process that died. */
const LEFT_BEHIND_MS = 86_400_000;
const taken = reply(250, "2.0.0", "signed");

/** Signs what nodemailer has composed, as a submission server signs what it takes. */
export class Signatory {
  readonly #options: SigningOptions;
  #storage: Promise<Storage> | null = null;

  constructor(options: SigningOptions) {
    this.#options = options;
  }

  /**
   * @param copies `split`: one with a signature of its own for each destination, and for each blind recipient (RCP-4, RCP-5);
   * `one`: all get the same (RCP-7)
   */
  async sign(
    written: AsyncIterable<Uint8Array>,
    { from, to }: Envelope,
    copies: "split" | "one",
  ): Promise<SignedMail> {
    const { spool, reception } = await this.#open();
    const { flags = [], staple = false, clock = Date } = this.#options;
    // As nodemailer asks for SMTPUTF8.
    const smtputf8 = [from, ...to].some((path) => path !== false && /[^\0-\x7f]/.test(path));
    const wanted = { recipients: to, smtputf8, authservIds: [], staple, flags, convertInto: spool, copies };
    return receive(reception, written, (message) =>
      this.#asUser(message, (login) => signSubmission({ ...wanted, message, now: clock.now() }, login)),
    );
  }

  async #asUser(
    message: ReceivedMessage,
    sign: (login: Login) => Promise<SignedSubmission>,
  ): Promise<SignedSubmission> {
    const { login: given } = this.#options;
    if (typeof given !== "function") return sign(given);
    const login = await logIn(message, given);
    if ("kind" in login) return login;
    try {
      return await sign(login);
    } finally {
      login.end();
    }
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
    if (folder === undefined)
      return { spool: memorySpool, reception: new Reception({ spool: memorySpool, memoryOctets }) };
    const spool = await Spool.open(folder, { durable: false });
    await spool.sweep(async () => new Set(), LEFT_BEHIND_MS);
    return { spool, reception: new Reception({ spool, memoryOctets }) };
  }
}

/** Reads a message to its end and has it signed. @throws SigningRefused */
async function receive(
  reception: Reception,
  written: AsyncIterable<Uint8Array>,
  sign: (message: ReceivedMessage) => Promise<SignedSubmission>,
): Promise<SignedMail> {
  const { promise, resolve } = Promise.withResolvers<SignedSubmission>();
  const sink = reception.begin({
    declaredOctets: null,
    scanEightBit: true,
    accept: async (message) => {
      const signed = await sign(message);
      resolve(signed);
      return signed.kind === "signed" ? taken : signed.reply;
    },
    refused: (answer, cause) => resolve({ kind: "refused", reply: answer, cause }),
  });
  if ("code" in sink) throw new SigningRefused(sink, null);
  try {
    for await (const chunk of crlfLines(written)) await sink.write(chunk);
  } catch (error) {
    sink.abort("disconnected");
    throw error;
  }
  await sink.finish();
  const signed = await promise;
  if (signed.kind === "refused") throw new SigningRefused(signed.reply, signed.cause);
  return signedMail(signed);
}

function signedMail({ content, copies }: SignedSubmission & { kind: "signed" }): SignedMail {
  const { inline, file } = content;
  async function* octets({ signatures }: SignedCopy): AsyncGenerator<Uint8Array> {
    yield signatures;
    yield inline;
    if (file !== null) yield* file.read();
  }
  return {
    copies: copies.map((copy) => ({ recipients: copy.recipients, octets: () => octets(copy) })),
    discard: async () => file?.remove(),
  };
}

async function logIn({ scanned }: ReceivedMessage, ask: LogIn): Promise<Login | Refused> {
  const prepared = prepare(scanned);
  const responsible = prepared.ok ? prepared.responsible : prepared;
  if (!responsible.ok) return refused(550, "5.6.0", `The message cannot be signed: ${responsible.detail}`);
  const login = await ask(responsible.address);
  if (login === null) {
    const text = `${encodeAddress(responsible.address)} is none of the addresses that sign here`;
    return refused(550, "5.7.1", text);
  }
  if (!("kind" in login)) return login;
  return notAsserted(login);
}

function refused(code: number, enhanced: string, text: string): Refused {
  return { kind: "refused", reply: reply(code, enhanced, text), cause: null };
}
