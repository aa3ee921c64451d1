import { open, rm } from "node:fs/promises";
import { basename } from "node:path";
import { SpoolError, spoolError } from "./spool-error.ts";

export interface ReadOptions {
  /**
   * Pieces are only lent: each is written over when the fourth after it is asked for. Whoever passes a large file on like
   * this leaves no garbage behind; of other pieces V8 lets 50 MiB lie about before it looks for them.
   */
  readonly lent?: boolean;
}

/** A file of a spool folder: complete, and synced to the disk with the folder's entry. */
export interface SpoolFile {
  /** Unique, and nothing but letters, digits and "-": its name in the folder, and in the queue. */
  readonly name: string;
  readonly octets: number;
  /** From the beginning at each call, in pieces of at most 256 KiB. Rejects with a SpoolError. */
  read(options?: ReadOptions): AsyncIterable<Uint8Array>;
  /** Removes it. Never rejects: what cannot be removed now is swept later. */
  remove(): Promise<void>;
}

/** Octets that were received: in memory, or, when there were too many, in a file. */
export interface SpooledOctets {
  readonly octets: number;
  /** All of them, in order; null where they are in `file`. */
  readonly memory: readonly Uint8Array[] | null;
  readonly file: SpoolFile | null;
  /** From the beginning at each call. */
  read(): AsyncIterable<Uint8Array>;
}

const pieceOctets = 256 << 10;
const lentPieces = 4;

export class PlacedSpoolFile implements SpoolFile {
  readonly name: string;
  readonly octets: number;
  readonly #path: string;

  /** @param path its last part is the file's name */
  constructor(path: string, octets: number) {
    this.name = basename(path);
    this.octets = octets;
    this.#path = path;
  }

  async *read({ lent = false }: ReadOptions = {}): AsyncGenerator<Uint8Array, void, undefined> {
    const handle = await open(this.#path, "r").catch(refuse);
    const blocks: Buffer[] = [];
    try {
      for (let left = this.octets, turn = 0; left > 0; turn = (turn + 1) % lentPieces) {
        const block = (lent ? blocks[turn] : undefined) ?? Buffer.allocUnsafe(Math.min(pieceOctets, left));
        if (lent) blocks[turn] = block;
        const piece = block.subarray(0, Math.min(block.length, left));
        // To the brim: nobody who sends lent pieces on waits for those that are small.
        for (let filled = 0; filled < piece.length; ) {
          const { bytesRead } = await handle.read(piece, filled, piece.length - filled, null).catch(refuse);
          if (bytesRead === 0) throw new SpoolError("broken", `${this.name} lacks its last ${left} octets`);
          filled += bytesRead;
        }
        left -= piece.length;
        yield piece;
      }
    } finally {
      await handle.close();
    }
  }

  async remove(): Promise<void> {
    await rm(this.#path, { force: true }).catch(() => {});
  }
}

/** Octets that were not received through a spool, as if they had been. */
export function inMemory(pieces: readonly Uint8Array[], octets: number): SpooledOctets {
  return {
    octets,
    memory: pieces,
    file: null,
    async *read() {
      yield* pieces;
    },
  };
}

export function inFile(file: SpoolFile): SpooledOctets {
  return { octets: file.octets, memory: null, file, read: () => file.read() };
}

function refuse(cause: unknown): never {
  throw spoolError(cause);
}
