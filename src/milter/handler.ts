import type { HeaderEdit } from "../message/index.ts";

/** A handler may answer at once or later; the mail server waits meanwhile. */
export type Awaitable<T> = T | Promise<T>;

/** Where a mail server's client comes from, and what this milter may do to its mail. */
export interface MilterConnection {
  /** Unguessable: names the client's session in logs. */
  readonly id: string;
  /** The client's name as the mail server found it, or its address in brackets. */
  readonly hostName: string;
  /** `unknown`: no network; mail that a program of the host submitted. */
  readonly family: "inet" | "inet6" | "unix" | "unknown";
  /** IP address without brackets, or the path of a Unix socket; null where there is none. */
  readonly address: string | null;
  /** Null where there is none or the mail server does not say (0). */
  readonly port: number | null;
  /** The name in HELO or EHLO, which may change from one message to the next; null before. */
  readonly helo: string | null;
  /** Of the milter protocol: 2 to 6. */
  readonly version: number;
  /** What the mail server lets milters do. */
  readonly allows: MilterActions;
}

export interface MilterActions {
  readonly quarantine: boolean;
  /** Replace and remove fields. */
  readonly changeHeaders: boolean;
  readonly addHeaders: boolean;
  readonly changeBody: boolean;
}

/**
 * What the mail server says of a message and its client, by name: `i` (its queue id), `{auth_authen}`. Braces may be
 * left out. Of several stages that know a name, the latest counts; nothing stays of an earlier message.
 */
export interface Macros {
  get(name: string): string | undefined;
}

/** An address of the envelope. */
export interface MilterPath {
  /** Without brackets; empty for `<>`. Octets that are not UTF-8 became U+FFFD. */
  readonly address: string;
  /** ESMTP parameters: `BODY=8BITMIME`. */
  readonly parameters: readonly string[];
}

/** A message's envelope. The same object for its whole life; recipients and macros grow. */
export interface MilterTransaction {
  readonly connection: MilterConnection;
  readonly sender: MilterPath;
  /** In the client's order: those that were not refused here. Others may have refused some of them since. */
  readonly recipients: readonly MilterPath[];
  readonly macros: Macros;
}

export interface MilterReply {
  /** 400 to 599. */
  readonly code: number;
  /** Enhanced status code (RFC 3463) of the same class: `5.7.1`. */
  readonly enhanced: string;
  /** One line; what SMTP cannot carry becomes `?`. */
  readonly text: string;
}

export type MilterAnswer =
  | { readonly kind: "continue" }
  /** This milter wants no more of the message. */
  | { readonly kind: "accept" }
  /** The mail server takes the message and forgets it. */
  | { readonly kind: "discard" }
  | { readonly kind: "refuse"; readonly reply: MilterReply };

/**
 * What the host of a milter implements. A method that throws or rejects costs the message a 451 4.3.0 and is reported
 * as an event. One question at a time for each connection.
 */
export interface MilterHandler {
  /**
   * A recipient, before it joins `transaction.recipients`; to refuse it leaves the others. Where this method is missing the
   * mail server need not wait for an answer to each.
   */
  rcpt?(transaction: MilterTransaction, recipient: MilterPath): Awaitable<MilterAnswer>;
  /**
   * Sender and recipients are known and the content is about to come. An answer in place of a message is about the
   * whole message, and no content is seen; `continue` and `accept` are the same here.
   */
  begin(transaction: MilterTransaction): Awaitable<MilterMessage | MilterAnswer>;
}

/** Takes one message. After `begin` returned it, exactly one of `finish` and `abort` is called, once. */
export interface MilterMessage {
  /**
   * The next octets, cut anywhere: header lines that end in CRLF, an empty line, the body as the mail server has it. The
   * chunk is the message's to keep. While a returned promise is pending nothing more is read from the mail server.
   */
  write(octets: Uint8Array): void | Promise<void>;
  /** The message is whole. The mail server hears every few seconds that it is to go on waiting. */
  finish(): Awaitable<MilterOutcome>;
  /** The message will not be completed: forget what was written. Must not throw. */
  abort(): void;
}

/** What becomes of a message. Edits, body and quarantine count only where the answer is `continue` or `accept`. */
export interface MilterOutcome {
  readonly answer: MilterAnswer;
  /** Of the header as it was written to the message. */
  readonly edits: readonly HeaderEdit[];
  /**
   * In place of the body, CRLF lines; not empty. It is asked for octets as the mail server takes them, or not at all. Null:
   * the body stays.
   */
  readonly body: AsyncIterable<Uint8Array> | null;
  /** Why the mail server is to keep the message from its recipients; null: it is not. */
  readonly quarantine: string | null;
  /** Nobody needs it any more, whether it was carried out or not. Asked once; must not fail. */
  readonly release?: (() => void | Promise<void>) | undefined;
}
