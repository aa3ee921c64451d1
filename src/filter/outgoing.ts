import { isAscii } from "node:buffer";
import { describeMessage } from "../border/index.ts";
import type { Address } from "../message/index.ts";
import type {
  MilterAnswer,
  MilterMessage,
  MilterOutcome,
  MilterReply,
  MilterTransaction,
} from "../milter/index.ts";
import type { ReceivedMessage } from "../reception/index.ts";
import type { KeySource } from "../signature/index.ts";
import {
  AssertedLogins,
  type DkimSigners,
  type Login,
  notAsserted,
  type Refused,
  type SignedInPlace,
  signInPlace,
  unavailable,
  type Vault,
  withinDeadline,
} from "../signing/index.ts";
import { SpoolError } from "../spool/index.ts";
import { beginMessage } from "./begin-message.ts";
import type { Origin } from "./origin.ts";
import { milterReply, refuse, unchanged } from "./reply.ts";
import { clientOf, isSmtpUtf8, type Shared, seen } from "./shared.ts";
import { unsignedMessage } from "./unsigned-message.ts";

export interface SigningOptions {
  /** Where accounts and their keys are. It has to know users whom the mail server authenticated (PRV-9). */
  readonly vault: Pick<Vault, "assert">;
  /** What becomes of mail of users who have no account. */
  readonly unknownUsers: "accept" | "reject";
  /** Key statements are stapled to messages (STP-1). Default off. */
  readonly staple?: boolean;
  /** Bodies in 8 bits go out in 7, as far as they may (MSG-16 to MSG-19), or as they come. Default `convert`. */
  readonly eightBit?: "convert" | "keep";
  /** Who signs by DKIM after us (SIG-58); nobody unless given. */
  readonly dkim?: DkimSigners;
  /** Where the keys of authors are asked for whose mail users pass on (CUS-2); without this they may not. */
  readonly keys?: KeySource | null;
  /** How long the vault may take for a message; then 451 4.4.3. Default 30 s. */
  readonly timeoutMs?: number;
}

export type OutgoingOrigin = Origin & { readonly kind: "outgoing" };

/** A message that is to be signed, and for whom. */
interface ToSign {
  readonly transaction: MilterTransaction;
  readonly origin: OutgoingOrigin;
  readonly account: Address;
}

const unknownUser: MilterReply = {
  code: 550,
  enhanced: "5.7.1",
  text: "You have no account that signs your mail; ask your provider",
};

/** Mail of the mail server's users: one signature with the account's key, and what else a submission server changes (SUB-4). */
export class Outgoing {
  readonly #options: SigningOptions;
  readonly #shared: Shared;
  readonly #logins: AssertedLogins;

  constructor(options: SigningOptions, shared: Shared) {
    this.#options = options;
    this.#shared = shared;
    this.#logins = new AssertedLogins(options.vault);
  }

  /** Who has no account is told before the content comes, or let through. */
  async begin(transaction: MilterTransaction, origin: OutgoingOrigin): Promise<MilterMessage | MilterAnswer> {
    const { account } = origin;
    if (account === null) return this.#unknown(transaction, origin);
    const login = await this.#logins.of(account, clientOf(transaction));
    if (login === null) return this.#unknown(transaction, origin);
    if ("kind" in login) return this.#refuse(transaction, origin, notAsserted(login));
    const { eightBit = "convert" } = this.#options;
    const converts = eightBit === "convert" && transaction.connection.allows.changeBody;
    const begun = beginMessage(this.#shared.reception, {
      scanEightBit: converts && !isSmtpUtf8(transaction),
      filter: (message) => this.#filter({ transaction, origin, account }, message),
      refused: (reply, cause) => void this.#refused(transaction, origin, reply, cause),
    });
    return "code" in begun ? refuse(this.#refused(transaction, origin, begun, null)) : begun;
  }

  close(): void {
    this.#logins.close();
  }

  async #filter(toSign: ToSign, message: ReceivedMessage): Promise<MilterOutcome> {
    const { transaction, origin } = toSign;
    const { allows } = transaction.connection;
    const began = this.#shared.clock.now();
    if (!allows.addHeaders || !allows.changeHeaders) {
      const cause = new Error("the mail server lets milters change no header fields");
      return unchanged(this.#refuse(transaction, origin, unavailable(cause)));
    }
    const kept: Kept = message.eightBit?.plan ? await keepBody(message) : message;
    let isGiven = false;
    try {
      const signed = await this.#sign(toSign, kept);
      if (signed.kind === "refused") {
        return unchanged(this.#refuse(transaction, origin, signed));
      }
      const { edits, body } = signed;
      this.#signed(toSign, message, signed, began);
      isGiven = true;
      const { forget: release } = kept;
      return { answer: { kind: "continue" }, edits, body: body?.() ?? null, quarantine: null, release };
    } finally {
      if (!isGiven) await kept.forget?.();
    }
  }

  #signed(
    { transaction, origin: { proof } }: ToSign,
    message: ReceivedMessage,
    { account, identity, kids, messageIdHash, body }: Signed & { readonly kind: "signed" },
    began: number,
  ): void {
    const { clock, onEvent } = this.#shared;
    const at = clock.now();
    onEvent({
      kind: "signed",
      ...seen(transaction, at),
      proof,
      account,
      identity,
      kids,
      messageIdHash,
      octets: describeMessage(message).octets,
      isConverted: body !== null,
      signingMs: at - began,
    });
  }

