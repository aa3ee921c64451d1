import { command } from "./protocol.ts";

/** One step of reading. */
export type ReadStep =
  | { readonly kind: "packet"; readonly command: string; readonly data: Buffer }
  /** Octets of a packet with body, as they come; `last` of the packet. */
  | { readonly kind: "body"; readonly command: string; readonly octets: Buffer; readonly last: boolean }
  /** No packet of the protocol: nothing more is to be read. */
  | { readonly kind: "broken"; readonly command: string | null; readonly detail: string };

/** Data of a packet: what the largest size that can be agreed upon allows, less one for the command. */
const contentOctets = 1024 * 1024 - 1;
/** Data of one that is neither header nor body: names and macros. */
const plainOctets = 65_535;

const letters: ReadonlySet<string> = new Set(Object.values(command));
const none = Buffer.alloc(0);

/**
 * Cuts received octets into packets: a length in four octets, a letter, data. Body octets are passed on as they came,
 * without copies. Holds at most one chunk, or one packet without body.
 */
export class PacketReader {
  #chunk: Buffer = none;
  #at = 0;
  readonly #head = Buffer.alloc(5);
  #headOctets = 0;
  #command = "";
  /** Octets of the packet's data that were not taken. */
  #left = 0;
  /** What has come of a packet that came in several chunks, and room for more. */
  #held: Buffer = none;
  #heldOctets = 0;
  /** Octets before the chunk. */
  #before = 0;
  /** Where the packet begins that is read, or was read last, in octets from the beginning of the connection. */
  offset = 0;

  /** Whether a packet has begun that is not complete. */
  get inPacket(): boolean {
    return this.#headOctets > 0;
  }

  push(chunk: Buffer): void {
    const unread = this.#chunk.subarray(this.#at);
    this.#before += this.#at;
    this.#chunk = unread.length === 0 ? chunk : Buffer.concat([unread, chunk]);
    this.#at = 0;
  }

  /** Null when more octets are needed. */
  next(): ReadStep | null {
    if (this.#headOctets < 5) {
      const fault = this.#readHead();
      if (fault !== null || this.#headOctets < 5) return fault;
    }
    const taken = this.#chunk.subarray(this.#at, this.#at + this.#left);
    this.#at += taken.length;
    this.#left -= taken.length;
    const last = this.#left === 0;
    if (isBody(this.#command)) {
      if (taken.length === 0 && !last) return null;
      if (last) this.#headOctets = 0;
      return { kind: "body", command: this.#command, octets: taken, last };
    }
    if (!last || this.#heldOctets > 0) this.#hold(taken);
    if (!last) return null;
    this.#headOctets = 0;
    const data = this.#heldOctets > 0 ? this.#held.subarray(0, this.#heldOctets) : taken;
    this.#held = none;
    this.#heldOctets = 0;
    return { kind: "packet", command: this.#command, data };
  }

  /** Copies: of chunks of one octet each, a million would be in the way. */
  #hold(octets: Buffer): void {
    const length = this.#heldOctets + octets.length;
    if (length > this.#held.length) {
      const room = Buffer.allocUnsafe(Math.min(2 * length, length + this.#left));
      this.#held.copy(room, 0, 0, this.#heldOctets);
      this.#held = room;
    }
    octets.copy(this.#held, this.#heldOctets);
    this.#heldOctets = length;
  }

  #readHead(): ReadStep | null {
    if (this.#headOctets === 0) this.offset = this.#before + this.#at;
    const copied = this.#chunk.copy(this.#head, this.#headOctets, this.#at, this.#at + 5 - this.#headOctets);
    this.#at += copied;
    this.#headOctets += copied;
    if (this.#headOctets < 5) return null;
    const length = this.#head.readUInt32BE(0);
    const letter = String.fromCharCode(this.#head[4] as number);
    if (length === 0) return { kind: "broken", command: null, detail: "a packet without a command" };
    if (!letters.has(letter)) return { kind: "broken", command: null, detail: "an unknown command" };
    const most = isBody(letter) || letter === command.header ? contentOctets : plainOctets;
    if (length - 1 > most) {
      return {
        kind: "broken",
        command: letter,
        detail: `a packet of ${length} octets; ${most + 1} are allowed`,
      };
    }
    this.#command = letter;
    this.#left = length - 1;
    return null;
  }
}

function isBody(letter: string): boolean {
  return letter === command.body || letter === command.endOfMessage;
}
