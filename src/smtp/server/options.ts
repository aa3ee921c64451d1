import { randomUUID } from "node:crypto";
import type { SecureContext } from "node:tls";
import type { SessionInfo, SmtpHandler } from "./handler.ts";
import { defaultDeadlines, defaultLimits, type ServerDeadlines, type ServerLimits } from "./limits.ts";
import type { OptionalExtension } from "./optional-extension.ts";
import type { TrustedHosts } from "./trusted-hosts.ts";

/**
 * `plain`: no TLS. `starttls`: TLS is offered (RFC 3207). `starttls-required`: and nothing but EHLO, NOOP, QUIT
 * and STARTTLS is done before it. `implicit`: TLS from the first octet (RFC 8314).
 */
export type TlsMode = "plain" | "starttls" | "starttls-required" | "implicit";

export interface SmtpServerOptions<User = unknown> {
  /** The name in greeting, EHLO reply and Received: this host's. */
  readonly hostname: string;
  readonly handler: SmtpHandler<User>;
  readonly tlsMode: TlsMode;
  /** Asked at every handshake, so that a renewed certificate needs no restart. Required unless `plain`. */
  readonly secureContext?: () => SecureContext;
  /** 530 to MAIL before a successful AUTH (RFC 6409 §4.3). */
  readonly requireAuth?: boolean;
  /**
   * Extensions that are not offered, as where the handler does not keep what they promise: reports (DSN, RFC 3461), or
   * that the message travels on by authenticated TLS only (REQUIRETLS, RFC 8689). By default all are offered.
   */
  readonly withheld?: readonly OptionalExtension[];
  /** Hosts that say whose mail they bring; nobody unless given. */
  readonly trusted?: TrustedHosts;
  /** Further EHLO lines: keyword and parameters, such as `VSMTP enforce`. */
  readonly extensions?: readonly string[];
  readonly limits?: Partial<ServerLimits>;
  readonly deadlines?: Partial<ServerDeadlines>;
  /** Makes the id of a session; by default 122 random bits in hexadecimal. */
  readonly newSessionId?: () => string;
  /** What happens, for the log. Must not throw. */
  readonly onEvent?: (event: ServerEvent<User>) => void;
  /**
   * The dialogue line by line, as `S: 250 2.1.0 Ok` and `C: QUIT`; message data and passwords are summed up.
   * For people and tests; costs time.
   */
  readonly transcript?: (session: SessionInfo<User>, line: string) => void;
}

export type ServerEvent<User = unknown> =
  | { readonly kind: "connected"; readonly session: SessionInfo<User> }
  | { readonly kind: "closed"; readonly session: SessionInfo<User>; readonly reason: CloseReason }
  /** Turned away before there was a session. */
  | {
      readonly kind: "refused";
      readonly remoteAddress: string;
      readonly reason: "connections" | "connections-per-address";
    }
  /** A host of which a PROXY header is required sent none in time, or not a good one. */
  | { readonly kind: "proxy-header-missing"; readonly remoteAddress: string; readonly detail: string }
  | { readonly kind: "tls-failed"; readonly session: SessionInfo<User>; readonly cause: unknown }
  /** A listener stopped working after it had begun to listen. */
  | { readonly kind: "listener-failed"; readonly cause: unknown }
  /** A method of the handler or of its sink threw or rejected: a bug or broken storage behind it. */
  | {
      readonly kind: "handler-failed";
      readonly session: SessionInfo<User>;
      readonly method: string;
      readonly cause: unknown;
    }
  | { readonly kind: "handler-timeout"; readonly session: SessionInfo<User>; readonly method: string }
  | { readonly kind: "auth-failed"; readonly session: SessionInfo<User>; readonly mechanism: string }
  | {
      readonly kind: "content-refused";
      readonly session: SessionInfo<User>;
      readonly envelopeId: string;
      readonly fault: string;
    };

/** Why a session ended. */
export type CloseReason =
  | "quit"
  | "disconnected"
  | "refused"
  | "early-talker"
  | "not-smtp"
  | "timeout"
  | "too-many-errors"
  | "too-many-idle-commands"
  | "too-many-auth-failures"
  | "pipelined-data"
  | "starttls-injection"
  | "smuggling"
  | "handler-timeout"
  | "tls-failed"
  | "crowded"
  | "shutdown";

/** The options with every default filled in: what sessions read. */
export interface ServerSettings<User = unknown> {
  readonly hostname: string;
  readonly handler: SmtpHandler<User>;
  readonly tlsMode: TlsMode;
  readonly secureContext: (() => SecureContext) | null;
  readonly requireAuth: boolean;
  readonly withheld: ReadonlySet<OptionalExtension>;
  readonly trusted: TrustedHosts;
  readonly extensions: readonly string[];
  readonly limits: ServerLimits;
  readonly deadlines: ServerDeadlines;
  readonly newSessionId: () => string;
  readonly onEvent: (event: ServerEvent<User>) => void;
  readonly transcript: ((session: SessionInfo<User>, line: string) => void) | null;
}

/** @throws TypeError when the options contradict themselves. */
export function resolveOptions<User>(options: SmtpServerOptions<User>): ServerSettings<User> {
  if (options.tlsMode !== "plain" && options.secureContext === undefined) {
    throw new TypeError(`tlsMode "${options.tlsMode}" needs a secureContext`);
  }
  const { mechanisms, authenticate } = options.handler;
  if ((mechanisms === undefined) !== (authenticate === undefined)) {
    throw new TypeError("a handler has both mechanisms and authenticate, or neither");
  }
  if (options.requireAuth === true && authenticate === undefined) {
    throw new TypeError("requireAuth needs a handler with authenticate");
  }
  return {
    hostname: options.hostname,
    handler: options.handler,
    tlsMode: options.tlsMode,
    secureContext: options.secureContext ?? null,
    requireAuth: options.requireAuth ?? false,
    withheld: new Set(options.withheld),
    trusted: options.trusted ?? {},
    extensions: options.extensions ?? [],
    limits: { ...defaultLimits, ...options.limits },
    deadlines: { ...defaultDeadlines, ...options.deadlines },
    newSessionId: options.newSessionId ?? (() => randomUUID().replaceAll("-", "")),
    onEvent: options.onEvent ?? (() => {}),
    transcript: options.transcript ?? null,
  };
}
