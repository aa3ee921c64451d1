import type { Socket } from "node:net";
import type { MilterSettings } from "./options.ts";
import { MilterSession } from "./session.ts";
import type { SessionPort } from "./session-port.ts";

/** How long a mail server has to take our last answer, before the socket is destroyed. */
const lingerMs = 3000;

/**
 * Joins a socket and a session: writes answers in few pieces, and stops reading while the session is not ready, so that no
 * mail server can fill our memory.
 */
export class Connection implements SessionPort {
  readonly peer: string;
  readonly #socket: Socket;
  readonly #session: MilterSession;
  readonly #onClosed: () => void;
  #corked = false;
  #linger: NodeJS.Timeout | null = null;

  constructor(socket: Socket, peer: string, settings: MilterSettings, onClosed: () => void) {
    this.peer = peer;
    this.#socket = socket;
    this.#onClosed = onClosed;
    this.#session = new MilterSession(settings, this);
    socket
      .on("data", (chunk: Buffer) => this.#receive(chunk))
      .on("drain", () => this.#session.resume())
      .on("error", () => {})
      .on("close", () => this.#closed());
  }

  get congested(): boolean {
    return this.#socket.writableNeedDrain;
  }

  /** What is said within one turn goes out together. */
  send(octets: Uint8Array): void {
    if (this.#socket.destroyed) return;
    if (!this.#corked) {
      this.#corked = true;
      this.#socket.cork();
      process.nextTick(() => {
        this.#corked = false;
        this.#socket.uncork();
      });
    }
    this.#socket.write(octets);
  }

  resume(): void {
    if (this.#socket.isPaused()) this.#socket.resume();
  }

  close(): void {
    // The mail server may not look for hours; it says nothing before it has read our last answer.
    this.#socket.destroySoon();
    this.#linger ??= setTimeout(() => this.#socket.destroy(), lingerMs);
  }

  abort(): void {
    this.#socket.destroy();
  }

  /** See `MilterSession.shutdown`. */
  shutdown(): void {
    this.#session.shutdown();
  }

  /** See `MilterSession.drop`. */
  drop(): void {
    this.#session.drop();
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    if (this.#linger !== null) return;
    this.#session.receive(chunk);
    if (this.#linger === null && !this.#session.ready) this.#socket.pause();
  }

  #closed(): void {
    if (this.#linger !== null) clearTimeout(this.#linger);
    this.#session.closed();
    this.#onClosed();
  }
}
