import { lineOctets } from "./content-lines.ts";
import { ControlOctets } from "./control-octets.ts";
import type { ContentFault } from "./server/handler.ts";

const dot = 0x2e;
const lf = 0x0a;
const cr = 0x0d;

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

  /** @param dots gets the places of dots that start lines */
  check(octets: Uint8Array, dots?: number[]): void {
    if (octets.length === 0) return;
    const controls = new ControlOctets(octets);
    let start = -this.#lineOctets;
    let at = 0;
    if (this.#endsWithCr) {
      this.#endsWithCr = false;
      if (octets[0] !== lf) this.#found("bare-cr");
      else start = at = 1;
    }
    if (start === at && octets[at] === dot) dots?.push(at);
    for (;;) {
      at = controls.next(at);
      if (at === octets.length) break;
      const octet = octets[at] as number;
      if (octet === cr) {
        if (at + 1 === octets.length) {
          this.#endsWithCr = true;
          break;
        }
        if (octets[at + 1] === lf) {
          if (at - start > lineOctets) this.#found("long-line");
          at += 2;
          start = at;
          if (octets[at] === dot) dots?.push(at);
          continue;
        }
        this.#found("bare-cr");
      } else if (octet === lf) this.#found("bare-lf");
      else if (octet === 0) this.#found("nul");
      at++;
    }
    this.#lineOctets = at - start;
    if (this.#lineOctets > lineOctets) this.#found("long-line");
  }

  #found(fault: ContentFault): void {
    const smuggling = fault === "bare-cr" || fault === "bare-lf";
    if (this.#fault === null || (smuggling && this.#fault !== "bare-cr" && this.#fault !== "bare-lf")) {
      this.#fault = fault;
    }
  }
}
