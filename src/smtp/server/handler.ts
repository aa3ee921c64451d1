import type { ClientIdentity } from "../client-identity.ts";
import type { Mailbox } from "../mailbox.ts";
import type { Reply } from "../reply.ts";
import type { OptionalExtension } from "./optional-extension.ts";

/** A handler may answer at once or later; the session waits, and the client with it. */
export type Awaitable<T> = T | Promise<T>;

/**
 * What a host of the receiving side implements: one method a question, all but `data` optional. Where the answer
 * is `Reply | null`, null or a 2xx reply accepts, and any other reply is sent as it stands. A method that throws
 * or rejects costs the client a 451 4.3.0 and is reported as an event.
 *
 * A session asks one question at a time and in the order of the client's commands.
 *
 * @typeParam User what a login gives; opaque to this module.
 */
export interface SmtpHandler<User = unknown> {
  /** Before the greeting. A reply (554 or 421) refuses the client and closes the connection. */
  connect?(session: SessionInfo<User>): Awaitable<Reply | null>;
  /** What this session cannot have, where the handler depends on others. Nothing is withheld without this method. */
  withholds?(session: SessionInfo<User>): Withheld;
  /**
   * SASL mechanisms for the reply to EHLO inside TLS, the strongest first. Those that bind to the TLS session (`-PLUS`,
   * RFC 5801 §4) are left out where that is not possible. Without this method AUTH is not offered.
   */
  mechanisms?(session: SessionInfo<User>): readonly string[];
  /**
   * AUTH inside TLS: begins an exchange, whose octets are relayed as they are. Null for a mechanism that there is not
   * (504). Belongs to `mechanisms`.
   *
   * @param channelBinding tls-exporter value (RFC 9266) of the session; null before TLS 1.3
   */
  authenticate?(
    session: SessionInfo<User>,
    mechanism: string,
    channelBinding: Uint8Array | null,
  ): AuthExchange<User> | null;
  /**
   * LOGIN of XCLIENT: a trusted host says who has logged in there. Without this method it cannot. Asked behind `connect`,
   * and again where XCLIENT tells more.
   */
  assert?(session: SessionInfo<User>, login: string): Awaitable<Assertion<User>>;
  /** MAIL. The envelope has no recipients yet. */
  mail?(session: SessionInfo<User>, envelope: Envelope): Awaitable<Reply | null>;
  /** RCPT. The envelope holds the recipients accepted so far, not this one. */
  rcpt?(
    session: SessionInfo<User>,
    recipient: EnvelopeRecipient,
    envelope: Envelope,
  ): Awaitable<Reply | null>;
  /** DATA or the first BDAT, with at least one recipient. A reply (4xx or 5xx) refuses before any content is read. */
  data(session: SessionInfo<User>, envelope: Envelope): Awaitable<DataSink | Reply>;
  /**
   * The session has ended, or XCLIENT ends it and `connect` is asked again. Called once for each time that `connect` was
   * asked. Must not throw.
   */
  disconnect?(session: SessionInfo<User>): void;
}

/** Extensions that are not offered, and the largest message that is taken where that is less than the server's limit. */
export interface Withheld {
  readonly extensions: ReadonlySet<OptionalExtension>;
  /** Announced only; null: as the server has it. */
  readonly messageOctets: number | null;
}

/**
 * Takes one message's content. After `data` returned it, exactly one of `finish` and `abort` is called, once.
 */
export interface DataSink {
  /**
   * The next octets, cut anywhere: without dot-stuffing and terminator, CRLF line ends only, no NUL, no line over 998
   * octets (MSG-1 to MSG-4, MSG-6). The chunk is the sink's to keep; nobody writes to it afterwards. While a returned promise is
   * pending nothing more is read from the client.
   */
  write(chunk: Uint8Array): void | Promise<void>;
  /**
   * The content is complete and well-formed. A 2xx reply takes responsibility for it (RFC 5321 §6.1): return
   * it only when the message is durable.
   */
  finish(): Awaitable<Reply>;
  /** The content will not be completed or is refused: forget what was written. Must not throw. */
  abort(reason: AbortReason): void;
}

/** Faults of the content that refuse a message: MSG-1 to MSG-3, RFC 5321 §2.3.8 and §4.5.3.1.6, RFC 1870. */
export type ContentFault = "bare-cr" | "bare-lf" | "nul" | "long-line" | "too-big";

/** Why a sink will see no more of its message; `reset`: the client gave it up. */
export type AbortReason = ContentFault | "reset" | "disconnected" | "timeout" | "shutdown" | "sink-failed";

