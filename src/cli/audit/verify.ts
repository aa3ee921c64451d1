import type { Command } from "commander";
import { formatAuditHead } from "../../keyring/index.ts";
import { administer } from "../administration/administer.ts";
import { countText } from "../administration/count-text.ts";
import { showProgress } from "../administration/progress.ts";
import { openNamedFile } from "../arguments.ts";
import { EXIT } from "../exit-status.ts";
import type { Done } from "../run-command.ts";
import { headArgument } from "./head-argument.ts";

interface Options {
  readonly expect?: string;
  readonly archive?: readonly string[];
}

export function defineVerify(parent: Command, done: Done): void {
  const command = parent
    .command("verify")
    .description("prove that no entry of the log was changed, removed or added")
    .option("--expect HEAD", "a head that was printed earlier, which must still be in the log")
    .option("--archive <FILE...>", "files that vsmtp audit archive has written, in any order, verified too");
  administer(command, done, {
    about: [
      "Every entry is chained to those before by a key that comes from the master key. Only entries cut off at the end cannot be missed from the log itself: note the head that this command prints on another machine, and give it to the next run. The exit status is 1 when the log is not whole.",
      "Where the beginning of the log was archived, it is verified from there: the entry that tells of the archive proves that nothing else went. With --archive the files are verified, too: they must continue each other up to that entry; the oldest may be gone.",
    ],
    examples: [
      ["vsmtp audit verify", "prints how many entries there are, and the head"],
      ['vsmtp audit verify --expect "$(cat last-head)"', "since the last time, too"],
      ["vsmtp audit verify --archive audit-*.jsonl", "with everything that was archived"],
    ],
    json: {
      whole: "whether every entry is as it was written",
      first: "the first entry that was verified, those before being archived; null when it is not whole",
      count: "how many entries were verified; null when it is not whole",
      head: "to be noted elsewhere: NUMBER:HEX; null when it is not whole",
      broken_at: "the first entry that is wrong or missing; null when it is whole",
      detail: "what is wrong; null when it is whole",
    },
    async run({ keyring, printer, json }, { expect, archive = [] }: Options) {
      const noted = expect === undefined ? null : headArgument(expect);
      for (const file of archive) (await openNamedFile(file)).destroy();
      const { sequence } = await keyring.auditHead();
      const progress = await showProgress("verifying", "entries", json);
      const verification = await keyring
        .verifyAudit({
          expect: noted,
          archives: archive,
          onProgress: (count) => progress.report(count, Math.max(count, sequence)),
        })
        .finally(() => progress.end());
      if (!verification.ok) {
        const { brokenAt, detail } = verification;
        await printer.print(
          { whole: false, first: null, count: null, head: null, broken_at: brokenAt, detail },
          `the log is NOT whole: ${detail}; what stands before is as it was written`,
        );
        return EXIT.notPass;
      }
      const { first, count } = verification;
      const head = formatAuditHead(verification.head);
      const from =
        first === 1 ? "" : `, from number ${first.toLocaleString("en-US")}; those before were archived`;
      await printer.print(
        { whole: true, first, count, head, broken_at: null, detail: null },
        `the log is whole: ${countText(count, "entry")}${from}\nhead  ${head}`,
      );
      return EXIT.ok;
    },
  });
}