  /** A login that was remembered may have ended meanwhile: then with another one. */
  async #sign(toSign: ToSign, message: ReceivedMessage, isAgain = false): Promise<Signed> {
    const { transaction, account } = toSign;
    const client = clientOf(transaction);
    const login = await this.#logins.of(account, client);
    if (login === null || "kind" in login) {
      return login === null ? unavailable(new Error("the account is gone")) : notAsserted(login);
    }
    const signed = await this.#signWith(login, toSign, message);
    if (signed.kind === "signed") return { ...signed, account: login.accountId };
    const { code, enhanced } = signed.reply;
    const hasEnded = code === 421;
    // The address may be another account's by now: whoever sends again is asked about anew.
    if (hasEnded || enhanced === "5.7.1") await this.#logins.forget(account, client, login);
    return hasEnded && !isAgain ? this.#sign(toSign, message, true) : signed;
  }

  async #signWith(login: Login, { transaction }: ToSign, message: ReceivedMessage): Promise<SignedInPlace> {
    const { staple = false, dkim, keys = null, timeoutMs } = this.#options;
    // What a program submits without SMTP says nothing of itself; its header shows it.
    const isLocal = clientOf(transaction) === "" || transaction.connection.port === null;
    const smtputf8 = isSmtpUtf8(transaction) || (isLocal && !isAscii(message.scanned.header.octets));
    try {
      const signing = signInPlace(
        {
          message,
          recipients: transaction.recipients.map(({ address }) => forwardPath(address, login)),
          smtputf8,
          authservIds: this.#shared.authservIds,
          staple,
          keys,
          convert: !smtputf8,
          now: this.#shared.clock.now(),
          ...(dkim ? { dkim } : {}),
        },
        login,
      );
      return await withinDeadline(signing, message, timeoutMs);
    } catch (error) {
      if (!(error instanceof SpoolError)) throw error;
      return unavailable(error);
    }
  }

  /** SUB-6 is about accounts: who has none may have his mail sent as it is, while accounts are being made. */
  #unknown(transaction: MilterTransaction, origin: OutgoingOrigin): MilterMessage | MilterAnswer {
    const { proof, name, account } = origin;
    // What cron and the like send has to go out whoever has an account.
    if (this.#options.unknownUsers === "reject" && proof !== "local") {
      return refuse(this.#refused(transaction, origin, unknownUser, null));
    }
    return unsignedMessage(transaction, this.#shared, () => {
      const at = this.#shared.clock.now();
      this.#shared.onEvent({ kind: "unsigned", ...seen(transaction, at), proof, name, account });
    });
  }

  #refuse(
    transaction: MilterTransaction,
    origin: OutgoingOrigin,
    { reply, cause }: Refused,
  ): MilterAnswer & { readonly kind: "refuse" } {
    return refuse(this.#refused(transaction, origin, milterReply(reply), cause));
  }

  #refused(
    transaction: MilterTransaction,
    { proof, name }: OutgoingOrigin,
    reply: MilterReply,
    cause: unknown,
  ): MilterReply {
    const at = this.#shared.clock.now();
    this.#shared.onEvent({ kind: "refused", ...seen(transaction, at), proof, name, reply, cause });
    return reply;
  }
}

/** With whose key. */
type Signed = Refused | ((SignedInPlace & { readonly kind: "signed" }) & { readonly account: string });

/** RFC 5321 §4.5.1: `<Postmaster>` without a domain is the one of the sender's own domain. */
function forwardPath(address: string, login: Login): string {
  return address.includes("@") ? address : `${address}@${login.primary.domain}`;
}

type Kept = ReceivedMessage & { readonly forget?: () => Promise<void> };

/** Its body is read again after it was signed. */
async function keepBody(message: ReceivedMessage): Promise<Kept> {
  const body = await message.takeBody();
  const forget = async () => body.file?.remove();
  return { ...message, readBody: () => body.read(), takeBody: async () => body, forget };
}
