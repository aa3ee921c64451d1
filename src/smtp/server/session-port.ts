/** What a session needs of the connection it speaks over. */
export interface SessionPort {
  /** Queues octets, given as Latin-1 text. */
  send(octets: string): void;
  /** The client does not read: nothing is processed until `Session.resume`. */
  readonly congested: boolean;
  /** All input is processed: send what is queued, and go on reading. */
  flush(): void;
  /** The handler is thinking: send what is queued unless it answers within this turn of the event loop. */
  flushSoon(): void;
  /** Send what is queued, then do the TLS handshake in time and call `Session.secured` or `handshakeFailed`. */
  startTls(): void;
  /** Send what is queued, then close. */
  close(): void;
  /** Close at once, sending nothing more. */
  abort(): void;
}
