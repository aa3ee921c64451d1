import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after } from "node:test";
import type { KeyringStore } from "../../keyring/index.ts";
import { openKeyringStore } from "../index.ts";
import { AUDIT_KEY, type Place } from "./test-place.ts";

const SQLITE_CONSTRAINT = 19;

/** Places in SQLite files; they are closed and gone when the tests of the file are over. */
export class SqlitePlaces {
  readonly folder = mkdtempSync(join(tmpdir(), "vsmtp-keyring-"));
  readonly #opened: KeyringStore[] = [];
  #files = 0;

  constructor() {
    after(async () => {
      for (const store of this.#opened) await store.close();
      rmSync(this.folder, { recursive: true });
    });
  }

  readonly make = async (location = join(this.folder, `${this.#files++}.db`)): Promise<Place> => {
    return {
      location,
      open: async (sqlite) => {
        const store = await openKeyringStore({
          location,
          auditKey: AUDIT_KEY,
          ...(sqlite ? { sqlite } : {}),
        });
        this.#opened.push(store);
        return store;
      },
      sql: async (text) => {
        const db = new DatabaseSync(location, { timeout: 5000 });
        try {
          db.exec(text);
        } finally {
          db.close();
        }
      },
      isRefusal: (error) => ((error as { errcode?: number }).errcode ?? 0) % 256 === SQLITE_CONSTRAINT,
    };
  };
}
