import type { Command } from "commander";
import { administer } from "../administration/administer.ts";
import { formatFacts } from "../administration/facts.ts";
import { findDomain } from "../administration/find-domain.ts";
import { isoMinute } from "../administration/time-text.ts";
import type { Done } from "../run-command.ts";
import { dnsRecords, domainFields, domainObject } from "./domain-object.ts";

export function defineShow(parent: Command, done: Done): void {
  administer(parent.command("show NAME").description("show a domain and the DNS records to publish"), done, {
    examples: [["vsmtp domain show example.org", "what its _vsmtp record must say now"]],
    json: { ...domainFields, accounts: "how many accounts have their primary address in it" },
    async run({ keyring, config, printer }, _options: object, nameText: string) {
      const domain = await findDomain(keyring, nameText);
      const accounts = await keyring.countAccounts(domain.name);
      const object = domainObject(domain, config);
      await printer.print(
        { ...object, accounts },
        formatFacts(domain.name, [
          ["hosted since", isoMinute(domain.createdAt)],
          ["accounts", accounts.toLocaleString("en-US")],
          ["statements", object.dk === null ? "not signed" : `signed by ${object.dk}`],
          ["epoch", domain.epoch === null ? null : `${isoMinute(domain.epoch)} (ep=${domain.epoch})`],
          ["old private keys", domain.releasesKeys ? "kept and released" : "destroyed"],
          ["DNS", dnsRecords(domain, config)],
        ]),
      );
    },
  });
}
