import type { Command } from "commander";
import { administer } from "../administration/administer.ts";
import { findDomain } from "../administration/find-domain.ts";
import { succeeded } from "../administration/succeeded.ts";
import type { Done } from "../run-command.ts";
import { UsageError } from "../usage-error.ts";
import { domainFields, domainObject } from "./domain-object.ts";

interface Options {
  readonly releaseKeys?: boolean;
}

export function defineSet(parent: Command, done: Done): void {
  const command = parent
    .command("set NAME")
    .description("change how a domain's keys are kept")
    .option("--release-keys", "keep private keys when they retire, to publish them after their end")
    .option("--no-release-keys", "destroy private keys when they retire");
  administer(command, done, {
    about: [
      "A signature is lasting evidence of who wrote. Once the private key is public anybody could have made it, and old mail can be denied: that is what --release-keys and vsmtp key release are for. It holds for keys that retire from now on.",
    ],
    examples: [
      ["vsmtp domain set example.org --release-keys", "keys that retire from now on can be released"],
    ],
    json: domainFields,
    async run({ keyring, config, printer }, { releaseKeys }: Options, nameText: string) {
      if (releaseKeys === undefined) throw new UsageError("say --release-keys or --no-release-keys");
      const { name } = await findDomain(keyring, nameText);
      succeeded(await keyring.changeDomain(name, { releaseKeys }));
      await printer.print(
        domainObject(await findDomain(keyring, name), config),
        releaseKeys
          ? `${name}: private keys that retire are kept; vsmtp key release publishes them after their end`
          : `${name}: private keys that retire are destroyed`,
      );
    },
  });
}
