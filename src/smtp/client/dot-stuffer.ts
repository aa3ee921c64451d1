import { LineChecker } from "../line-checker.ts";
import type { ContentFault } from "../server/handler.ts";

/**
 * Prepares a message's content for DATA: doubles dots at line starts (RFC 5321 §4.5.2) and refuses what the receiving
 * side would refuse, so that this client can never be made to smuggle. Content cut anywhere gives the same octets.
 */
export class DotStuffer {
  readonly #lines = new LineChecker();

  /** The first fault found; what `stuff` returns from then on must not be sent. */
  get fault(): ContentFault | null {
    return this.#lines.fault;
  }

  /** The octets to send for the next chunk of content; the chunk itself when nothing is to be doubled. */
  stuff(chunk: Uint8Array): Uint8Array {
    const dots: number[] = [];
    this.#lines.check(chunk, (at) => {
      dots.push(at);
      return "counts";
    });
    if (dots.length === 0) return chunk;
    const stuffed = Buffer.allocUnsafe(chunk.length + dots.length);
    let from = 0;
    let to = 0;
    for (const dot of dots) {
      stuffed.set(chunk.subarray(from, dot), to);
      to += dot - from;
      stuffed[to++] = 0x2e;
      from = dot;
    }
    stuffed.set(chunk.subarray(from), to);
    return stuffed;
  }

  /** What ends the data, after the last chunk: with a CRLF first where the content lacks it (RFC 5321 §4.1.1.4). */
  end(): string {
    this.#lines.end();
    return this.#lines.inLine ? "\r\n.\r\n" : ".\r\n";
  }
}
