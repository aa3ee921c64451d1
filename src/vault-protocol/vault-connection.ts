import type { Duplex } from "node:stream";
import {
  formatRequest,
  MAX_LINE_OCTETS,
  MAX_PIPELINED,
  toBase64,
  type VaultRequest,
  type Verb,
} from "./grammar.ts";
import { InputBuffer } from "./input-buffer.ts";
import type { VaultReply } from "./reply.ts";
import { ReplyReader } from "./reply-reader.ts";

export type VaultAnswer =
  | VaultReply
  | {
      readonly kind: "failed";
      readonly detail: string;
      /** The server ended a connection that had served before, without a word: a new one may do better. */
      readonly stale: boolean;
    };

export interface VaultConnectionOptions {
  /** How long each line of a reply may take. Default 10000. */
  readonly replyMs?: number;
  /** How long it is kept without requests. Default 60000. */
  readonly idleMs?: number;
}

const NOTHING = new Uint8Array(0);

interface Slot {
  readonly octets: Uint8Array;
  readonly reader: ReplyReader;
  readonly settle: (answer: VaultAnswer) => void;
}

/**
 * The client's side of a connection to a vault that has greeted. Requests of many users are pipelined over it; an AUTH
 * exchange has it to itself.
 */
export class VaultConnection {
  readonly #socket: Duplex;
  readonly #replyMs: number;
  readonly #idleMs: number;
  readonly #input = new InputBuffer(MAX_LINE_OCTETS);
  readonly #waiting: Slot[] = [];
  readonly #sent: Slot[] = [];
  #timer: NodeJS.Timeout | null = null;
  #served = 0;
  #reserved = false;
  #ended = false;
  #corked = false;
  /** Called once, when it takes no more requests because it has ended. */
  onEnd: () => void = () => {};

  /** @param socket nobody else reads it, and the greeting was taken off */
  constructor(socket: Duplex, options: VaultConnectionOptions = {}) {
    this.#socket = socket;
    this.#replyMs = options.replyMs ?? 10_000;
    this.#idleMs = options.idleMs ?? 60_000;
    socket.on("data", (octets: Buffer) => this.#read(octets));
    socket.on("error", (error: NodeJS.ErrnoException) => this.#end(error.code ?? error.message, true));
    socket.on("close", () => this.#end("the vault closed the connection", true));
    socket.on("end", () => this.#end("the vault closed the connection", true));
    socket.resume(); // it was paused behind the greeting
    this.#setTimer();
  }

  /** Takes further requests. */
  get usable(): boolean {
    return !this.#ended && !this.#reserved;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Requests that have no answer yet. */
  get load(): number {
    return this.#waiting.length + this.#sent.length;
  }

  /** Keeps it for an AUTH exchange; false when it is in use. */
  reserve(): boolean {
    if (!this.usable || this.load > 0) return false;
    this.#reserved = true;
    return true;
  }

  release(): void {
    this.#reserved = false;
  }

  /** @param h the octets behind SIGN's line */
  request(request: VaultRequest, h?: Uint8Array): Promise<VaultAnswer> {
    return this.#ask(request.verb, `${formatRequest(request)}\r\n`, h);
  }

  /** The user's next octets in the exchange that AUTH began; null breaks it off. */
  respond(response: Uint8Array | null): Promise<VaultAnswer> {
    return this.#ask("AUTH", `${response === null ? "*" : toBase64(response)}\r\n`);
  }

  /** Takes leave if nothing is under way, and ends the connection in any case. */
  close(): void {
    if (this.#ended) return;
    if (this.load === 0 && !this.#reserved) this.#socket.end("QUIT\r\n");
    this.#end("closed");
  }

  #ask(verb: Verb, line: string, h: Uint8Array = NOTHING): Promise<VaultAnswer> {
    return new Promise((settle) => {
      if (this.#ended) return settle({ kind: "failed", detail: "the connection has ended", stale: true });
      const octets = Buffer.concat([Buffer.from(line, "latin1"), h]);
      this.#waiting.push({ octets, reader: new ReplyReader(verb), settle });
      this.#send();
    });
  }

  #send(): void {
    if (this.#waiting.length === 0) return;
    const isFirst = this.#sent.length === 0;
    this.#cork();
    while (this.#sent.length < MAX_PIPELINED) {
      const slot = this.#waiting.shift();
      if (slot === undefined) break;
      this.#sent.push(slot);
      this.#socket.write(slot.octets);
    }
    if (isFirst) this.#setTimer();
  }

  /** What many ask at the same time goes out together. */
  #cork(): void {
    if (this.#corked) return;
    this.#corked = true;
    this.#socket.cork();
    process.nextTick(() => {
      this.#corked = false;
      this.#socket.uncork();
    });
  }

  #read(octets: Buffer): void {
    if (this.#ended) return;
    this.#input.push(octets);
    let line = this.#input.takeLine();
    for (; line.kind === "line"; line = this.#input.takeLine()) {
      const wrong = this.#take(line.text);
      if (wrong !== null) this.#end(wrong);
      if (this.#ended) return;
      // Only a whole line wins time: octets one by one do not.
      this.#setTimer();
    }
    if (line.kind === "fault") this.#end(line.detail);
    else {
      if (this.#input.length === 0) this.#input.clear();
      this.#send();
    }
  }

  /** Takes one line of a reply; returns what is wrong with it, or null. */
  #take(line: string): string | null {
    const slot = this.#sent[0];
    if (slot === undefined) return "the vault speaks without being asked";
    const progress = slot.reader.take(line);
    if (progress.kind === "wrong") return "the vault's reply is not of the protocol";
    if (progress.kind !== "more") {
      this.#sent.shift();
      this.#served++;
      slot.settle(progress);
    }
    return null;
  }

  /** One timer: while replies are due it limits the next line, otherwise how long the connection is kept. */
  #setTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#ended) return;
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
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (!this.#socket.writableEnded) this.#socket.destroy();
    const untouched = left && this.#served > 0 && this.#input.length === 0;
    this.#input.clear();
    const waiting = [...this.#sent.splice(0), ...this.#waiting.splice(0)];
    for (const [index, slot] of waiting.entries()) {
      slot.settle({ kind: "failed", detail, stale: untouched && (index > 0 || !slot.reader.begun) });
    }
    this.onEnd();
  }
}
