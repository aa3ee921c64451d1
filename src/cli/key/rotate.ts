import type { Command } from "commander";
import { RETIREMENT_S } from "../../key-protocol/index.ts";
import { administer, type Work } from "../administration/administer.ts";
import { countText } from "../administration/count-text.ts";
import { each } from "../administration/each.ts";
import { findAccount } from "../administration/find-account.ts";
import { chosenDomain } from "../administration/find-domain.ts";
import { showProgress } from "../administration/progress.ts";
import { succeeded } from "../administration/succeeded.ts";
import { ageArgument } from "../arguments.ts";
import { EXIT } from "../exit-status.ts";
import type { Done } from "../run-command.ts";
import { UsageError } from "../usage-error.ts";
import { replacedFields, replacedMany, replacedOne } from "./replaced-key.ts";

interface Options {
  readonly olderThan?: number;
  readonly domain?: string;
}

const RETIREMENT_DAYS = RETIREMENT_S / 86_400;

export function defineRotate(parent: Command, done: Done): void {
  const command = parent
    .command("rotate [ADDRESS...]")
    .description("give accounts a new key as a matter of routine; the old one goes on verifying")
    .option(
      "--older-than AGE",
      "instead of addresses: all accounts whose key is older, such as 365d",
      ageArgument,
    )
    .option("--domain NAME", "of these only the accounts of one domain");
  administer(command, done, {
    about: [
      `New mail is signed with the new key at once. The old key retires: it verifies for another ${RETIREMENT_DAYS} days what it signed, so that no mail is lost (LIF-8). Once a year is recommended: run it from cron with --older-than.`,
    ],
    examples: [
      ["vsmtp key rotate alice@example.org", "prints the id of the new key"],
      ["vsmtp key rotate --older-than 365d", "every account whose turn it is"],
    ],
    json: replacedFields,
    async run(work, options: Options, addresses: readonly string[]) {
      const { keyring, printer } = work;
      if (options.olderThan !== undefined) {
        if (addresses.length > 0) throw new UsageError("say addresses or --older-than AGE, not both");
        return rotateDue(work, options.olderThan, await chosenDomain(keyring, options.domain));
      }
      if (addresses.length === 0) throw new UsageError("say whose keys: addresses, or --older-than AGE");
      return each(addresses, async (address) => {
        const { id, primaryAddress } = await findAccount(keyring, address);
        const { kid } = succeeded(await keyring.rotate(id));
        await printer.print(
          replacedOne(primaryAddress, kid),
          `${primaryAddress} signs with a new key; the old one verifies for another ${RETIREMENT_DAYS} days\nkey       ${kid}`,
        );
      });
    },
  });
}

async function rotateDue(
  { keyring, printer, json }: Work<keyof typeof replacedFields>,
  olderThan: number,
  domain: string | null,
): Promise<number> {
  const progress = await showProgress("rotating", "keys", json);
  try {
    const { replaced } = succeeded(
      await keyring.rotateDue(olderThan, { domain, onProgress: (count, of) => progress.report(count, of) }),
    );
    progress.end();
    await printer.print(replacedMany(replaced), `${countText(replaced, "key")} rotated`);
    return EXIT.ok;
  } finally {
    progress.end();
  }
}
