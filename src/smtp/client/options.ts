import type { Socket } from "node:net";
import type { ClientIdentity } from "../client-identity.ts";
import type { ProxyHeaderOptions } from "../proxy-header.ts";
import type { Notify } from "../server/handler.ts";
import type { Credentials } from "./log-in.ts";
import type { PeerCertificates } from "./peer-certificates.ts";

/** Opens connections; production dials what the target says, closed test networks map addresses and ports. */
export interface Dialer {
  /** Rejects with the system's error; gives up when the signal aborts. */
  connect(target: DialTarget, signal: AbortSignal): Promise<Socket>;
}

/** Where a server listens: at an address, or at a Unix socket. */
export type DialTarget = TcpTarget | UnixTarget;

export interface TcpTarget {
  /** The name that the address was found under. */
  readonly host: string;
  /** IPv4 or IPv6 address. */
  readonly address: string;
  readonly port: number;
  readonly path?: undefined;
}

export interface UnixTarget {
  /** What the server is called in reports and logs. */
  readonly host: string;
  /** The socket's path. */
  readonly path: string;
  readonly address?: undefined;
  readonly port?: undefined;
}

/**
 * `never`: clear text. `opportunistic`: STARTTLS where offered, the certificate unchecked (RFC 7435): protects from
 * listeners, not from impostors. `required`: STARTTLS with a valid certificate for `name`, or no mail. `implicit`: TLS
 * from the first octet, checked the same way (RFC 8314).
 */
export type ClientTls =
  | { readonly mode: "never" | "opportunistic" }
  | {
      /** STARTTLS whose certificates `accept` judges (DANE, RFC 7672; MTA-STS, RFC 8461), or no mail. */
      readonly mode: "judged";
      /** For SNI; the name that the certificate is looked at for. */
      readonly name: string;
      /** Null: trusted; else why not, one line for people: deferred as 4.7.5. */
      readonly accept: (certificates: PeerCertificates) => string | null;
      /** As below. */
      readonly ca?: string | readonly string[];
    }
  | {
      readonly mode: "required" | "implicit";
      /** The name that the certificate has to be valid for. */
      readonly name: string;
      /** PEM certificates to trust in place of the system's. */
      readonly ca?: string | readonly string[];
    };

export interface SmtpClientOptions {
  /** Our name, for EHLO. */
  readonly hostname: string;
  readonly tls: ClientTls;
  /** LMTP (RFC 2033): LHLO, and a reply for each recipient after the content. SMTP unless given. */
  readonly protocol?: "smtp" | "lmtp";
  /** For AUTH PLAIN or LOGIN, whatever is offered; only ever sent inside TLS. */
  readonly credentials?: Credentials;
  /** Sent before anything else, TLS too: the server has to expect it (haproxy.org, proxy-protocol.txt). */
  readonly proxyHeader?: ProxyHeaderOptions;
  /**
   * Whose mail all of this connection's is. A server that does not announce XCLIENT, for the address or the login, gets
   * no mail: it would take the client's for ours.
   */
  readonly xclient?: ClientIdentity;
  readonly deadlines?: Partial<ClientDeadlines>;
  /** The dialogue line by line, as `S: 250 2.1.0 Ok` and `C: QUIT`; message data and passwords are summed up. */
  readonly transcript?: (line: string) => void;
}

/** Deadlines of the sending side in milliseconds: RFC 5321 §4.5.3.2 with its section numbers. */
export interface ClientDeadlines {
  readonly connectMs: number;
  /** .1 */
  readonly greetingMs: number;
  /** EHLO, HELO and AUTH. */
  readonly ehloMs: number;
  /** STARTTLS with its handshake. */
  readonly tlsMs: number;
  /** .2 */
  readonly mailMs: number;
  /** .3 */
  readonly rcptMs: number;
  /** .4 */
  readonly dataMs: number;
  /** .5 */
  readonly dataBlockMs: number;
  /** .6 */
  readonly dataEndMs: number;
  /** QUIT and RSET: nothing depends on them. */
  readonly quitMs: number;
}

export const defaultClientDeadlines: ClientDeadlines = {
  connectMs: 30_000,
  greetingMs: 5 * 60_000,
  ehloMs: 5 * 60_000,
  tlsMs: 60_000,
  mailMs: 5 * 60_000,
  rcptMs: 5 * 60_000,
  dataMs: 2 * 60_000,
  dataBlockMs: 3 * 60_000,
  dataEndMs: 10 * 60_000,
  quitMs: 5_000,
};

export interface OutgoingRecipient {
  readonly address: string;
  /** NOTIFY and ORCPT (RFC 3461), passed on where the server knows DSN; null or missing: not given. */
  readonly notify?: readonly Notify[] | null;
  readonly originalRecipient?: string | null;
}

/** One transaction. */
export interface OutgoingMessage {
  /** Empty for the null reverse path. */
  readonly reversePath: string;
  /** At least one. */
  readonly recipients: readonly OutgoingRecipient[];
  /** RET and ENVID (RFC 3461), passed on where the server knows DSN; null or missing: not given. */
  readonly returned?: "full" | "headers" | null;
  readonly envelopeId?: string | null;
  /** REQUIRETLS (RFC 8689): refused here, 5.7.30, where the server does not offer it. */
  readonly requireTls?: boolean;
  /** Whose message it is, for servers that announce XFORWARD. */
  readonly xforward?: ClientIdentity | null;
  /** AUTH of MAIL (RFC 4954 §5), for servers that announce AUTH: an address, or empty for nobody known. */
  readonly submitter?: string | null;
  /** CRLF line ends only, no NUL, no line over 998 octets (MSG-1 to MSG-4): anything else is refused, not repaired. */
  readonly content: Uint8Array | AsyncIterable<Uint8Array>;
  /** Octets of the content, where known: for SIZE (RFC 1870). */
  readonly octets?: number;
  /** The content has octets over 127: BODY=8BITMIME (RFC 6152). */
  readonly eightBit?: boolean;
  /** Addresses or header fields are UTF-8 (RFC 6531). */
  readonly smtputf8?: boolean;
}
