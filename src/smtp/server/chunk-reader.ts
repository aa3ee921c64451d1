import { LineChecker } from "../line-checker.ts";
import type { ContentReader, ReadStep } from "./content-reader.ts";
import type { ContentFault } from "./handler.ts";

const crlf = Buffer.from("\r\n");
const nothing = Buffer.alloc(0);

/**
 * Reads content that comes by BDAT (RFC 3030): nothing is stuffed, and the chunks end where the client said. The rules
 * of lines are those of DATA (MSG-6).
 */
export class ChunkReader implements ContentReader {
  /** Octets are counted, so nobody can disagree about where the content ended. */
  readonly endIsDoubtful = false;
  readonly #maxOctets: number;
  readonly #lines = new LineChecker();
  #octets = 0;

  constructor(maxOctets: number) {
    this.#maxOctets = maxOctets;
  }

  get fault(): ContentFault | null {
    return this.#lines.fault ?? (this.#octets > this.#maxOctets ? "too-big" : null);
  }

  get octets(): number {
    return this.#octets;
  }

  read(received: Buffer): ReadStep {
    this.#octets += received.length;
    this.#lines.check(received);
    return { content: this.fault === null ? received : nothing, rest: null };
  }

  /** A last line without an end gets one, as from every server that passes it on with DATA; no signature minds (MSG-14). */
  end(): Uint8Array {
    this.#lines.end();
    return this.#lines.inLine ? crlf : nothing;
  }
}
