import type { Command } from "commander";
import type { AccountRecord } from "../../keyring/index.ts";
import { administer } from "../administration/administer.ts";
import { findAccount } from "../administration/find-account.ts";
import { askNewPassword, generatePassword, readPasswordFile } from "../administration/password-input.ts";
import { succeeded } from "../administration/succeeded.ts";
import { askSecret, canAsk } from "../administration/terminal.ts";
import type { Done } from "../run-command.ts";
import { UsageError } from "../usage-error.ts";

interface Options {
  readonly passwordFile?: string;
  readonly oldPasswordFile?: string;
  readonly generate?: boolean;
  /** False for --no-password. */
  readonly password?: boolean;
}

export function definePasswd(parent: Command, done: Done): void {
  const command = parent
    .command("passwd ADDRESS")
    .description("set an account's password")
    .option(
      "--password-file FILE",
      "take the new password from the first line of FILE (- for standard input)",
    )
    .option("--generate", "make a password and show it")
    .option("--no-password", "nobody can log in any more, not with app passwords either")
    .option(
      "--old-password-file FILE",
      "the present password, which opens a key lock (- for standard input)",
    );
  administer(command, done, {
    asks: true,
    about: [
      "On a terminal it asks for the new password, without showing it. The old one is refused from now on, and who is logged in with it sends no more; app passwords stay.",
      "An account with a key lock needs its present password too: without it nobody can open its private key. It then gets a new lock and a new key, mail of it that is under way is refused, and its app passwords are gone; before that it asks.",
    ],
    examples: [
      ["vsmtp account passwd alice@example.org", "asks for the new password"],
      [
        "pwgen 20 1 | vsmtp account passwd alice@example.org --password-file -",
        "takes it from another program",
      ],
      ["vsmtp account passwd alice@example.org --generate", "makes one and shows it"],
    ],
    json: {
      address: "the account's primary address",
      password: "if it was made here: it is shown only now; else null",
      kid: "the id of the new key, if a key lock had to be replaced; else null",
    },
    async run({ keyring, printer, confirm }, options: Options, address: string) {
      const account = await findAccount(keyring, address);
      const { id, primaryAddress } = account;
      if (options.password === false) {
        await confirm(`Nobody can log in as ${primaryAddress} any more; its app passwords are gone too.`);
        succeeded(await keyring.clearPassword(id));
        await printer.print(
          { address: primaryAddress, password: null, kid: null },
          `nobody can log in as ${primaryAddress} any more`,
        );
        return;
      }
      const oldPassword = await presentPassword(account, options);
      if (account.keyLock !== null && oldPassword === null) {
        await confirm(
          `Without its present password the key lock of ${primaryAddress} cannot be opened: it gets a new key, older keys are revoked, and its app passwords are gone.`,
        );
      }
      const password = await wantedPassword(options);
      const { rekeyed } = succeeded(
        await keyring.setPassword(id, password, oldPassword === null ? {} : { oldPassword }),
      );
      const made = options.generate ? password : null;
      const lines = [`${primaryAddress} has a new password`];
      if (made !== null) lines.push(`password  ${made}   (shown only now)`);
      if (rekeyed) lines.push(`key       ${rekeyed.kid}   (older keys are revoked, app passwords gone)`);
      await printer.print(
        { address: primaryAddress, password: made, kid: rekeyed?.kid ?? null },
        lines.join("\n"),
      );
    },
  });
}

/** Null where it is not needed, or not known. */
async function presentPassword(account: AccountRecord, options: Options): Promise<string | null> {
  if (options.oldPasswordFile !== undefined) return readPasswordFile(options.oldPasswordFile);
  if (account.keyLock === null || !canAsk()) return null;
  const answer = await askSecret("Present password (empty: not known)");
  return answer === "" ? null : answer;
}

async function wantedPassword(options: Options): Promise<string> {
  if (options.generate) return generatePassword();
  if (options.passwordFile !== undefined) return readPasswordFile(options.passwordFile);
  if (canAsk()) return askNewPassword();
  throw new UsageError("no terminal to ask for the password on: say --password-file FILE, or --generate");
}
