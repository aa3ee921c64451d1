import type { Command } from "commander";
import { administer } from "../administration/administer.ts";
import { findAccount } from "../administration/find-account.ts";
import { isoMinute } from "../administration/time-text.ts";
import type { Done } from "../run-command.ts";

export function defineList(parent: Command, done: Done): void {
  administer(
    parent.command("list ADDRESS").description("list every key an account ever had, newest first"),
    done,
    {
      about: [
        "An active key signs. A retired one verifies what it signed, until its end. A revoked one fails every signature.",
      ],
      examples: [["vsmtp key list alice@example.org", "with the reason why each is no longer active"]],
      json: {
        address: "the account's primary address",
        kid: "the key's id",
        algorithm: "of its signatures",
        state: "active, retired or revoked",
        state_since: "since when it is in that state",
        reason: "why it is no longer active; null for the active key",
        not_before: "when it was made",
        not_after: "when it stops verifying; null: no end is set",
        private_key: "whether its private half is still stored",
        released_at: "when its private half was published; null: it was not",
      },
      async run({ keyring, printer }, _options: object, address: string) {
        const { id, primaryAddress } = await findAccount(keyring, address);
        await printer.printAll(await keyring.keyHistory(id), {
          json: (key) => ({
            address: primaryAddress,
            kid: key.kid,
            algorithm: key.algorithm,
            state: key.state,
            state_since: key.stateSince,
            reason: key.reason,
            not_before: key.notBefore,
            not_after: key.notAfter,
            private_key: key.hasPrivateKey,
            released_at: key.releasedAt,
          }),
          columns: [
            { heading: "KEY", cell: ({ kid }) => kid },
            { heading: "STATE", cell: ({ state }) => state },
            { heading: "SINCE", cell: ({ stateSince }) => isoMinute(stateSince) },
            { heading: "UNTIL", cell: ({ notAfter }) => isoMinute(notAfter) },
            { heading: "REASON", cell: ({ reason }) => reason ?? "–" },
            { heading: "MADE", cell: ({ notBefore }) => isoMinute(notBefore) },
            {
              heading: "PRIVATE HALF",
              cell: ({ hasPrivateKey, releasedAt }) =>
                releasedAt !== null ? "released" : hasPrivateKey ? "stored" : "destroyed",
            },
          ],
          nothing: `${primaryAddress} has no keys`,
        });
      },
    },
  );
}
