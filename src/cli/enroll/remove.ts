import type { Command } from "commander";
import { administer } from "../administration/administer.ts";
import { succeeded } from "../administration/succeeded.ts";
import type { Done } from "../run-command.ts";

export function defineRemove(parent: Command, done: Done): void {
  administer(parent.command("remove NAME").description("answer a submission server no longer"), done, {
    about: [
      "At once, on connections that are open too. In mode sign it has had no keys. What it got in mode getkey it may still have: if it was broken into, re-key the accounts that used it (vsmtp audit list --action getkey).",
    ],
    examples: [["vsmtp enroll remove mailer", "the contract has ended"]],
    json: { name: "of the submission server" },
    async run({ keyring, printer }, _options: object, name: string) {
      succeeded(await keyring.removeEnrolment(name));
      await printer.print({ name }, `${name} is enrolled no longer`);
    },
  });
}
