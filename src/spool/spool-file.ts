import { open, rm } from "node:fs/promises";
import { basename } from "node:path";
import { countPassing } from "./passing-octets.ts";
import { SpoolError, spoolError } from "./spool-error.ts";

/** A file of a spool folder: complete, and synced to the disk with the folder's entry. */
export interface SpoolFile {
  /** Unique, and nothing but letters, digits and "-": its name in the folder, and in the queue. */
  readonly name: string;
  readonly octets: number;
  /** From the beginning at each call, in pieces of at most 256 KiB. Rejects with a SpoolError. */
  read(): AsyncIterable<Uint8Array>;
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

  async *read(): AsyncGenerator<Uint8Array, void, undefined> {
    const handle = await open(this.#path, "r").catch(refuse);
    try {
      let left = this.octets;
      while (left > 0) {
        const piece = Buffer.allocUnsafe(Math.min(pieceOctets, left));
        const { bytesRead } = await handle.read(piece, 0, piece.length, null).catch(refuse);
        if (bytesRead === 0) throw new SpoolError("broken", `${this.name} lacks its last ${left} octets`);
        left -= bytesRead;
        yield piece.subarray(0, bytesRead);
        countPassing(bytesRead);
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
