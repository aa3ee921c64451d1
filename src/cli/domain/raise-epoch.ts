import type { Command } from "commander";
import { administer } from "../administration/administer.ts";
import { findDomain } from "../administration/find-domain.ts";
import { succeeded } from "../administration/succeeded.ts";
import type { Done } from "../run-command.ts";
import { dnsRecords, domainFields, domainObject } from "./domain-object.ts";

export function defineRaiseEpoch(parent: Command, done: Done): void {
  const command = parent
    .command("raise-epoch NAME")
    .description("make every key statement that was issued before now void (ep)");
  administer(command, done, {
    asks: true,
    about: [
      "Receivers keep key statements for their ttl. Once they see the DNS record with the new epoch they throw away all older ones and ask again: revocations of the last minutes then count everywhere within the TTL of the record. Key servers ask nothing else of you; accounts and keys stay as they are.",
    ],
    examples: [["vsmtp domain raise-epoch example.org --yes", "after many keys were revoked"]],
    json: domainFields,
    async run({ keyring, config, printer, confirm }, _options: object, nameText: string) {
      const { name } = await findDomain(keyring, nameText);
      await confirm(
        `Every key statement of ${name} that was issued before now becomes void; this cannot be taken back.`,
      );
      succeeded(await keyring.raiseEpoch(name));
      const domain = await findDomain(keyring, name);
      const [, policy] = dnsRecords(domain, config);
      await printer.print(
        domainObject(domain, config),
        `the epoch of ${name} is now ${domain.epoch}. Publish in DNS:\n\n  ${policy}`,
      );
    },
  });
}
