/** What a session needs of the connection it speaks over. */
export interface SessionPort {
  /** Who the mail server is, for the log. */
  readonly peer: string;
  send(octets: Uint8Array): void;
  /** The mail server does not read: nothing is processed until `Session.resume`. */
  readonly congested: boolean;
  /** The session takes input again. */
  resume(): void;
  /** Send what is queued, then close. */
  close(): void;
  /** Close at once. */
  abort(): void;
}
