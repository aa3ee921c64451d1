import { sameSettings } from "../border/index.ts";
import type {
  MilterAnswer,
  MilterHandler,
  MilterMessage,
  MilterPath,
  MilterTransaction,
} from "../milter/index.ts";
import { Reception } from "../reception/index.ts";
import type { Spool } from "../spool/index.ts";
import type { FilterEvent } from "./filter-event.ts";
import { Incoming, type SettingsOf, type VerifyingOptions } from "./incoming.ts";
import { type Origin, Origins, type Submitters } from "./origin.ts";
import { Outgoing, type SigningOptions } from "./outgoing.ts";
import { type Shared, seen } from "./shared.ts";
import { unsignedMessage } from "./unsigned-message.ts";

export interface FilterOptions {
  /** The mail server's name, which is the id in Authentication-Results. */
  readonly hostname: string;
  /** The operator's further hosts: nobody may write results in their names either. None unless given. */
  readonly otherHosts?: readonly string[];
  /** Who is whose user. */
  readonly submitters: Submitters;
  /** Null: users' mail passes as it is. */
  readonly signing: SigningOptions | null;
  /** Null: others' mail passes as it is. */
  readonly verifying: VerifyingOptions | null;
  /** Where the bodies of large messages go. */
  readonly spool: Pick<Spool, "receive" | "memoryOctets">;
  /** Octets held in memory for messages in all sessions together; further ones are answered 452. */
  readonly bufferOctets?: number;
  readonly clock?: { now(): number };
  readonly onEvent?: (event: FilterEvent) => void;
}

const pass: MilterAnswer = { kind: "accept" };

/** What a mail server is told of its mail: its users' is signed, that of others is verified. */
export class Filter implements MilterHandler {
  /** Only where some recipients' domains treat mail otherwise than others: else nobody is asked for each. */
  readonly rcpt?: NonNullable<MilterHandler["rcpt"]>;
  readonly #origins: Origins;
  readonly #known = new WeakMap<MilterTransaction, Origin>();
  readonly #outgoing: Outgoing | null;
  readonly #incoming: Incoming | null;
  readonly #shared: Shared;
  #toldOfMacros = false;

  constructor(options: FilterOptions) {
    const { hostname, otherHosts = [], submitters, signing, verifying, spool, bufferOctets } = options;
    const shared: Shared = {
      authservIds: [hostname, ...otherHosts],
      reception: new Reception({ spool, memoryOctets: bufferOctets }),
      clock: options.clock ?? Date,
      onEvent: options.onEvent ?? (() => {}),
    };
    this.#shared = shared;
    this.#origins = new Origins(submitters, hostname);
    this.#outgoing = signing && new Outgoing(signing, shared);
    this.#incoming = verifying && new Incoming(verifying, shared);
    const settingsOf = verifying?.settingsOf ?? null;
    if (settingsOf !== null) {
      this.rcpt = (transaction, recipient) => this.#rcpt(settingsOf, transaction, recipient);
    }
  }

  async begin(transaction: MilterTransaction): Promise<MilterMessage | MilterAnswer> {
    const origin = this.#originOf(transaction);
    if (origin.kind === "outgoing") {
      return this.#outgoing?.begin(transaction, origin) ?? unsignedMessage(transaction, this.#shared);
    }
    return this.#incoming?.begin(transaction) ?? pass;
  }

  /** No message is under way any more. */
  close(): void {
    this.#outgoing?.close();
  }

  /** One answer is for all recipients of a message: those of a domain with other settings come separately. */
  #rcpt(settingsOf: SettingsOf, transaction: MilterTransaction, recipient: MilterPath): MilterAnswer {
    const [first] = transaction.recipients;
    if (first === undefined) return { kind: "continue" };
    if (this.#originOf(transaction).kind === "outgoing") return { kind: "continue" };
    if (sameSettings(settingsOf(first.address), settingsOf(recipient.address))) return { kind: "continue" };
    const text = "This recipient's domain is served in a transaction of its own";
    return { kind: "refuse", reply: { code: 452, enhanced: "4.5.3", text } };
  }

  /** What the mail server says of a client does not change between MAIL and the message's end. */
  #originOf(transaction: MilterTransaction): Origin {
    const known = this.#known.get(transaction);
    if (known !== undefined) return known;
    const origin = this.#origins.of(transaction);
    this.#known.set(transaction, origin);
    if (!this.#toldOfMacros && !hasMacros(transaction)) {
      this.#toldOfMacros = true;
      const { clock, onEvent } = this.#shared;
      onEvent({ kind: "macros-missing", ...seen(transaction, clock.now()) });
    }
    return origin;
  }
}

/** Postfix and Sendmail say each of these of every sender, logged in or not, unless their settings keep it. */
function hasMacros({ macros }: MilterTransaction): boolean {
  return ["mail_addr", "auth_type", "auth_authen", "i"].some((name) => macros.get(name) !== undefined);
}
