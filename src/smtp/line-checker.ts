import { ControlOctets } from "./control-octets.ts";
import type { ContentFault } from "./server/handler.ts";

/** Octets of a text line without CRLF (MSG-4, RFC 5321 §4.5.3.1.6); a stuffed dot is not counted. */
const mostOctets = 998;

const dot = 0x2e;
const lf = 0x0a;
const cr = 0x0d;

/** What a dot that starts a line is: a part of it, one that was stuffed, or something that is no line any more. */
export type LineDot = "counts" | "stuffed" | "stop";

/** Checks the lines of a message (MSG-1 to MSG-4) that comes in chunks, cut anywhere. */
export class LineChecker {
  /** Octets so far of the line that the next chunk continues; 0 at the start of a line. */
  #lineOctets = 0;
  #endsWithCr = false;
  #fault: ContentFault | null = null;

  /** Null while the content is good. `bare-cr` and `bare-lf` take precedence over the other faults. */
  get fault(): ContentFault | null {
    return this.#fault;
  }

  /** Whether the content breaks off within a line. */
  get inLine(): boolean {
    return this.#lineOctets > 0;
  }

  /** No more chunks come: what waited for the next one is a fault. */
  end(): void {
    if (this.#endsWithCr) this.#found("bare-cr");
  }

  /**
   * @param judgeDot asked about each dot that starts a line, with its place
   * @returns how far it came: to the end, or to a dot that is to stop it
   */
  check(octets: Uint8Array, judgeDot: (at: number) => LineDot = counts): number {
    if (octets.length === 0) return 0;
    const controls = new ControlOctets(octets);
    let start = -this.#lineOctets;
    let at = 0;
    if (this.#endsWithCr) {
      this.#endsWithCr = false;
      if (octets[0] === lf) start = at = 1;
      else {
        this.#found("bare-cr");
        start--; // the CR is an octet of the line
      }
    }
    for (;;) {
      if (start === at && octets[at] === dot) {
        const judged = judgeDot(at);
        if (judged === "stop") break;
        if (judged === "stuffed") start++;
      }
      at = controls.next(at);
      if (at === octets.length) break;
      const octet = octets[at] as number;
      if (octet === cr) {
        if (at + 1 === octets.length) {
          this.#endsWithCr = true;
          break;
        }
        if (octets[at + 1] === lf) {
          if (at - start > mostOctets) this.#found("long-line");
          at += 2;
          start = at;
          continue;
        }
        this.#found("bare-cr");
      } else if (octet === lf) this.#found("bare-lf");
      else if (octet === 0) this.#found("nul");
      at++;
    }
    this.#lineOctets = at - start;
    if (this.#lineOctets > mostOctets) this.#found("long-line");
    return this.#endsWithCr ? octets.length : at;
  }

  #found(fault: ContentFault): void {
    const smuggling = fault === "bare-cr" || fault === "bare-lf";
    if (this.#fault === null || (smuggling && this.#fault !== "bare-cr" && this.#fault !== "bare-lf")) {
      this.#fault = fault;
    }
  }
}

function counts(): LineDot {
  return "counts";
}
