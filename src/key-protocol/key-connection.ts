import type { TLSSocket } from "node:tls";
import { type Address, encodeAddress } from "../message/index.ts";
import {
  MAX_PIPELINED,
  MAX_REPLY_OCTETS,
  MAX_STATEMENTS,
  parseReplyLine,
  parseStatementCount,
} from "./grammar.ts";
import { LineReader } from "./line-reader.ts";
import type { PeerCertificate } from "./peer-certificate.ts";

export type KeyResponse =
  /** One or two statements, not judged yet. */
  | { readonly kind: "statements"; readonly lines: readonly string[] }
  | { readonly kind: "redirect"; readonly host: string; readonly port: number }
  | { readonly kind: "error"; readonly code: string }
  | {
      readonly kind: "failed";
      readonly detail: string;
      /** The server ended a connection that had served before, without a word: a new one may do better. */
      readonly stale: boolean;
    };

export interface KeyConnectionOptions {
  /** How long each line of a reply may take (KEY-17, KEY-18). Default 10000. */
  readonly replyMs?: number;
  /** How long it is kept without requests; less than a server's idle limit (KEY-16). Default 20000. */
  readonly idleMs?: number;
  /** Requests before it is given up; less than a server's limit (KEY-16). Default 900. */
  readonly maxRequests?: number;
  /** After which it takes none, so that a certificate that was replaced counts. Default 600000. */
  readonly maxAgeMs?: number;
  /** Called once, when it takes no more requests because it has ended. */
  readonly onEnd?: (() => void) | undefined;
  /** Every line, without its end, for people. */
  readonly onLine?: ((from: "client" | "server", line: string) => void) | undefined;
}

interface Slot {
  readonly line: string;
  readonly settle: (response: KeyResponse) => void;
  /** Statement lines still to come before the dot; null before the first line. */
  expected: number | null;
  readonly lines: string[];
}

/**
 * The client's side of a connection to a key server, inside TLS. Requests are pipelined (KEY-15); what comes back is
 * held to the grammar to the letter, and anything else ends the connection.
 */
export class KeyConnection {
  readonly certificate: PeerCertificate;
  readonly #socket: TLSSocket;
  readonly #replyMs: number;
  readonly #idleMs: number;
  readonly #maxRequests: number;
  readonly #retiresAtMs: number;
  readonly #onLine: (from: "client" | "server", line: string) => void;
  readonly #onEnd: () => void;
  readonly #reader = new LineReader(MAX_REPLY_OCTETS);
  readonly #waiting: Slot[] = [];
  readonly #sent: Slot[] = [];
  #timer: NodeJS.Timeout | null = null;
  #requests = 0;
  #ended = false;

