/** Bounds of the receiving side. RFC 5321 §4.5.3.1 gives minima that a server has to accept. */
export interface ServerLimits {
  /** Content octets of a message, without dot-stuffing and terminator; announced with SIZE (RFC 1870). */
  readonly messageOctets: number;
  /** Recipients of a transaction; RFC 5321 §4.5.3.1.8 wants at least 100. Beyond: 452 4.5.3. */
  readonly recipients: number;
  /** Error replies before the session is closed with 421. */
  readonly errors: number;
  /** Commands without effect (NOOP, RSET, VRFY, EXPN, HELP, EHLO, a tiny BDAT) in a row, without a message, before 421. */
  readonly idleCommands: number;
  /** Failed AUTH attempts before the session is closed with 421. */
  readonly authFailures: number;
  /** Connections at one time, in all and from one address (IPv4 address, IPv6 /64). */
  readonly connections: number;
  readonly connectionsPerAddress: number;
}

export const defaultLimits: ServerLimits = {
  messageOctets: 50 * 1024 * 1024,
  recipients: 1000,
  errors: 20,
  idleCommands: 100,
  authFailures: 3,
  connections: 1000,
  connectionsPerAddress: 50,
};

/** Deadlines of the receiving side in milliseconds (RFC 5321 §4.5.3.2.7: at least 5 minutes per command). */
export interface ServerDeadlines {
  /** From our reply to the complete next command. Octets that trickle in do not extend it. */
  readonly commandMs: number;
  /** Between two blocks of message data (RFC 5321 §4.5.3.2.5). */
  readonly dataBlockMs: number;
  /** For the whole of one message's data: a block every minute would else hold a connection for ever. */
  readonly dataTotalMs: number;
  /** For the TLS handshake. */
  readonly tlsMs: number;
  /** For a PROXY header, which is sent at once. */
  readonly proxyHeaderMs: number;
  /** For one answer of the handler; below the 10 minutes that clients wait (RFC 5321 §4.5.3.2.6). */
  readonly handlerMs: number;
  /** For a session: afterwards the next MAIL is answered 421, so that no connection lives for ever. */
  readonly sessionMs: number;
  /**
   * A client that has come no nearer to a message for so long gives its place up to a new one where all are taken; before
   * that, new ones are turned away.
   */
  readonly crowdedMs: number;
  /** Waited before the greeting for clients that talk too early; 0 looks only at what is there already. */
  readonly greetingDelayMs: number;
  /** Waited before the reply to an AUTH that is refused. */
  readonly authFailureDelayMs: number;
}

export const defaultDeadlines: ServerDeadlines = {
  commandMs: 5 * 60_000,
  dataBlockMs: 3 * 60_000,
  dataTotalMs: 60 * 60_000,
  tlsMs: 60_000,
  proxyHeaderMs: 10_000,
  handlerMs: 9 * 60_000,
  sessionMs: 6 * 60 * 60_000,
  crowdedMs: 10_000,
  greetingDelayMs: 0,
  authFailureDelayMs: 1000,
};

/** A chunk below this that is not the last counts as a command without effect. */
export const smallChunkOctets = 1024;

/** A command line with CRLF (RFC 5321 §4.5.3.1.4). */
export const commandOctets = 512;
/** MAIL and RCPT, which extensions lengthen (RFC 1870, RFC 4954 and RFC 6531 add about 570 octets). */
export const pathCommandOctets = 2048;
/** AUTH and the client's answers to challenges (RFC 4954 §4). */
export const authOctets = 12288;
