import type { ClientIdentity } from "../client-identity.ts";
import type { Reply } from "../reply.ts";
import type { ContentTransfer } from "./content-transfer.ts";
import type {
  AbortReason,
  AuthExchange,
  Envelope,
  EnvelopeRecipient,
  Protocol,
  SessionInfo,
  TlsInfo,
} from "./handler.ts";
import { noTrust, type Trust } from "./trusted-hosts.ts";

/** Where the client is: addresses and ports of one connection. */
export interface Endpoints {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localPort: number;
  /** The host that named the client by the PROXY protocol; null unless one did. */
  readonly proxiedBy?: string | null;
  /** What the client may say of those whose mail it brings; nothing unless given. */
  readonly trust?: Trust;
  /** From now on the connection counts as this address's; false when that one has too many. */
  readonly countAs?: (address: string) => boolean;
}

/** A transaction under way (RFC 5321 §3.3): the envelope that handlers see, and that RCPT extends. */
export interface Transaction extends Envelope {
  readonly recipients: EnvelopeRecipient[];
  /** The content, once DATA or BDAT began it. */
  transfer: ContentTransfer | null;
}

/** A SASL exchange under way. */
export interface Authentication<User> {
  readonly mechanism: string;
  readonly exchange: AuthExchange<User>;
}

/** What the commands of one session read and change. Handlers see it as `SessionInfo`. */
export class Conversation<User> implements SessionInfo<User> {
  readonly id: string;
  readonly #endpoints: Endpoints;
  trust: Trust;
  /** What XCLIENT has told; and XFORWARD, of the next message. */
  toldBySession: ClientIdentity | null = null;
  toldByMessage: ClientIdentity | null = null;
  /** Said to MAIL, since XCLIENT has failed, or XFORWARD. */
  refusal: Reply | null = null;
  messageRefusal: Reply | null = null;
  /** The name in EHLO or HELO. */
  saidHelo: string | null = null;
  /** Whether the client said EHLO, not HELO. */
  extended = false;
  tls: TlsInfo | null = null;
  /** tls-exporter value (RFC 9266) of the TLS session; null before TLS 1.3. */
  channelBinding: Uint8Array | null = null;
  user: User | null = null;
  /** Settles when XCLIENT has been carried out, with the user whom it names; null: at once, or there was none. */
  takeover: Promise<void> | null = null;
  /** The user was named by XCLIENT. */
  asserted = false;
  authentication: Authentication<User> | null = null;
  transaction: Transaction | null = null;
  /** Transactions begun, for envelope ids. */
  transactions = 0;
  errors = 0;
  idleCommands = 0;
  authFailures = 0;

  constructor(id: string, endpoints: Endpoints) {
    this.id = id;
    this.#endpoints = endpoints;
    this.trust = endpoints.trust ?? noTrust;
  }

  get remoteAddress(): string {
    return this.#identity?.address ?? this.#endpoints.remoteAddress;
  }

  get remotePort(): number {
    return this.#identity === null ? this.#endpoints.remotePort : (this.#identity.port ?? 0);
  }

  get localPort(): number {
    return this.#endpoints.localPort;
  }

  get helo(): string | null {
    // XFORWARD_README, "Server operation": what it did not tell is not known.
    if (this.#identity !== null && this.#identity === this.toldByMessage) return this.#identity.helo;
    return this.toldBySession?.helo ?? this.saidHelo;
  }

  get proxiedBy(): string | null {
    const { remoteAddress, proxiedBy = null } = this.#endpoints;
    if (this.#identity === null) return proxiedBy;
    const byMessage = this.#identity === this.toldByMessage;
    return (byMessage ? this.toldBySession?.address : null) ?? remoteAddress;
  }

  get told(): ClientIdentity | null {
    return this.toldByMessage ?? this.toldBySession;
  }

  /** Whose mail this is; null: the client's own. Without an address nobody has been named. */
  get #identity(): ClientIdentity | null {
    if (this.toldByMessage?.address != null) return this.toldByMessage;
    return this.toldBySession?.address != null ? this.toldBySession : null;
  }

  countAs(address: string): boolean {
    return this.#endpoints.countAs?.(address) ?? true;
  }

  /** XCLIENT: another client's session on the same connection. */
  restart(identity: ClientIdentity): void {
    this.endTransaction("reset");
    this.cancelAuthentication();
    this.toldBySession = identity;
    this.saidHelo = null;
    this.extended = false;
    this.user = null;
    this.asserted = false;
  }

  get protocol(): Protocol {
    if (!this.extended) return "SMTP";
    const suffix = `${this.tls === null ? "" : "S"}${this.user === null ? "" : "A"}` as "" | "A" | "S" | "SA";
    return this.transaction?.smtputf8 ? `UTF8SMTP${suffix}` : `ESMTP${suffix}`;
  }

  /** RFC 3207 §4.2: nothing that was said before the handshake counts. */
  secured(tls: TlsInfo, channelBinding: Uint8Array | null): void {
    this.tls = tls;
    this.channelBinding = channelBinding;
    this.saidHelo = null;
    this.extended = false;
    this.user = null;
    this.endTransaction("reset");
  }

  /** What has come of its content is forgotten, unless its fate is decided. */
  endTransaction(reason: AbortReason): void {
    this.transaction?.transfer?.abort(reason);
    this.transaction = null;
    this.toldByMessage = null;
    this.messageRefusal = null;
  }

  cancelAuthentication(): void {
    this.authentication?.exchange.cancel();
    this.authentication = null;
  }
}
