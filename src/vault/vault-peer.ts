import type { Socket } from "node:net";
import { type SessionPort, VaultServerSession } from "../vault-protocol/index.ts";
import type { EnrolledAccess } from "./enrolled-access.ts";

export interface PeerLimits {
  /** Without a request. */
  readonly idleMs: number;
  /** Between the steps of an AUTH exchange, and for a client to read what it asked for. */
  readonly stepMs: number;
}

/** A connection of an enrolled submission server: moves octets between its socket and its session. */
export class VaultPeer implements SessionPort {
  readonly access: EnrolledAccess;
  readonly #socket: Socket;
  readonly #session: VaultServerSession;
  readonly #nowMs: () => number;
  #sinceMs: number;
  #ending = false;
  #corked = false;

  /** @param socket proved, and nobody reads it */
  constructor(
    socket: Socket,
    access: EnrolledAccess,
    remoteAddress: string,
    greeting: string,
    nowMs: () => number,
  ) {
    this.access = access;
    this.#socket = socket;
    this.#nowMs = nowMs;
    this.#sinceMs = nowMs();
    this.#session = new VaultServerSession(access.responder(remoteAddress), this);
    socket.on("error", () => this.destroy());
    socket.once("close", () => this.#session.closed());
    socket.on("data", (octets: Buffer) => this.#receive(octets));
    socket.on("drain", () => this.resume());
    socket.on("end", () => this.close());
    socket.write(greeting, "latin1");
  }

  send(text: string): void {
    if (this.#ending) return;
    this.#sinceMs = this.#nowMs();
    this.#cork();
    // A client that does not read its replies gets no more of them.
    if (!this.#socket.write(text, "latin1")) this.#socket.pause();
  }

  resume(): void {
    if (this.#session.ready && !this.#socket.writableNeedDrain) this.#socket.resume();
  }

  close(): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#sinceMs = this.#nowMs();
    this.#socket.end();
  }

  destroy(): void {
    this.#ending = true;
    this.#socket.destroy();
  }

  /** Ends a connection that only holds a place. */
  sweep({ idleMs, stepMs }: PeerLimits): void {
    const waitedMs = this.#nowMs() - this.#sinceMs;
    const waitsForNothing = this.#session.idle && !this.#ending && !this.#socket.writableNeedDrain;
    if (waitedMs > (waitsForNothing ? idleMs : stepMs)) this.destroy();
  }

  /** What one commit of the store answers goes out together. */
  #cork(): void {
    if (this.#corked) return;
    this.#corked = true;
    this.#socket.cork();
    setImmediate(() => {
      this.#corked = false;
      this.#socket.uncork();
    });
  }

  #receive(octets: Buffer): void {
    if (this.#ending) return;
    this.#session.receive(octets);
    if (!this.#session.ready) this.#socket.pause();
  }
}
