import { judgeTail, lineOctets } from "../content-lines.ts";
import type { ContentFault } from "../server/handler.ts";

/**
 * Prepares a message's content for DATA: doubles dots at line starts (RFC 5321 §4.5.2) and refuses what the receiving
 * side would refuse, so that this client can never be made to smuggle. Content cut anywhere gives the same octets.
 */
export class DotStuffer {
  /** Octets so far of the line that the next chunk continues; 0 at the start of a line. */
  #lineOctets = 0;
  #endsWithCr = false;
  #fault: ContentFault | null = null;

  /** The first fault found; what `stuff` returns from then on must not be sent. */
  get fault(): ContentFault | null {
    return this.#fault;
  }

  /** The octets to send for the next chunk of content; the chunk itself when nothing is to be doubled. */
  stuff(chunk: Uint8Array): Uint8Array {
    const buffer = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const dots = this.#scan(buffer.toString("latin1"));
    if (dots.length === 0) return chunk;
    const stuffed = Buffer.allocUnsafe(buffer.length + dots.length);
    let from = 0;
    let to = 0;
    for (const dot of dots) {
      to += buffer.copy(stuffed, to, from, dot);
      stuffed[to++] = 0x2e;
      from = dot;
    }
    buffer.copy(stuffed, to, from);
    return stuffed;
  }

  /** What ends the data, after the last chunk: with a CRLF first where the content lacks it (RFC 5321 §4.1.1.4). */
  end(): string {
    if (this.#endsWithCr) this.#fault ??= "bare-cr";
    return this.#lineOctets > 0 ? "\r\n.\r\n" : ".\r\n";
  }

  /** Checks the lines; returns where dots start lines. */
  #scan(text: string): number[] {
    const dots: number[] = [];
    const nul = text.indexOf("\0");
    let before = this.#lineOctets;
    let at = 0;
    if (text.length === 0) return dots;
    if (this.#endsWithCr) {
      this.#endsWithCr = false;
      if (text[0] !== "\n") this.#fault ??= "bare-cr";
      at = 1;
      before = 0;
    }
    for (;;) {
      if (before === 0 && text.charCodeAt(at) === 0x2e) dots.push(at);
      const lf = text.indexOf("\n", at);
      const cr = text.indexOf("\r", at);
      // Both can be absent, and -1 is also where the CR of a LF at 0 would be.
      if (cr === -1 || cr !== lf - 1) {
        const tail = judgeTail(lf, cr, nul, text.length);
        this.#lineOctets = before + tail.at - at;
        this.#endsWithCr = tail.at < text.length;
        this.#fault ??= tail.fault ?? (this.#lineOctets > lineOctets ? "long-line" : null);
        return dots;
      }
      if (nul !== -1 && nul < cr) this.#fault ??= "nul";
      if (before + cr - at > lineOctets) this.#fault ??= "long-line";
      at = lf + 1;
      before = 0;
    }
  }
}
