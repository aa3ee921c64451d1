import type { Command } from "commander";
import { administer } from "../administration/administer.ts";
import { findDomain } from "../administration/find-domain.ts";
import { succeeded } from "../administration/succeeded.ts";
import type { Done } from "../run-command.ts";
import { dnsRecords, domainFields, domainObject } from "./domain-object.ts";

interface Options {
  readonly signStatements?: boolean;
  readonly releaseKeys?: boolean;
}

export function defineAdd(parent: Command, done: Done): void {
  const command = parent
    .command("add NAME")
    .description("host a domain")
    .option("--sign-statements", "make a statement key (dk), so that key statements prove themselves")
    .option("--release-keys", "publish retired private keys after their end (vsmtp key release)");
  administer(command, done, {
    about: [
      "Accounts can be added as soon as their domain is. Receivers find its keys when the DNS records are published that this command prints: they say p=none, so that nothing is refused until you are sure that all mail is signed.",
    ],
    examples: [
      ["vsmtp domain add example.org", "then publish the records, and add accounts"],
      ["vsmtp domain add example.org --sign-statements --json", "for a script that publishes the records"],
    ],
    json: domainFields,
    async run({ keyring, config, printer }, options: Options, nameText: string) {
      const { name } = succeeded(
        await keyring.addDomain(nameText, {
          signStatements: options.signStatements === true,
          releaseKeys: options.releaseKeys === true,
        }),
      );
      const domain = await findDomain(keyring, name);
      await printer.print(
        domainObject(domain, config),
        `${name} is hosted. Publish in DNS, when its mail is signed:\n\n  ${dnsRecords(domain, config).join("\n  ")}`,
      );
    },
  });
}
