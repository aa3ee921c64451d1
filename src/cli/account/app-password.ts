import type { Command } from "commander";
import { administer } from "../administration/administer.ts";
import { canonicalAddress, findAccount } from "../administration/find-account.ts";
import { readPasswordFile } from "../administration/password-input.ts";
import { succeeded } from "../administration/succeeded.ts";
import { askSecret, canAsk } from "../administration/terminal.ts";
import { collect, periodEndArgument } from "../arguments.ts";
import type { Done } from "../run-command.ts";
import {
  appPasswordColumns,
  appPasswordFields,
  appPasswordObject,
  byLastUse,
} from "./app-password-listing.ts";

/** `vsmtp account app-password …`: a password for each program or device (PRV-6). */
export function defineAppPassword(parent: Command, done: Done): void {
  const appPassword = parent
    .command("app-password")
    .description("passwords of single programs and devices: add, list, remove");
  defineAdd(appPassword, done);
  defineList(appPassword, done);
  defineRemove(appPassword, done);
}

interface AddOptions {
  readonly name: string;
  readonly from?: readonly string[];
  readonly ends?: number;
  readonly passwordFile?: string;
}

function defineAdd(parent: Command, done: Done): void {
  const command = parent
    .command("add ADDRESS")
    .description("make a password for one program or device, and show it")
    .requiredOption("--name NAME", 'what it is for: "phone"')
    .option(
      "--from ADDR",
      "it may write as this address only; may be repeated (as all the account may)",
      collect,
    )
    .option("--ends WHEN", "a date, or a time from now such as 90d (never)", periodEndArgument)
    .option("--password-file FILE", "the account's password, which opens a key lock (- for standard input)");
  administer(command, done, {
    about: [
      "If the device is lost, its password is removed and the others stay. It is always made here, long enough that nobody guesses it, and shown once.",
    ],
    examples: [
      ["vsmtp account app-password add alice@example.org --name phone", "shows it, in groups of four"],
      [
        "vsmtp account app-password add shop@example.org --name newsletter --from news@example.org --ends 90d",
        "for a contractor who may write as news@ only",
      ],
    ],
    json: {
      address: "the account's primary address",
      id: "names the app password",
      name: "what it is for",
      password: "it is shown only now",
      from: "the addresses that it may write as; null: all that the account may",
      not_after: "when it ends; null: never",
    },
    async run({ keyring, printer }, { name, from, ends, passwordFile }: AddOptions, address: string) {
      const { id: accountId, primaryAddress, keyLock } = await findAccount(keyring, address);
      let password: string | null = null;
      if (passwordFile !== undefined) password = readPasswordFile(passwordFile);
      else if (keyLock !== null && canAsk()) password = await askSecret(`Password of ${primaryAddress}`);
      const { id, secret } = succeeded(
        await keyring.addAppPassword(accountId, {
          name,
          addresses: from ?? null,
          notAfter: ends ?? null,
          ...(password === null ? {} : { password }),
        }),
      );
      await printer.print(
        {
          address: primaryAddress,
          id,
          name,
          password: secret,
          from: from?.map(canonicalAddress) ?? null,
          not_after: ends ?? null,
        },
        `${primaryAddress} has an app password for "${name}"\npassword  ${secret}   (shown only now)`,
      );
    },
  });
}

function defineList(parent: Command, done: Done): void {
  administer(
    parent.command("list ADDRESS").description("list an account's app passwords by last use"),
    done,
    {
      examples: [
        ["vsmtp account app-password list alice@example.org", "what is not used any more comes last"],
      ],
      json: { address: "the account's primary address", ...appPasswordFields },
      async run({ keyring, printer }, _options: object, address: string) {
        const { id: accountId, primaryAddress } = await findAccount(keyring, address);
        await printer.printAll(byLastUse(await keyring.credentials(accountId)), {
          json: (credential) => ({ address: primaryAddress, ...appPasswordObject(credential) }),
          columns: appPasswordColumns,
          nothing: `${primaryAddress} has no app passwords`,
        });
      },
    },
  );
}

function defineRemove(parent: Command, done: Done): void {
  administer(parent.command("remove ADDRESS ID").description("end an app password at once"), done, {
    about: [
      "The program or device that has it cannot log in any more, and where it is logged in it sends no more. ID is what the list shows.",
    ],
    examples: [["vsmtp account app-password remove alice@example.org k7fz2m4q", "her phone is lost"]],
    json: { address: "the account's primary address", id: "named the app password" },
    async run({ keyring, printer }, _options: object, address: string, id: string) {
      const { id: accountId, primaryAddress } = await findAccount(keyring, address);
      succeeded(await keyring.removeAppPassword(accountId, id));
      await printer.print(
        { address: primaryAddress, id },
        `the app password ${id} of ${primaryAddress} has ended`,
      );
    },
  });
}
