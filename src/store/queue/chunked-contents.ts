import { QueueStoreError } from "../../queue/index.ts";
import type { Spool, SpoolFile } from "../../spool/index.ts";
import { first, type Program, runIn, type Statement } from "../sql/program.ts";
import { type LargeContents, readSpooled, sweepSpool } from "./large-contents.ts";
import type { QueueDriver } from "./queue-driver.ts";

/** Large contents are in rows of pieces, so that every host can deliver them; files are on their way there. */
export class ChunkedContents implements LargeContents {
  readonly #spool: Spool;
  readonly #driver: QueueDriver;

  constructor(spool: Spool, driver: QueueDriver) {
    this.#spool = spool;
    this.#driver = driver;
  }

  store(files: readonly SpoolFile[]): (() => AsyncIterable<Statement>) | null {
    return files.length === 0 ? null : () => chunksOf(files);
  }

  *forget(names: readonly string[]): Program<void> {
    yield* runIn("DELETE FROM content_chunk WHERE file IN (*)", names);
  }

  async committed(taken: readonly SpoolFile[]): Promise<void> {
    await Promise.all(taken.map((file) => file.remove()));
  }

  async *read(name: string, octets: number): AsyncGenerator<Uint8Array, void, undefined> {
    for (let position = 0, left = octets; left > 0; position++) {
      const chunk = await this.#driver.read(chunkAt(name, position));
      if (chunk === null) throw new QueueStoreError("broken", new Error(`${name} is not there any more`));
      left -= chunk.length;
      yield chunk;
    }
  }

  async sweep(): Promise<void> {
    await sweepSpool(this.#spool, async () => new Set());
  }
}

/** One piece at a time is in memory. */
async function* chunksOf(files: readonly SpoolFile[]): AsyncGenerator<Statement, void, undefined> {
  const sql = "INSERT INTO content_chunk (file, position, octets) VALUES (?, ?, ?)";
  for (const file of files) {
    let position = 0;
    for await (const octets of readSpooled(file)) yield { sql, values: [file.name, position++, octets] };
  }
}

function* chunkAt(file: string, position: number): Program<Uint8Array | null> {
  const row = yield* first(
    "SELECT octets FROM content_chunk WHERE file = ? AND position = ?",
    file,
    position,
  );
  return row === null ? null : (row.octets as Uint8Array);
}
