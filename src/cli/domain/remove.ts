import type { Command } from "commander";
import { administer } from "../administration/administer.ts";
import { findDomain } from "../administration/find-domain.ts";
import { succeeded } from "../administration/succeeded.ts";
import type { Done } from "../run-command.ts";

export function defineRemove(parent: Command, done: Done): void {
  const command = parent.command("remove NAME").description("host a domain no longer");
  administer(command, done, {
    asks: true,
    about: [
      "Only a domain in which no account has an address: remove those first, so that nobody loses an account by a slip. Its statement key is destroyed.",
    ],
    examples: [["vsmtp domain remove example.org", "asks first"]],
    json: { domain: "its name, in A-labels" },
    async run({ keyring, printer, confirm }, _options: object, nameText: string) {
      const { name } = await findDomain(keyring, nameText);
      await confirm(`${name} will no longer be hosted, and its statement key is destroyed.`);
      succeeded(await keyring.removeDomain(name));
      await printer.print({ domain: name }, `${name} is no longer hosted; remove its _vsmtp record from DNS`);
    },
  });
}
