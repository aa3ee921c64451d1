import type { Header } from "../header.ts";
import { PartReader } from "./part-reader.ts";
import type { EightBitScan } from "./seven-bit-plan.ts";
import { SevenBitPlanner } from "./seven-bit-planner.ts";

/**
 * Reads a body as it arrives, and plans what makes it 7-bit (MSG-16, MSG-17), of lines that nobody on the way breaks
 * (MSG-20): which parts get encoded, how, and which labels change with them. What may not be re-encoded stays as it is (MSG-18), and so does what readers could understand
 * in two ways. Signed messages that are attached, or handed in, keep their 8-bit parts.
 *
 * Text of which at most one octet in six is over 127 becomes quoted-printable, which is smaller then; other text, and
 * what is no text, becomes base64.
 *
 * It holds a header and a line at most, and a note for each part that changes.
 */
export class EightBitScanner {
  readonly #planner: SevenBitPlanner;
  readonly #reader: PartReader;

  constructor(header: Header) {
    this.#planner = new SevenBitPlanner(header);
    this.#reader = new PartReader(this.#planner, this.#planner.first);
  }

  write(bodyChunk: Uint8Array): void {
    this.#reader.write(bodyChunk);
  }

  finish(): EightBitScan {
    return this.#planner.finish(this.#reader.finish());
  }
}
