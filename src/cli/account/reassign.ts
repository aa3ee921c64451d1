import type { Command } from "commander";
import { administer } from "../administration/administer.ts";
import { canonicalAddress, findAccount } from "../administration/find-account.ts";
import {
  addNewPasswordOptions,
  type NewPasswordOptions,
  newPassword,
} from "../administration/password-input.ts";
import { succeeded } from "../administration/succeeded.ts";
import type { Done } from "../run-command.ts";
import { madeFields, madeObject, madeText } from "./made-account.ts";

interface Options extends NewPasswordOptions {
  readonly keyLock?: boolean;
}

export function defineReassign(parent: Command, done: Done): void {
  const command = parent
    .command("reassign ADDRESS")
    .description("give an address to another person: a new account with a new key")
    .option("--key-lock", "its private keys open with its own passwords only (see vsmtp account lock)");
  administer(addNewPasswordOptions(command), done, {
    asks: true,
    about: [
      "Nobody may inherit a key (LIF-19). If the address is an account's primary address, that account is removed; if it is an alias, its owner only loses the alias.",
    ],
    examples: [["vsmtp account reassign info@example.org", "asks first, makes a password and shows it"]],
    json: madeFields,
    async run({ keyring, printer, confirm }, options: Options, address: string) {
      const { primaryAddress } = await findAccount(keyring, address);
      await confirm(
        primaryAddress === canonicalAddress(address)
          ? `${address} goes to a new account. The account that has it now is removed with all its addresses and passwords, and its keys are revoked; this cannot be undone.`
          : `${address} goes to a new account. The account ${primaryAddress} loses this alias.`,
      );
      const secret = newPassword(options);
      const { account, kid } = succeeded(
        await keyring.reassign({
          address,
          ...(secret ? { password: secret.password } : {}),
          keyLock: options.keyLock === true,
        }),
      );
      const made = { account, kid, password: secret?.made ? secret.password : null };
      await printer.print(madeObject(made), madeText(`${account.primaryAddress} is a new account now`, made));
    },
  });
}
