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

/** Where the client is: addresses and ports of one connection. */
export interface Endpoints {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localPort: number;
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
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localPort: number;
  helo: string | null = null;
  /** Whether the client said EHLO, not HELO. */
  extended = false;
  tls: TlsInfo | null = null;
  /** tls-exporter value (RFC 9266) of the TLS session; null before TLS 1.3. */
  channelBinding: Uint8Array | null = null;
  user: User | null = null;
  authentication: Authentication<User> | null = null;
  transaction: Transaction | null = null;
  /** Transactions begun, for envelope ids. */
  transactions = 0;
  errors = 0;
  idleCommands = 0;
  authFailures = 0;

  constructor(id: string, endpoints: Endpoints) {
    this.id = id;
    this.remoteAddress = endpoints.remoteAddress;
    this.remotePort = endpoints.remotePort;
    this.localPort = endpoints.localPort;
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
    this.helo = null;
    this.extended = false;
    this.user = null;
    this.endTransaction("reset");
  }

  /** What has come of its content is forgotten, unless its fate is decided. */
  endTransaction(reason: AbortReason): void {
    this.transaction?.transfer?.abort(reason);
    this.transaction = null;
  }

  cancelAuthentication(): void {
    this.authentication?.exchange.cancel();
    this.authentication = null;
  }
}
