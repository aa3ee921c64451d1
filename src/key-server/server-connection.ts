import type { Socket } from "node:net";
import { type SecureContext, TLSSocket } from "node:tls";
import { ALPN, type KeyServerSession, type SessionStep } from "../key-protocol/index.ts";
import type { OctetSlab } from "./octet-slab.ts";
import type { Allowance, RateLimiter } from "./rate-limiter.ts";

export interface ConnectionOptions {
  readonly socket: Socket;
  readonly session: KeyServerSession;
  readonly secureContext: () => SecureContext;
  /** Shared by all connections. */
  readonly slab: OctetSlab;
  readonly limiter: RateLimiter;
  /** Null: it may ask as much as it likes. */
  readonly allowance: Allowance | null;
  /** The connection is to end once what was asked is answered. */
  readonly isFinishing: () => boolean;
  readonly nowMs: () => number;
  /** Called once, when the connection is gone. */
  readonly onClose: () => void;
  readonly onTlsFailure: (cause: Error) => void;
}

const NOTHING = Buffer.alloc(0);

/** One client: moves octets between its socket and its session, and goes to TLS when the session says so. */
export class ServerConnection {
  readonly #options: ConnectionOptions;
  #socket: Socket;
  #handshaking = false;
  #sinceMs: number;
  #chargedFor = 0;
  #limited = false;
  #ending = false;

  constructor(options: ConnectionOptions, greeting: string) {
    this.#options = options;
    this.#socket = options.socket;
    this.#sinceMs = options.nowMs();
    const { limiter, allowance } = options;
    this.#limited = allowance !== null && !limiter.spend(allowance, 0);
    this.#socket.once("close", options.onClose);
    this.#socket.on("error", () => this.destroy());
    this.#socket.on("data", this.#read);
    this.#socket.write(greeting, "latin1");
  }

  /**
   * What the connection waits for, and since when. Only complete requests count: a client that sends octets one by
   * one is idle.
   */
  get waiting(): { readonly for: "request" | "handshake" | "close"; readonly sinceMs: number } {
    const reason = this.#ending ? "close" : this.#handshaking ? "handshake" : "request";
    return { for: reason, sinceMs: this.#sinceMs };
  }

  /** Lets what was answered go out, and closes. */
  end(): void {
    if (this.#handshaking) this.destroy();
    else if (!this.#ending) {
      this.#ending = true;
      this.#sinceMs = this.#options.nowMs();
      this.#socket.resume().end();
    }
  }

  destroy(): void {
    this.#ending = true;
    this.#socket.destroy();
  }

  readonly #read = (octets: Buffer): void => {
    if (this.#ending) return;
    const step = this.#options.session.receive(octets, this.#limited);
    if (!(step instanceof Promise)) this.#take(step);
    else {
      this.#socket.pause();
      void step.then((answered) => this.#take(answered));
    }
  };

  #take(step: SessionStep): void {
    if (this.#ending) return;
    const { session, limiter, allowance, isFinishing, nowMs } = this.#options;
    const spent = session.cost - this.#chargedFor;
    const next = step.next === "read" && spent > 0 && isFinishing() ? "close" : step.next;
    if (spent > 0) {
      this.#sinceMs = nowMs();
      this.#chargedFor += spent;
      this.#limited = allowance !== null && !limiter.spend(allowance, spent);
    }
    // As octets: a TLS socket takes much longer over a string.
    const taken = step.reply === "" || this.#socket.write(this.#options.slab.octets(step.reply));
    if (next === "read" || next === "again") {
      // A client that does not read its replies gets no more of them.
      if (taken) this.#goOn(next);
      else this.#socket.pause().once("drain", () => this.#goOn(next));
    } else if (next === "start-tls") this.#startTls();
    else if (next === "close") this.end();
    else this.destroy();
  }

  #goOn(next: "read" | "again"): void {
    if (next === "again") this.#read(NOTHING);
    else if (this.#socket.isPaused()) this.#socket.resume();
  }

  #startTls(): void {
    const plain = this.#socket;
    plain.off("data", this.#read);
    // What is already in the buffer was sent before the handshake could begin (KEY-11).
    if (plain.readableLength > 0) {
      this.destroy();
      return;
    }
    this.#handshaking = true;
    this.#sinceMs = this.#options.nowMs();
    const secure = new TLSSocket(plain, {
      isServer: true,
      secureContext: this.#options.secureContext(),
      ALPNProtocols: [ALPN],
    });
    this.#socket = secure;
    secure.on("error", (cause: Error) => {
      if (this.#handshaking) this.#options.onTlsFailure(cause);
      this.destroy();
    });
    secure.once("close", () => plain.destroy());
    secure.once("secure", () => {
      // A client that names other protocols fails the handshake; this one names none (KEY-14).
      if (secure.alpnProtocol !== ALPN) {
        this.#options.onTlsFailure(new Error(`the client does not offer ALPN ${ALPN}`));
        this.destroy();
        return;
      }
      this.#handshaking = false;
      this.#sinceMs = this.#options.nowMs();
      this.#options.session.secured();
      secure.on("data", this.#read);
    });
  }
}
