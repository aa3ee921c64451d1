import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { createInterface } from "node:readline/promises";
import type { Command } from "commander";
import type { Config } from "../config/index.ts";
import { auditEntry, auditKeyOf, loadMasterKey, MasterKeyError } from "../keyring/index.ts";
import { ImportError, importKeyring, keyringLocation, type Transferred } from "../store/index.ts";
import { explain } from "./administration/explain.ts";
import { Printer } from "./administration/printer.ts";
import { showProgress } from "./administration/progress.ts";
import { withStoreErrors } from "./administration/store-errors.ts";
import { transferFields, transferObject, transferText } from "./administration/transfer-object.ts";
import { openNamedFile } from "./arguments.ts";
import { actorName, addConfigOption, openKeyring, readConfig } from "./configuration.ts";
import { EndError } from "./end-error.ts";
import { EXIT } from "./exit-status.ts";
import type { Done } from "./run-command.ts";
import { UsageError } from "./usage-error.ts";

/** `vsmtp import FILE`: what `vsmtp export` has written, into an empty key store. */
export function define(command: Command, done: Done): void {
  command
    .argument("FILE", "what vsmtp export has written")
    .option("--json", "answer with JSON, one object a line");
  explain(addConfigOption(command), {
    about: [
      "Fills the key store that the settings name, which must be empty, and counts everything again at the end; then the audit log is verified. The settings must name the master key that was in use where FILE was exported, and which FILE does not hold.",
      "Broken off, it leaves a key store that nothing opens: begin again with an empty one.",
    ],
    examples: [["vsmtp import keyring-2026-11-25.jsonl --config new.toml", "a backup, or another database"]],
    json: transferFields,
  }).action(async (file: string) => {
    const { config: named, json = false }: { config?: string; json?: boolean } = command.opts();
    const config = readConfig(named);
    const imported = await withStoreErrors(() => importFile(file, config, json));
    await withStoreErrors(() => verifyLog(config, json));
    await new Printer(json).print(
      transferObject(file, imported),
      `${transferText(imported)} are in the key store; the log is whole`,
    );
    done(EXIT.ok);
  });
}

async function importFile(file: string, config: Config, json: boolean): Promise<Transferred> {
  const source = config.store.masterKey;
  if (source.kind === "file" && !existsSync(source.path)) {
    throw new UsageError(`${source.path}: bring the master key here first, from where ${file} was exported`);
  }
  await mkdir(config.dataDirectory, { recursive: true, mode: 0o700 });
  (await openNamedFile(file)).destroy(); // before anything is made, should it not be there
  const progress = await showProgress("importing", "rows", json);
  try {
    const masterKey = await loadMasterKey(source);
    return await importKeyring({
      location: await keyringLocation(config.store.keyring),
      auditKey: auditKeyOf(masterKey),
      masterKeyCheck: masterKey.check,
      lines: linesOf(file),
      entry: auditEntry({ at: Date.now(), actor: actorName(), action: "store.import", subject: file }),
      onProgress: progress.report,
    });
  } catch (error) {
    if (error instanceof ImportError || error instanceof MasterKeyError) throw new UsageError(error.message);
    throw error;
  } finally {
    progress.end();
  }
}

/** The file is opened when it is read: readline loses what comes before somebody listens. */
async function* linesOf(file: string): AsyncGenerator<string> {
  yield* createInterface({ input: await openNamedFile(file), crlfDelay: Number.POSITIVE_INFINITY });
}

async function verifyLog(config: Config, json: boolean): Promise<void> {
  await using open = await openKeyring(config);
  const { sequence } = await open.keyring.auditHead();
  const progress = await showProgress("verifying the audit log", "entries", json);
  const verification = await open.keyring
    .verifyAudit({ onProgress: (count) => progress.report(count, Math.max(count, sequence)) })
    .finally(() => progress.end());
  if (verification.ok) return;
  throw new EndError(
    `everything is in the key store, but the audit log is not whole: ${verification.detail}`,
    EXIT.notPass,
  );
}
