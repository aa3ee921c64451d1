import type { Command } from "commander";
import { administer } from "../administration/administer.ts";
import { each } from "../administration/each.ts";
import { findAccount } from "../administration/find-account.ts";
import { succeeded } from "../administration/succeeded.ts";
import type { Done } from "../run-command.ts";

export function defineResume(parent: Command, done: Done): void {
  const command = parent
    .command("resume ADDRESS...")
    .description("let a suspended account send again, with a new key");
  administer(command, done, {
    about: [
      "The account gets a new key, and every older one is revoked (LIF-13): whoever had the use of the old key does not get it back, and mail that was signed before the suspension and is still under way is refused. What was held of it in the queue stays held, since its signatures are void: look at it with vsmtp queue list, then return it to its sender (vsmtp queue bounce) or remove it. If its password was stolen, change it first (vsmtp account passwd), and remove app passwords that nobody knows (vsmtp account show).",
    ],
    examples: [["vsmtp account resume allice@example.org", "prints the id of the new key"]],
    json: {
      address: "the primary address",
      id: "names the account in logs",
      state: "active",
      kid: "the id of its new key",
    },
    async run({ keyring, printer }, _options: object, addresses: readonly string[]) {
      return each(addresses, async (address) => {
        const { id, primaryAddress } = await findAccount(keyring, address);
        const { kid } = succeeded(await keyring.resume(id));
        await printer.print(
          { address: primaryAddress, id, state: "active", kid },
          [
            `${primaryAddress} is active again`,
            `key       ${kid}   (older keys are revoked)`,
            "What is held of it in the queue stays held: its signatures are void.",
          ].join("\n"),
        );
      });
    },
  });
}
