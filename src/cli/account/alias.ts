import type { Command } from "commander";
import { administer } from "../administration/administer.ts";
import { canonicalAddress, findAccount } from "../administration/find-account.ts";
import { succeeded } from "../administration/succeeded.ts";
import type { Done } from "../run-command.ts";

const fields = { address: "the account's primary address", alias: "the further address" } as const;

/** `vsmtp account alias …`: further addresses of an account. */
export function defineAlias(parent: Command, done: Done): void {
  const alias = parent.command("alias").description("further addresses of an account: add, remove");
  defineAdd(alias, done);
  defineRemove(alias, done);
}

function defineAdd(parent: Command, done: Done): void {
  administer(parent.command("add ADDRESS ALIAS").description("give an account a further address"), done, {
    about: [
      "The account signs as each of its addresses, all with the same key: who receives mail from two of them can tell that they belong together. Where that matters, add an account instead.",
    ],
    examples: [["vsmtp account alias add alice@example.org al@example.org", "she can write as al@ at once"]],
    json: fields,
    async run({ keyring, printer }, _options: object, address: string, alias: string) {
      const { id, primaryAddress } = await findAccount(keyring, address);
      succeeded(await keyring.addAlias(id, alias));
      const added = canonicalAddress(alias);
      await printer.print(
        { address: primaryAddress, alias: added },
        `${added} is an address of ${primaryAddress} now`,
      );
    },
  });
}

function defineRemove(parent: Command, done: Done): void {
  administer(parent.command("remove ALIAS").description("take a further address from its account"), done, {
    asks: true,
    about: [
      "The alias is free for another account, and grants to write as it are gone. Mail that was signed as the alias and is still under way is refused. An account's primary address stays: vsmtp account remove or reassign.",
    ],
    examples: [["vsmtp account alias remove al@example.org", "asks first"]],
    json: fields,
    async run({ keyring, printer, confirm }, _options: object, alias: string) {
      const { primaryAddress } = await findAccount(keyring, alias);
      const removed = canonicalAddress(alias);
      await confirm(
        `${primaryAddress} loses the address ${removed}; mail signed as it that is under way is refused.`,
      );
      succeeded(await keyring.removeAlias(alias));
      await printer.print(
        { address: primaryAddress, alias: removed },
        `${removed} is no address of ${primaryAddress} any more`,
      );
    },
  });
}