export interface TlsInfo {
  /** As OpenSSL names it: `TLSv1.3`. */
  readonly version: string;
  /** IANA name: `TLS_AES_256_GCM_SHA384`. */
  readonly cipher: string;
}

/** What is known of a session. The same object for its whole life; its values change as the session goes on. */
export interface SessionInfo<User = unknown> {
  /** Unguessable: names the session in logs and to the client without telling anything. */
  readonly id: string;
  /** Of the client whose mail it is: the one that is connected, or whom a trusted host has named. */
  readonly remoteAddress: string;
  /** 0 where it was not named. */
  readonly remotePort: number;
  readonly localPort: number;
  /** The name in EHLO or HELO, syntax checked only; null before, and where it was not named. */
  readonly helo: string | null;
  /** The trusted host that has named the client, by PROXY, XCLIENT or XFORWARD; null: the client itself is connected. */
  readonly proxiedBy: string | null;
  /** All that XCLIENT has told of the client, or XFORWARD of this message's; null: nothing. */
  readonly told: ClientIdentity | null;
  /** Transmission type for Received (RFC 3848, RFC 6531 §3.7.3) as far as it is known now. */
  readonly protocol: Protocol;
  readonly tls: TlsInfo | null;
  /** Who logged in by AUTH, or whom XCLIENT has named; null before. */
  readonly user: User | null;
}

export type Protocol =
  | "SMTP"
  | "ESMTP"
  | "ESMTPA"
  | "ESMTPS"
  | "ESMTPSA"
  | "UTF8SMTP"
  | "UTF8SMTPA"
  | "UTF8SMTPS"
  | "UTF8SMTPSA";

/** When the client wants a report of a recipient (RFC 3461 §4.1); `never` stands alone. */
export type Notify = "success" | "failure" | "delay" | "never";

/** A recipient as RCPT gave it. */
export interface EnvelopeRecipient extends Mailbox {
  /** NOTIFY; null when not given. */
  readonly notify: readonly Notify[] | null;
  /** ORCPT as given (RFC 3461 §4.2): `rfc822;` and xtext, or `utf-8;…` (RFC 6533); null when not given. */
  readonly originalRecipient: string | null;
}

/** The envelope of a transaction. */
export interface Envelope {
  /** Unguessable and unique: the session's id and the number of the transaction in it. For Received and logs. */
  readonly id: string;
  /** Null for `<>`. */
  readonly reversePath: Mailbox | null;
  /** In the client's order, duplicates included. */
  readonly recipients: readonly EnvelopeRecipient[];
  /** SIZE of MAIL (RFC 1870), an estimate; null when not given. */
  readonly declaredOctets: number | null;
  /** REQUIRETLS of MAIL (RFC 8689); only inside TLS. */
  readonly requireTls: boolean;
  /** RET of MAIL (RFC 3461 §4.3); null when not given. */
  readonly returned: "full" | "headers" | null;
  /** ENVID of MAIL as given, xtext (RFC 3461 §4.4); null when not given. */
  readonly envelopeId: string | null;
  /** BODY of MAIL (RFC 6152). Not checked against the content. */
  readonly body: "7bit" | "8bitmime";
  /** SMTPUTF8 of MAIL (RFC 6531). */
  readonly smtputf8: boolean;
  /**
   * AUTH of MAIL (RFC 4954 §5), where it is trusted: who has submitted the message elsewhere, `unknown` for `<>`; else
   * null. The domain is empty where it is a login's name and no address.
   */
  readonly submitter: Mailbox | "unknown" | null;
}

/** Who is behind the name that a trusted host gave. */
export type Assertion<User> =
  | { readonly kind: "accepted"; readonly user: User }
  /** Without a reply: 550 5.7.1. It is said to MAIL, too. */
  | { readonly kind: "refused"; readonly reply?: Reply };

/** A SASL exchange under way (RFC 4954 §4). One question at a time. */
export interface AuthExchange<User> {
  /** @param response the client's octets; null: AUTH came without an initial response */
  respond(response: Uint8Array | null): Awaitable<AuthStep<User>>;
  /** The client broke off or went away, perhaps while an answer is awaited, which will not be used. Must not throw. */
  cancel(): void;
}

export type AuthStep<User> =
  /** At most 9 KiB. The server's last word in a mechanism too: the client answers with an empty response. */
  | { readonly kind: "challenge"; readonly octets: Uint8Array }
  | { readonly kind: "accepted"; readonly user: User }
  /** Without a reply: 535 5.7.8. A 4xx reply (454 4.7.0) does not count as a failed attempt. */
  | { readonly kind: "refused"; readonly reply?: Reply }
  /** 501 5.5.2: the client's octets are none of the mechanism. */
  | { readonly kind: "malformed" };
