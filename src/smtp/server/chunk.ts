import type { ContentTransfer } from "./content-transfer.ts";
import type { Outcome } from "./outcome.ts";

/** A chunk of BDAT on its way in: so many octets are content, whatever comes of the command (RFC 3030 §2). */
export class Chunk {
  readonly kind = "chunk";
  /** Octets that have not come. */
  left: number;
  readonly octets: number;
  readonly last: boolean;
  /** When the client has to be through, in milliseconds of `performance.now()`. */
  readonly endsAt: number;
  /** Takes the octets; without it they are thrown away. */
  transfer: ContentTransfer | null = null;
  /** For a chunk that is thrown away: what is said when it is there. */
  answer: Outcome | null = null;

  constructor(octets: number, last: boolean, endsAt: number) {
    this.left = octets;
    this.octets = octets;
    this.last = last;
    this.endsAt = endsAt;
  }
}
