import { open } from "node:fs/promises";
import type { Command } from "commander";
import { administer } from "../administration/administer.ts";
import { countText } from "../administration/count-text.ts";
import { showProgress } from "../administration/progress.ts";
import type { Done } from "../run-command.ts";
import { UsageError } from "../usage-error.ts";

export function defineRelease(parent: Command, done: Done): void {
  const command = parent
    .command("release")
    .description("hand out private keys that are past their end, so that old mail can be denied")
    .requiredOption("--out FILE", "add them to FILE, which you then publish");
  administer(command, done, {
    asks: true,
    about: [
      "For domains with --release-keys (see vsmtp domain set). Retired keys whose end has passed (vsmtp key list shows it) are written to FILE, a JSON object a line, and then destroyed here. Once everybody has them, a signature proves no longer who wrote the mail (LIF-18). Receivers do not accept them any more: nothing can be signed with them.",
      "Broken off, it may write keys again that are in FILE already; none are lost.",
    ],
    examples: [["vsmtp key release --out released-keys.jsonl --yes", "once a month, from cron"]],
    json: { released: "how many keys", file: "where they are" },
    async run({ keyring, printer, confirm, json }, { out }: { readonly out: string }) {
      await confirm(
        `Private keys past their end are written to ${out}, for everybody to have, and destroyed here; this cannot be undone.`,
      );
      const progress = await showProgress("releasing", "keys", json);
      const file = await open(out, "a").catch((error: NodeJS.ErrnoException) => {
        throw new UsageError(`${out}: cannot be written: ${error.code}`);
      });
      try {
        let count = 0;
        const released = await keyring.releaseKeys(async (keys) => {
          const lines = keys.map((key) =>
            JSON.stringify({
              address: key.address,
              kid: key.kid,
              algorithm: key.algorithm,
              not_before: key.notBefore,
              not_after: key.notAfter,
              private_key: Buffer.from(key.privateKey).toString("base64"),
            }),
          );
          await file.appendFile(`${lines.join("\n")}\n`);
          // They are destroyed here next.
          await file.sync();
          count += keys.length;
          progress.report(count, null);
        });
        progress.end();
        await printer.print(
          { released, file: out },
          released === 0
            ? "no kept private key is past its end"
            : `${countText(released, "private key")} added to ${out}: publish it`,
        );
      } finally {
        progress.end();
        await file.close();
      }
    },
  });
}
