import type { Command } from "commander";
import { administer } from "../administration/administer.ts";
import { each } from "../administration/each.ts";
import { findAccount } from "../administration/find-account.ts";
import {
  addQueuedOption,
  type QueuedOption,
  stoppedFields,
  stoppedObject,
  stoppedText,
  stopQueued,
} from "../administration/stop-queued.ts";
import { succeeded } from "../administration/succeeded.ts";
import type { Done } from "../run-command.ts";

export function defineSuspend(parent: Command, done: Done): void {
  const command = parent
    .command("suspend ADDRESS...")
    .description("stop an account: it can neither log in nor sign, and its mail under way is refused")
    .option("--reason TEXT", "noted in the audit log");
  addQueuedOption(command);
  administer(command, done, {
    about: [
      "For accounts that were taken over or send spam. It works at once, on every submission server, and does not ask, since it is the emergency brake. What waits in this host's queue is held or removed, and not sent whatever you choose; other hosts stop theirs when it is due next. What receivers have not checked yet they refuse as suspended, as soon as the key statements that they remember run out (minutes). What was delivered stays delivered.",
      "Tell the user by telephone or another address (LIF-12): mail from the account itself is what cannot be trusted now. vsmtp account resume lets it send again.",
    ],
    examples: [
      ['vsmtp account suspend mallory@example.org --reason "spam run, ticket 4711"', "stops the account"],
      [
        "vsmtp account suspend mallory@example.org --queued remove",
        "and deletes what it sent that has not left",
      ],
      ["vsmtp audit list --account mallory@example.org", "what it did before"],
    ],
    json: {
      address: "the primary address",
      id: "names the account in logs",
      state: "suspended",
      ...stoppedFields,
    },
    async run(
      { keyring, config, printer },
      { reason, ...options }: QueuedOption & { readonly reason?: string },
      addresses: readonly string[],
    ) {
      return each(addresses, async (address) => {
        const { id, primaryAddress } = await findAccount(keyring, address);
        succeeded(await keyring.suspend(id, reason ?? null));
        const stopped = await stopQueued(config, options, { account: id });
        await printer.print(
          { address: primaryAddress, id, state: "suspended", ...stoppedObject(stopped) },
          [
            `${primaryAddress} is suspended: no login, no signature, from now on.`,
            "Mail that receivers have not checked yet is refused within minutes.",
            stoppedText(stopped, primaryAddress),
            "Tell the user by another way than this account's mail.",
          ].join("\n"),
        );
      });
    },
  });
}
