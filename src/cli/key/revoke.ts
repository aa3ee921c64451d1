import type { Command } from "commander";
import { administer } from "../administration/administer.ts";
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
import { findKey } from "./find-key.ts";

export function defineRevoke(parent: Command, done: Done): void {
  const command = parent.command("revoke KID").description("make one key fail every signature at once");
  addQueuedOption(command);
  administer(command, done, {
    asks: true,
    about: [
      "An account is never without a key: if it is the active one, the account gets a new one, and its retired keys are revoked too, as by vsmtp key rekey. What its account sent with a revoked key and still waits in this host's queue is held or removed.",
    ],
    examples: [["vsmtp key revoke FIH_rUKoiX6PoyILK0Uagg", "asks first"]],
    json: {
      address: "the primary address of the key's account",
      kid: "the key that is revoked",
      new_kid: "the account's new key; null: it had another",
      ...stoppedFields,
    },
    async run({ keyring, store, config, printer, confirm }, options: QueuedOption, text: string) {
      const { kid, state } = await findKey(keyring, text);
      await confirm(
        state === "active"
          ? `The key ${kid} signs now: its account gets a new one, every older one is revoked, and mail of it that is under way is refused.`
          : `The key ${kid} is revoked: mail signed with it that is under way is refused.`,
      );
      const { account, kid: newKid } = succeeded(await keyring.revokeKey(kid));
      const stopped = await stopQueued(config, options, { keysOf: account.id, store });
      const lines = [`the key ${kid} of ${account.primaryAddress} is revoked`];
      if (newKid !== null) lines.push(`key       ${newKid}   (its new one)`);
      lines.push(stoppedText(stopped, account.primaryAddress));
      const object = { address: account.primaryAddress, kid, new_kid: newKid, ...stoppedObject(stopped) };
      await printer.print(object, lines.join("\n"));
    },
  });
}
