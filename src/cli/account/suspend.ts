import type { Command } from "commander";
import { administer } from "../administration/administer.ts";
import { each } from "../administration/each.ts";
import { findAccount } from "../administration/find-account.ts";
import { succeeded } from "../administration/succeeded.ts";
import type { Done } from "../run-command.ts";

export function defineSuspend(parent: Command, done: Done): void {
  const command = parent
    .command("suspend ADDRESS...")
    .description("stop an account: it can neither log in nor sign, and its mail under way is refused")
    .option("--reason TEXT", "noted in the audit log");
  administer(command, done, {
    about: [
      "For accounts that were taken over or send spam. It works at once, on every submission server, and does not ask, since it is the emergency brake. What receivers have not checked yet they refuse as suspended, as soon as the key statements that they remember run out (minutes). That holds for what waits in the queue here as well: it is not deleted, but comes back to its sender. What was delivered stays delivered.",
      "Tell the user by telephone or another address (LIF-12): mail from the account itself is what cannot be trusted now. vsmtp account resume lets it send again.",
    ],
    examples: [
      ['vsmtp account suspend mallory@example.org --reason "spam run, ticket 4711"', "stops the account"],
      ["vsmtp audit list --account mallory@example.org", "what it did before"],
    ],
    json: { address: "the primary address", id: "names the account in logs", state: "suspended" },
    async run({ keyring, printer }, { reason }: { readonly reason?: string }, addresses: readonly string[]) {
      return each(addresses, async (address) => {
        const { id, primaryAddress } = await findAccount(keyring, address);
        succeeded(await keyring.suspend(id, reason ?? null));
        await printer.print(
          { address: primaryAddress, id, state: "suspended" },
          [
            `${primaryAddress} is suspended: no login, no signature, from now on.`,
            "Mail that receivers have not checked yet, also what waits in the queue here, is refused within minutes.",
            "Tell the user by another way than this account's mail.",
          ].join("\n"),
        );
      });
    },
  });
}
