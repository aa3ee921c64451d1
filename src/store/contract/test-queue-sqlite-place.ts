import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after } from "node:test";
import type { QueueStore } from "../../queue/index.ts";
import { Spool } from "../../spool/index.ts";
import { openQueueStore } from "../index.ts";
import type { QueuePlace } from "./test-queue-place.ts";

const SQLITE_CONSTRAINT = 19;

/** Queues in SQLite files; they are closed and gone when the tests of the file are over. */
export class SqliteQueuePlaces {
  readonly folder = mkdtempSync(join(tmpdir(), "vsmtp-queue-"));
  readonly #made: QueuePlace[] = [];
  #files = 0;

  constructor() {
    after(async () => {
      for (const place of this.#made) await place.close();
      rmSync(this.folder, { recursive: true });
    });
  }

  readonly make = async (location = join(this.folder, `${this.#files++}.sqlite`)): Promise<QueuePlace> => {
    const spoolFolder = `${location}-spool`;
    const spool = await Spool.open(spoolFolder, { memoryOctets: 1 << 10 });
    const opened: QueueStore[] = [];
    const place: QueuePlace = {
      location,
      spoolFolder,
      spool,
      open: async (sqlite) => {
        const store = await openQueueStore(location, spool, sqlite);
        opened.push(store);
        return store;
      },
      close: async () => {
        for (const store of opened.splice(0)) await store.close();
      },
      sql: async (text) => {
        const db = new DatabaseSync(location, { timeout: 5000 });
        try {
          // Without the prototype that rows lack here.
          return db
            .prepare(text)
            .all()
            .map((row) => ({ ...row }));
        } finally {
          db.close();
        }
      },
      isRefusal: (error) => ((error as { errcode?: number }).errcode ?? 0) % 256 === SQLITE_CONSTRAINT,
    };
    this.#made.push(place);
    return place;
  };
}
