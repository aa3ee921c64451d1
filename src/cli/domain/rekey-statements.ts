import type { Command } from "commander";
import { administer } from "../administration/administer.ts";
import { findDomain } from "../administration/find-domain.ts";
import { succeeded } from "../administration/succeeded.ts";
import type { Done } from "../run-command.ts";
import { dnsRecords, domainFields, domainObject } from "./domain-object.ts";

export function defineRekeyStatements(parent: Command, done: Done): void {
  const command = parent
    .command("rekey-statements NAME")
    .description("make a new key that signs the domain's key statements (dk)");
  administer(command, done, {
    asks: true,
    about: [
      "Statements are signed with the new key at once. Receivers that still hold the old DNS record then refuse the domain's mail (bad-key) until its TTL has passed. After a break-in that is what you want. Otherwise first publish the record without dk, wait for its TTL, make the new key, and publish the record that this command prints.",
    ],
    examples: [["vsmtp domain rekey-statements example.org", "asks first, then prints the new record"]],
    json: domainFields,
    async run({ keyring, config, printer, confirm }, _options: object, nameText: string) {
      const { name, statementKey } = await findDomain(keyring, nameText);
      if (statementKey !== null) {
        await confirm(
          `Key statements of ${name} will be signed with a new key. Receivers refuse its mail until they see the new DNS record.`,
        );
      }
      succeeded(await keyring.replaceStatementKey(name));
      const domain = await findDomain(keyring, name);
      const [, policy] = dnsRecords(domain, config);
      await printer.print(
        domainObject(domain, config),
        `${name} has a new statement key. Publish in DNS now:\n\n  ${policy}`,
      );
    },
  });
}
