import type { ContentFault } from "./handler.ts";

/** What one block of received octets brought. */
export interface ReadStep {
  /** Content octets to hand on, dot-stuffing removed; empty once the content is refused. */
  readonly content: Uint8Array;
  /** Null until the end of data was found; then the octets behind it. */
  readonly rest: Buffer | null;
}

/** Turns received octets into the content of one message, and judges it: by DATA or by BDAT. */
export interface ContentReader {
  /** Null while the content is good. `bare-cr` and `bare-lf` take precedence over the other faults. */
  readonly fault: ContentFault | null;
  /** Content octets so far. */
  readonly octets: number;
  /** Whether the client, for its fault, may have another notion of where the content ended. */
  readonly endIsDoubtful: boolean;
  /** Takes the octets that follow those of the last call, cut anywhere. Not to be called after the end. */
  read(received: Buffer): ReadStep;
  /** The client says that this was all. What completes the content, mostly nothing; a fault may be found now. */
  end(): Uint8Array;
}
