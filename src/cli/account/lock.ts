import type { Command } from "commander";
import { administer } from "../administration/administer.ts";
import { findAccount } from "../administration/find-account.ts";
import { askNewPassword, readPasswordFile } from "../administration/password-input.ts";
import { succeeded } from "../administration/succeeded.ts";
import { canAsk } from "../administration/terminal.ts";
import type { Done } from "../run-command.ts";
import { UsageError } from "../usage-error.ts";

interface Options {
  readonly passwordFile?: string;
}

const fields = {
  address: "the account's primary address",
  key_lock: "whether its private keys open with its own passwords only",
  kid: "the id of its new key",
} as const;

export function defineLock(parent: Command, done: Done): void {
  defineChange(parent, done, {
    name: "lock",
    on: true,
    description: "let an account's private keys open with its own passwords only",
    about: [
      "Whoever steals the database and the master key can sign for nobody whose keys are locked: a private key opens only while its user is logged in. The price: a forgotten password cannot be replaced without a new key, which ends app passwords and makes receivers refuse mail under way; nobody else can sign as the account (grants with --send-as, tokens instead of passwords); and old keys cannot be released.",
      "The account gets a new key at once, the old one goes on verifying what it signed. The password given is its password from now on, and app passwords have to be made anew.",
    ],
    examples: [["vsmtp account lock alice@example.org", "asks for the password that she will have"]],
    result: "has a key lock: only its own passwords open its keys",
  });
}

export function defineUnlock(parent: Command, done: Done): void {
  defineChange(parent, done, {
    name: "unlock",
    on: false,
    description: "let the master key alone open an account's private keys again",
    about: [
      "See vsmtp account lock for what is gained and lost. The account gets a new key at once, the old one goes on verifying what it signed. The password given is its password from now on, and app passwords have to be made anew.",
    ],
    examples: [["vsmtp account unlock alice@example.org --password-file secret --yes", "in a script"]],
    result: "has no key lock: the master key opens its keys",
  });
}

interface Change {
  readonly name: string;
  readonly on: boolean;
  readonly description: string;
  readonly about: readonly string[];
  readonly examples: readonly (readonly [string, string])[];
  readonly result: string;
}

function defineChange(parent: Command, done: Done, change: Change): void {
  const command = parent
    .command(`${change.name} ADDRESS`)
    .description(change.description)
    .option(
      "--password-file FILE",
      "the password that it will have, from the first line of FILE (- for standard input)",
    );
  administer(command, done, {
    asks: true,
    about: change.about,
    examples: change.examples,
    json: fields,
    async run({ keyring, printer, confirm }, { passwordFile }: Options, address: string) {
      const { id, primaryAddress, keyLock } = await findAccount(keyring, address);
      if ((keyLock !== null) === change.on) {
        throw new UsageError(`${primaryAddress} ${change.on ? "has a key lock already" : "has no key lock"}`);
      }
      await confirm(
        `${primaryAddress} gets a new key and the password that you give; its app passwords are gone.`,
      );
      const password = passwordFile === undefined ? await ask() : readPasswordFile(passwordFile);
      const { kid } = succeeded(await keyring.setKeyLock(id, change.on, password));
      await printer.print(
        { address: primaryAddress, key_lock: change.on, kid },
        `${primaryAddress} ${change.result}\nkey       ${kid}`,
      );
    },
  });
}

async function ask(): Promise<string> {
  if (canAsk()) return askNewPassword();
  throw new UsageError("no terminal to ask for the password on: say --password-file FILE");
}
