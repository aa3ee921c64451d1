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

export function defineRemove(parent: Command, done: Done): void {
  const command = parent.command("remove ADDRESS...").description("remove an account with all its addresses");
  addQueuedOption(command);
  administer(command, done, {
    asks: true,
    about: [
      "Its keys are revoked, its passwords, grants and addresses gone; mail of it that is under way is refused, and what waits in this host's queue is held or removed. What stays is the history of its keys and the audit log (LIF-16). The addresses are free for others, who get keys of their own.",
    ],
    examples: [["vsmtp account remove old@example.org", "asks first"]],
    json: {
      address: "the primary address that it had",
      id: "names the account in logs",
      state: "removed",
      ...stoppedFields,
    },
    async run({ keyring, config, printer, confirm }, options: QueuedOption, addresses: readonly string[]) {
      return each(addresses, async (address) => {
        const { id, primaryAddress } = await findAccount(keyring, address);
        await confirm(
          `The account ${primaryAddress} is removed with all its addresses and passwords, and its keys are revoked; this cannot be undone.`,
        );
        succeeded(await keyring.removeAccount(id));
        const stopped = await stopQueued(config, options, { account: id });
        await printer.print(
          { address: primaryAddress, id, state: "removed", ...stoppedObject(stopped) },
          `${primaryAddress} has been removed\n${stoppedText(stopped, id)}`,
        );
      });
    },
  });
}
