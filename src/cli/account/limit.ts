import { type Command, InvalidArgumentError } from "commander";
import { administer } from "../administration/administer.ts";
import { findAccount } from "../administration/find-account.ts";
import { succeeded } from "../administration/succeeded.ts";
import type { Done } from "../run-command.ts";

const MOST = 1_000_000_000;

/** `--limit N`: recipients in a period. */
export function limitArgument(text: string): number {
  if (!/^\d{1,10}$/.test(text) || Number(text) > MOST) {
    throw new InvalidArgumentError(`It must be a number of recipients, from 0 to ${MOST}.`);
  }
  return Number(text);
}

function ownLimitArgument(text: string): number | null {
  return text === "default" ? null : limitArgument(text);
}

export function defineLimit(parent: Command, done: Done): void {
  const command = parent
    .command("limit")
    .description("limit how many recipients an account may write to in a period")
    .argument("ADDRESS", "an address of the account")
    .argument("N", 'recipients; 0: it may not send; "default": as the settings say', ownLimitArgument);
  administer(command, done, {
    about: [
      "The limit counts recipients over all submission servers, in any period as long as the settings say (LIF-14). Beyond it mail is refused for the time being, and the answer tells when there is room again. An own limit also ends the lower limit of new accounts.",
    ],
    examples: [
      ["vsmtp account limit newsletter@example.org 100000", "for an account that writes to many"],
      ["vsmtp account limit newsletter@example.org default", "as the settings say, again"],
    ],
    json: {
      address: "the account's primary address",
      recipient_limit: "its own limit; null: as the settings say",
    },
    async run({ keyring, printer }, _options: object, address: string, limit: number | null) {
      const account = await findAccount(keyring, address);
      succeeded(await keyring.setRecipientLimit(account.id, limit));
      const allowed =
        limit === null ? "as many recipients as the settings say" : `${limit} recipients in a period`;
      await printer.print(
        { address: account.primaryAddress, recipient_limit: limit },
        `${account.primaryAddress} may write to ${allowed}`,
      );
    },
  });
}
