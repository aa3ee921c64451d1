import type { Command } from "commander";
import { KeyringStoreError } from "../../keyring/index.ts";
import { administer, type Work } from "../administration/administer.ts";
import { countText } from "../administration/count-text.ts";
import { each } from "../administration/each.ts";
import { findAccount } from "../administration/find-account.ts";
import { chosenDomain } from "../administration/find-domain.ts";
import { showProgress } from "../administration/progress.ts";
import {
  addQueuedOption,
  type QueuedOption,
  stoppedFields,
  stoppedObject,
  stoppedText,
  stopQueued,
} from "../administration/stop-queued.ts";
import { succeeded } from "../administration/succeeded.ts";
import { EndError } from "../end-error.ts";
import { EXIT } from "../exit-status.ts";
import type { Done } from "../run-command.ts";
import { UsageError } from "../usage-error.ts";
import { replacedFields, replacedMany, replacedOne } from "./replaced-key.ts";

interface Options extends QueuedOption {
  readonly all?: boolean;
  readonly domain?: string;
  readonly resume?: boolean;
}

export function defineRekey(parent: Command, done: Done): void {
  const command = parent
    .command("rekey [ADDRESS...]")
    .description("give accounts a new key and revoke every older one at once: after theft")
    .option("--all", "instead of addresses: every account, with new statement keys and epochs")
    .option("--domain NAME", "with --all: only the accounts of one domain")
    .option("--resume", "with --all: goes on where an earlier run was broken off");
  addQueuedOption(command);
  administer(command, done, {
    asks: true,
    about: [
      "Mail that was signed with the old keys and that receivers have not checked yet is refused as revoked, and what waits in this host's queue is held or removed; this is intended, since a thief can date his mail back (LIF-9). It takes effect when the key statements that receivers remember run out (minutes).",
      "With --all (LIF-15) each domain first gets a new epoch, and a new statement key where it has one, then each account a new key. Publish the records that vsmtp domain show prints at once: from then on every older statement is void everywhere. Suspended accounts keep their keys, which fail, until they are resumed.",
    ],
    examples: [
      ["vsmtp key rekey alice@example.org", "her password or key may be stolen; asks first"],
      ["vsmtp key rekey --all --yes", "the key server was broken into"],
      ["vsmtp key rekey --all --domain example.org --resume --yes", "goes on after an interruption"],
    ],
    json: { ...replacedFields, ...stoppedFields },
    async run(work, options: Options, addresses: readonly string[]) {
      const { keyring, config, printer, confirm } = work;
      if (options.all) {
        if (addresses.length > 0) throw new UsageError("say addresses or --all, not both");
        return rekeyAll(work, await chosenDomain(keyring, options.domain), options);
      }
      if (addresses.length === 0) throw new UsageError("say whose keys: addresses, or --all");
      return each(addresses, async (address) => {
        const { id, primaryAddress } = await findAccount(keyring, address);
        await confirm(
          `${primaryAddress} gets a new key and every older one is revoked; mail of it that is under way is refused.`,
        );
        const { kid } = succeeded(await keyring.rekey(id));
        const stopped = await stopQueued(config, options, { account: id });
        await printer.print(
          { ...replacedOne(primaryAddress, kid), ...stoppedObject(stopped) },
          [
            `${primaryAddress} signs with a new key; every older one is revoked`,
            `key       ${kid}`,
            stoppedText(stopped, primaryAddress),
          ].join("\n"),
        );
      });
    },
  });
}

async function rekeyAll(
  {
    keyring,
    store,
    config,
    printer,
    json,
    confirm,
  }: Work<keyof typeof replacedFields | keyof typeof stoppedFields>,
  domain: string | null,
  options: Options,
): Promise<number> {
  const resume = options.resume === true;
  const of = domain === null ? "every domain" : domain;
  await confirm(
    `Every account of ${of} gets a new key, older keys are revoked, and statements issued before now are void; all its mail that is under way is refused.`,
  );
  const progress = await showProgress("re-keying", "accounts", json);
  try {
    const { domains, replaced } = succeeded(
      await keyring.rekeyAll({ domain, resume, onProgress: (count, of) => progress.report(count, of) }),
    );
    progress.end();
    const stopped = await stopQueued(config, options, { keysOf: null, store });
    const lines = [
      `${countText(replaced, "account")} re-keyed. Publish the DNS records now:`,
      ...domains.map(({ name }) => `  vsmtp domain show ${name}`),
      stoppedText(stopped, null),
    ];
    await printer.print({ ...replacedMany(replaced), ...stoppedObject(stopped) }, lines.join("\n"));
    return EXIT.ok;
  } catch (error) {
    if (!(error instanceof KeyringStoreError)) throw error;
    throw new EndError(`${error.message}; the same command with --resume goes on`, EXIT.temporary, error);
  } finally {
    progress.end();
  }
}
