import { once } from "node:events";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";

/** Messages up to this size wait in memory, larger ones in a file. */
const MAX_IN_MEMORY = 16 << 20;

/** Standard input, chunk by chunk, for what needs it only once. */
export async function* readStandardInput(): AsyncGenerator<Uint8Array> {
  for await (const chunk of process.stdin) yield chunk as Uint8Array;
}

/** A message that must be read twice: signing needs all of it before the first octet can be written. */
export class SpooledInput {
  readonly #chunks: Uint8Array[];
  readonly #folder: string | null;

  private constructor(chunks: Uint8Array[], folder: string | null) {
    this.#chunks = chunks;
    this.#folder = folder;
  }

  /** Reads all of standard input, showing each chunk on its way. */
  static async read(show: (chunk: Uint8Array) => void): Promise<SpooledInput> {
    const chunks: Uint8Array[] = [];
    let octets = 0;
    const input = readStandardInput();
    for (let next = await input.next(); !next.done; next = await input.next()) {
      show(next.value);
      chunks.push(next.value);
      octets += next.value.length;
      if (octets > MAX_IN_MEMORY) return new SpooledInput([], await spool(chunks, input, show));
    }
    return new SpooledInput(chunks, null);
  }

  /** Writes the message to standard output, leaving out these octet ranges. */
  async writeOut(leaveOut: readonly { readonly start: number; readonly end: number }[]): Promise<void> {
    let at = 0;
    const source = this.#folder === null ? this.#chunks : createReadStream(join(this.#folder, "message"));
    for await (const chunk of source as AsyncIterable<Uint8Array>) {
      let from = 0;
      for (const { start, end } of leaveOut) {
        if (end <= at || start >= at + chunk.length) continue;
        await write(chunk.subarray(from, Math.max(from, start - at)));
        from = Math.min(chunk.length, end - at);
      }
      await write(chunk.subarray(from));
      at += chunk.length;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#folder !== null) await rm(this.#folder, { recursive: true, force: true });
  }
}

async function spool(
  held: readonly Uint8Array[],
  rest: AsyncGenerator<Uint8Array>,
  show: (chunk: Uint8Array) => void,
): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "vsmtp-"));
  const source = async function* (): AsyncGenerator<Uint8Array> {
    yield* held;
    for await (const chunk of rest) {
      show(chunk);
      yield chunk;
    }
  };
  await pipeline(source, createWriteStream(join(folder, "message"), { mode: 0o600 }));
  return folder;
}

async function write(octets: Uint8Array): Promise<void> {
  if (octets.length > 0 && !process.stdout.write(octets)) await once(process.stdout, "drain");
}
