import type { Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from "node:tls";
import { Deadline } from "../../deadline/index.ts";
import { ReplyReader, type ServerReply } from "./reply-reader.ts";

/** The connection cannot be used any more: lost, silent past a deadline, or no SMTP. Internal to the client. */
export class WireError extends Error {}

interface Waiting {
  resolve(value: ServerReply): void;
  reject(error: Error): void;
}

/**
 * A client's connection: commands out, replies in, in order. Every wait has a deadline, and every fault ends the
 * connection; what waits then, and whatever is tried afterwards, rejects with the same `WireError`.
 */
export class Wire {
  readonly #note: ((line: string) => void) | null;
  readonly #deadline = new Deadline(() => this.fail("the server did not answer in time"));
  #socket: Socket;
  #reader = new ReplyReader();
  #error: WireError | null = null;
  /** Replies that came before they were waited for. */
  readonly #early: ServerReply[] = [];
  /** Commands sent whose replies have not come. */
  #owed: number;
  #waiting: Waiting | null = null;
  #draining: { resolve(): void; reject(error: Error): void } | null = null;

  /** The server owes a greeting. */
  constructor(socket: Socket, transcript: ((line: string) => void) | null) {
    this.#socket = socket;
    this.#note = transcript;
    this.#owed = 1;
    this.#attach();
  }

  /** Whether a command can be tried: not after an error, nor when the server closed or spoke unasked (421). */
  get usable(): boolean {
    return this.#error === null && this.#early.length === 0;
  }

  /** Whether the server has answered something that is not waited for yet. */
  get answered(): boolean {
    return this.#early.length > 0;
  }

  /** Sends command lines, given without CRLF, in one piece. `shown` replaces them in the transcript. */
  send(lines: readonly string[], shown: readonly string[] = lines): void {
    if (this.#error !== null) return;
    this.#owed += lines.length;
    for (const line of shown) this.#note?.(`C: ${line}`);
    this.#socket.write(`${lines.join("\r\n")}\r\n`);
  }

  /** The reply to the oldest command that has not been answered. */
  async reply(deadlineMs: number): Promise<ServerReply> {
    const early = this.#early.shift();
    if (early !== undefined) return early;
    if (this.#error !== null) throw this.#error;
    this.#deadline.set(deadlineMs);
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  /** Message data follows, and replies are owed for it: a server that has enough may give them before the end. */
  startData(replies: number): void {
    this.#owed += replies;
  }

  /** Sends message data; resolves when the socket takes more. */
  async sendData(pieces: readonly Uint8Array[], deadlineMs: number): Promise<void> {
    if (this.#error !== null) throw this.#error;
    this.#socket.cork();
    for (const piece of pieces) this.#socket.write(piece);
    this.#socket.uncork();
    if (!this.#socket.writableNeedDrain) return;
    this.#deadline.set(deadlineMs);
    await new Promise<void>((resolve, reject) => {
      this.#draining = { resolve, reject };
    });
  }

  note(line: string): void {
    this.#note?.(line);
  }

  /**
   * The TLS handshake, as the client. Rejects when it fails; the connection is then closed.
   *
   * @returns the secured socket, to see what was agreed on.
   */
  async secure(options: ConnectionOptions, deadlineMs: number): Promise<TLSSocket> {
    if (this.#error !== null) throw this.#error;
    // RFC 3207 §5: what was sent in clear behind the reply to STARTTLS must not be taken for the server's words.
    if (this.#reader.inReply || this.#early.length > 0 || this.#socket.readableLength > 0) {
      this.fail("octets follow the reply to STARTTLS");
      throw this.#error;
    }
    this.#detach();
    const secure = connectTls({ ...options, socket: this.#socket });
    this.#socket = secure;
    this.#attach();
    this.#deadline.set(deadlineMs);
    await new Promise<void>((resolve, reject) => {
      this.#draining = { resolve, reject };
      secure.once("secureConnect", () => this.#drained());
    });
    return secure;
  }

  /** Ends the connection for a reason of ours. */
  fail(detail: string, cause?: unknown): void {
    if (this.#error !== null) return;
    this.#error = new WireError(detail, { cause });
    this.#deadline.close();
    this.#socket.destroy();
    this.#waiting?.reject(this.#error);
    this.#draining?.reject(this.#error);
    this.#waiting = null;
    this.#draining = null;
  }

  #drained(): void {
    this.#deadline.clear();
    this.#draining?.resolve();
    this.#draining = null;
  }

  #attach(): void {
    this.#socket
      .on("data", this.#onData)
      .on("drain", this.#onDrain)
      .on("error", this.#onError)
      .on("close", this.#onClose);
  }

  #detach(): void {
    this.#socket.off("data", this.#onData).off("drain", this.#onDrain).off("close", this.#onClose);
  }

  readonly #onDrain = (): void => this.#drained();
  readonly #onError = (cause: Error): void => this.fail(cause.message, cause);
  readonly #onClose = (): void => this.fail("the server closed the connection");

  readonly #onData = (chunk: Buffer): void => {
    this.#reader.push(chunk);
    for (;;) {
      const step = this.#reader.next();
      if (step === null) return;
      if (step.kind === "fault") {
        this.fail(step.detail);
        return;
      }
      this.#take(step.reply);
    }
  };

  #take(reply: ServerReply): void {
    this.#noteReply(reply);
    if (this.#owed > 0) this.#owed--;
    else if (reply.code !== 421 || this.#early.length > 0) {
      this.fail(`a reply to nothing: ${reply.code}`);
      return;
    }
    const waiting = this.#waiting;
    if (waiting === null) {
      this.#early.push(reply);
      return;
    }
    this.#waiting = null;
    this.#deadline.clear();
    waiting.resolve(reply);
  }

  #noteReply(reply: ServerReply): void {
    if (this.#note === null) return;
    const enhanced = reply.enhanced === null ? "" : `${reply.enhanced} `;
    for (const [index, line] of reply.lines.entries()) {
      this.#note(`S: ${reply.code}${index === reply.lines.length - 1 ? " " : "-"}${enhanced}${line}`);
    }
  }
}
