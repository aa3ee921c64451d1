import { closeSync, fsyncSync, openSync, unlinkSync, writeSync } from "node:fs";
import type { Command } from "commander";
import { auditEntry } from "../keyring/index.ts";
import { exportKeyring, keyringLocation } from "../store/index.ts";
import { administer } from "./administration/administer.ts";
import { showProgress } from "./administration/progress.ts";
import { transferFields, transferObject, transferText } from "./administration/transfer-object.ts";
import { actorName } from "./configuration.ts";
import type { Done } from "./run-command.ts";
import { UsageError } from "./usage-error.ts";

/** `vsmtp export FILE`: everything in the key store, for a backup or another database. */
export function define(command: Command, done: Done): void {
  administer(command.argument("FILE", "made with mode 0600; never overwritten"), done, {
    about: [
      "Writes everything that the key store holds: domains, accounts, credentials, keys with their history, enrolments, what was sent lately, the audit log. It is one state of the store, even while vsmtp serve goes on changing it. Private keys stay encrypted under the master key, which is not in FILE: keep the two apart.",
      "vsmtp import reads FILE into an empty key store, of SQLite or PostgreSQL. docs/export-format.md has its form.",
    ],
    examples: [
      ["vsmtp export keyring-2026-11-25.jsonl", "a backup"],
      ["vsmtp export move.jsonl && vsmtp import move.jsonl --config new.toml", "from SQLite to PostgreSQL"],
    ],
    json: transferFields,
    async run({ store, config, printer, json }, _options: object, file: string) {
      const descriptor = openNew(file);
      try {
        const entry = auditEntry({
          at: Date.now(),
          actor: actorName(),
          action: "store.export",
          subject: file,
        });
        await store.use([{ entry, take: null, touch: null }]);
        const progress = await showProgress("exporting", "rows", json);
        const exported = await exportKeyring({
          location: await keyringLocation(config.store.keyring),
          write: (lines) => void writeSync(descriptor, lines),
          onProgress: progress.report,
        }).finally(() => progress.end());
        fsyncSync(descriptor);
        await printer.print(transferObject(file, exported), `${file} holds ${transferText(exported)}`);
      } catch (error) {
        unlinkSync(file);
        throw error;
      } finally {
        closeSync(descriptor);
      }
    },
  });
}

function openNew(file: string): number {
  try {
    return openSync(file, "wx", 0o600);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === "EEXIST" ? "it exists already; exports are never overwritten" : String(code);
    throw new UsageError(`${file}: cannot be written: ${why}`);
  }
}
