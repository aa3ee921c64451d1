import type { Spool, SpoolFile } from "../../spool/index.ts";
import { allIn, type Program } from "../sql/program.ts";
import { type LargeContents, readSpooled, sweepSpool } from "./large-contents.ts";
import type { QueueDriver } from "./queue-driver.ts";

/** Large contents stay in the spool folder's files, which the queue knows by name. */
export class SpooledContents implements LargeContents {
  readonly #spool: Spool;
  readonly #driver: QueueDriver;

  constructor(spool: Spool, driver: QueueDriver) {
    this.#spool = spool;
    this.#driver = driver;
  }

  store(): null {
    return null;
  }

  *forget(): Program<void> {}

  async committed(_taken: readonly SpoolFile[], ended: readonly string[]): Promise<void> {
    await Promise.all(ended.map((name) => this.#spool.file(name, 0).remove()));
  }

  async *read(name: string, octets: number): AsyncGenerator<Uint8Array, void, undefined> {
    yield* readSpooled(this.#spool.file(name, octets));
  }

  async sweep(): Promise<void> {
    await sweepSpool(this.#spool, (names) => this.#driver.read(known(names)));
  }
}

function* known(names: readonly string[]): Program<ReadonlySet<string>> {
  const rows = yield* allIn("SELECT file FROM content WHERE file IS NOT NULL AND file IN (*)", names);
  return new Set(rows.map(({ file }) => file as string));
}
