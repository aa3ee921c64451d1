import type { Command } from "commander";
import { administer } from "../administration/administer.ts";
import { isoDate } from "../administration/time-text.ts";
import type { Done } from "../run-command.ts";
import { domainFields, domainObject } from "./domain-object.ts";

export function defineList(parent: Command, done: Done): void {
  administer(parent.command("list").description("list the hosted domains"), done, {
    examples: [["vsmtp domain list", "every domain, by name"]],
    json: domainFields,
    async run({ keyring, config, printer }) {
      await printer.printAll(await keyring.domains(), {
        json: (domain) => domainObject(domain, config),
        columns: [
          { heading: "DOMAIN", cell: ({ name }) => name },
          { heading: "STATEMENTS", cell: ({ statementKey }) => (statementKey ? "signed" : "unsigned") },
          { heading: "EPOCH", cell: ({ epoch }) => isoDate(epoch) },
          { heading: "OLD KEYS", cell: ({ releasesKeys }) => (releasesKeys ? "released" : "destroyed") },
          { heading: "SINCE", cell: ({ createdAt }) => isoDate(createdAt) },
        ],
        nothing: "no domain is hosted yet: vsmtp domain add NAME",
      });
    },
  });
}