  /** @param socket a finished handshake, and nobody reading */
  constructor(socket: TLSSocket, certificate: PeerCertificate, options: KeyConnectionOptions = {}) {
    this.certificate = certificate;
    this.#socket = socket;
    this.#replyMs = options.replyMs ?? 10_000;
    this.#idleMs = options.idleMs ?? 20_000;
    this.#maxRequests = options.maxRequests ?? 900;
    this.#retiresAtMs = performance.now() + (options.maxAgeMs ?? 600_000);
    this.#onLine = options.onLine ?? (() => {});
    this.#onEnd = options.onEnd ?? (() => {});
    socket.on("data", (octets: Buffer) => this.#read(octets));
    socket.on("error", (error: NodeJS.ErrnoException) => this.#end(error.code ?? error.message, true));
    socket.on("close", () => this.#end("the server closed the connection", true));
    this.#setTimer();
  }

  /** Takes further requests. */
  get usable(): boolean {
    return !this.#ended && this.#requests < this.#maxRequests && performance.now() < this.#retiresAtMs;
  }

  /** Requests that have no answer yet. */
  get load(): number {
    return this.#waiting.length + this.#sent.length;
  }

  /**
   * Asks for a key.
   *
   * @param kid null for the bare form, which verifiers do not use (KEY-29)
   * @param signal ends the waiting, not the connection: its reply may still be on the way
   */
  key(address: Address, kid: string | null, signal: AbortSignal): Promise<KeyResponse> {
    const line = `KEY ${encodeAddress(address)}${kid === null ? "" : ` ${kid}`}`;
    return new Promise((resolve) => {
      const abort = () => settle(failure("out of time"));
      const settle = (response: KeyResponse) => {
        signal.removeEventListener("abort", abort);
        resolve(response);
      };
      if (this.#ended) return settle({ kind: "failed", detail: "the connection has ended", stale: true });
      if (signal.aborted) return abort();
      signal.addEventListener("abort", abort, { once: true });
      this.#requests++;
      this.#waiting.push({ line, settle, expected: null, lines: [] });
      this.#send();
    });
  }

  /** Takes leave if nothing is under way, and ends the connection in any case. */
  close(): void {
    if (this.#ended) return;
    if (this.load === 0) {
      this.#onLine("client", "QUIT");
      this.#socket.end("QUIT\r\n");
    }
    this.#end("closed");
  }

  #send(): void {
    let octets = "";
    while (this.#sent.length < MAX_PIPELINED) {
      const slot = this.#waiting.shift();
      if (slot === undefined) break;
      this.#sent.push(slot);
      this.#onLine("client", slot.line);
      octets += `${slot.line}\r\n`;
    }
    if (octets === "") return;
    this.#socket.write(octets, "latin1");
    if (this.#sent.length > 0) this.#setTimer();
  }

  #read(octets: Buffer): void {
    let taken = 0;
    const problem = this.#reader.push(octets, (line) => {
      if (this.#ended) return false;
      taken++;
      this.#onLine("server", line);
      const wrong = this.#take(line);
      if (wrong !== null) this.#end(wrong);
      return !this.#ended;
    });
    if (this.#ended) return;
    if (problem !== null) this.#end(problem);
    else if (!this.usable && this.load === 0) this.close();
    else if (taken > 0) {
      // Only a whole line wins time: octets one by one do not (KEY-18).
      this.#setTimer();
      this.#send();
    }
  }

  /** Takes one line of a reply; returns what is wrong with it, or null. */
  #take(line: string): string | null {
    const slot = this.#sent[0];
    if (slot === undefined) return "the server speaks without being asked";
    if (slot.expected === null) return this.#takeFirst(slot, line);
    if (slot.expected > 0) {
      slot.expected--;
      slot.lines.push(line);
      return line === "." ? "there are fewer statements than announced" : null;
    }
    if (line !== ".") return "there are more statements than announced";
    return this.#settleFirst({ kind: "statements", lines: slot.lines });
  }

  #takeFirst(slot: Slot, line: string): string | null {
    const reply = parseReplyLine(line);
    switch (reply.kind) {
      case "ok":
        slot.expected = parseStatementCount(reply.text);
        if (slot.expected === null || slot.expected < 1 || slot.expected > MAX_STATEMENTS) {
          return `+OK announces no number of statements from 1 to ${MAX_STATEMENTS}`;
        }
        return null;
      case "redirect":
        this.#settleFirst(reply);
        this.#end("the server redirected and closed");
        return null;
      case "error":
        return this.#settleFirst({ kind: "error", code: reply.code });
      case "other":
        return "the server's reply is not of the protocol";
    }
  }

  #settleFirst(response: KeyResponse): null {
    this.#sent.shift()?.settle(response);
    return null;
  }

  /** One timer: while replies are due it limits the next line, otherwise how long the connection is kept. */
  #setTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#sent.length > 0) {
      this.#timer = setTimeout(() => this.#end("no reply in time"), this.#replyMs);
    } else {
      this.#timer = setTimeout(() => this.close(), this.#idleMs).unref();
    }
  }

  /** @param left the server went away by itself */
  #end(detail: string, left = false): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#onEnd();
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (!this.#socket.writableEnded) this.#socket.destroy();
    else this.#socket.destroySoon();
    const stale = left && this.#requests > this.load && this.#reader.pendingOctets === 0;
    const [first, ...others] = this.#sent;
    first?.settle({ kind: "failed", detail, stale: stale && first.expected === null });
    for (const slot of [...others, ...this.#waiting]) slot.settle({ kind: "failed", detail, stale });
    this.#sent.length = 0;
    this.#waiting.length = 0;
  }
}

function failure(detail: string): KeyResponse {
  return { kind: "failed", detail, stale: false };
}
