import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { userInfo } from "node:os";
import type { Command } from "commander";
import { type Config, formatProblem, loadConfig, signsForUsers } from "../config/index.ts";
import { auditKeyOf, Keyring, type KeyringStore, loadMasterKey, MasterKeyError } from "../keyring/index.ts";
import { keyringLocation, openKeyringStore, StoreMismatchError } from "../store/index.ts";
import { readNamedFile } from "./arguments.ts";
import { UsageError } from "./usage-error.ts";

const PLACES = ["vsmtp.toml", "/etc/vsmtp/vsmtp.toml"];

/** Adds `--config FILE` to a command that works on an installation. */
export function addConfigOption(command: Command): Command {
  return command.option("--config FILE", `settings (${PLACES.join(", else ")})`);
}

/** Reads the settings; everything that is wrong with them is printed by line before the program ends. */
export function readConfig(named: string | undefined): Config {
  const fileName = named ?? PLACES.find((place) => existsSync(place));
  if (fileName === undefined) {
    throw new UsageError(
      `no configuration: neither ${PLACES.join(" nor ")} is there; --config FILE names one`,
    );
  }
  const result = loadConfig(readNamedFile(fileName).toString("utf8"), fileName);
  if (result.ok) return result.config;
  throw new UsageError(result.problems.map((problem) => formatProblem(fileName, problem)).join("\nvsmtp: "));
}

/** The open key store of an installation. */
export interface OpenKeyring extends AsyncDisposable {
  readonly keyring: Keyring;
  readonly store: KeyringStore;
}

/** Opens the key store that the settings name; it and its master key are made at first use. */
export async function openKeyring(config: Config): Promise<OpenKeyring> {
  const { accounts, dataDirectory, store: place } = config;
  if (!usesKeyStore(config)) {
    throw new UsageError(
      "these settings are of a host without key store: its roles use none; run this on the host of the vault or key server",
    );
  }
  await mkdir(dataDirectory, { recursive: true, mode: 0o700 });
  try {
    const masterKey = await loadMasterKey(place.masterKey);
    const store = await openKeyringStore({
      location: await keyringLocation(place.keyring),
      auditKey: auditKeyOf(masterKey),
    });
    try {
      const keyring = await Keyring.open({ store, masterKey, actor: actorName(), ...accounts });
      return { keyring, store, [Symbol.asyncDispose]: () => store.close() };
    } catch (error) {
      await store.close();
      throw error;
    }
  } catch (error) {
    if (error instanceof MasterKeyError || error instanceof StoreMismatchError) {
      throw new UsageError(error.message);
    }
    throw error;
  }
}

/** Where none is used, an empty one would be made, and hide that this is the wrong host. */
export function usesKeyStore(config: Config): boolean {
  const { roles, submission, keyServer } = config;
  const signsHere = signsForUsers(config) && submission.vault === null;
  return signsHere || roles.has("vault") || (roles.has("key-server") && keyServer.redirect === null);
}

/** For the audit log (PRV-20). In a container the user may have no name. */
export function actorName(): string {
  try {
    return `cli:${userInfo().username}`;
  } catch {
    return `cli:${process.getuid?.() ?? "unknown"}`;
  }
}
