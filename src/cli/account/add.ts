import type { Command } from "commander";
import { administer } from "../administration/administer.ts";
import {
  addNewPasswordOptions,
  type NewPasswordOptions,
  newPassword,
} from "../administration/password-input.ts";
import { succeeded } from "../administration/succeeded.ts";
import { collect } from "../arguments.ts";
import type { Done } from "../run-command.ts";
import { limitArgument } from "./limit.ts";
import { madeFields, madeObject, madeText } from "./made-account.ts";

interface Options extends NewPasswordOptions {
  readonly alias?: readonly string[];
  readonly keyLock?: boolean;
  readonly limit?: number;
}

export function defineAdd(parent: Command, done: Done): void {
  const command = parent
    .command("add ADDRESS")
    .description("make an account and its key pair")
    .option("--alias ADDR", "a further address of the account; may be repeated", collect)
    .option("--key-lock", "its private keys open with its own passwords only (see vsmtp account lock)")
    .option("--limit N", "recipients it may write to in a period (as the settings say)", limitArgument);
  administer(addNewPasswordOptions(command), done, {
    about: [
      "Without a password option a password is made and shown once. The account can send at once, from all its addresses; vsmtp account grant lets it write as others.",
    ],
    examples: [
      ["vsmtp account add alice@example.org --alias al@example.org", "makes a password and shows it"],
      ["vsmtp account add bob@example.org --password-file -", "reads his password from standard input"],
      ["vsmtp account add info@example.org --no-password", "for mail that others send as info@"],
    ],
    json: madeFields,
    async run({ keyring, printer }, options: Options, address: string) {
      const secret = newPassword(options);
      const { account, kid } = succeeded(
        await keyring.addAccount({
          address,
          ...(options.alias ? { aliases: options.alias } : {}),
          ...(secret ? { password: secret.password } : {}),
          keyLock: options.keyLock === true,
        }),
      );
      if (options.limit !== undefined) succeeded(await keyring.setRecipientLimit(account.id, options.limit));
      const made = { account, kid, password: secret?.made ? secret.password : null };
      await printer.print(madeObject(made), madeText(`${account.primaryAddress} has been added`, made));
    },
  });
}
