import type { Command } from "commander";
import type { Keyring, KeyringStore } from "../../keyring/index.ts";
import { openKeyring } from "../configuration.ts";
import type { Done } from "../run-command.ts";
import { type StoreCommand, type StoreSource, type StoreWork, storeCommand } from "./store-command.ts";
import { withStoreErrors } from "./store-errors.ts";

interface OpenedKeyring {
  readonly keyring: Keyring;
  readonly store: KeyringStore;
}

/** What a command works with that reads or changes the key store. */
export type Work<Field extends string> = OpenedKeyring & StoreWork<Field>;

const keyStore: StoreSource<OpenedKeyring> = {
  use: (config, work) =>
    withStoreErrors(async () => {
      await using open = await openKeyring(config);
      await work({ keyring: open.keyring, store: open.store });
    }),
};

/** Makes a command of everything that works on the key store; see {@link storeCommand}. */
export function administer<Field extends string, Options, Args extends readonly unknown[]>(
  command: Command,
  done: Done,
  work: StoreCommand<OpenedKeyring, Field, Options, Args>,
): void {
  storeCommand(keyStore, command, done, work);
}
