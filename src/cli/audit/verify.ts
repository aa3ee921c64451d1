import type { Command } from "commander";
import { administer } from "../administration/administer.ts";
import { countText } from "../administration/count-text.ts";
import { showProgress } from "../administration/progress.ts";
import { EXIT } from "../exit-status.ts";
import type { Done } from "../run-command.ts";
import { headText, parseHead } from "./head-text.ts";

export function defineVerify(parent: Command, done: Done): void {
  const command = parent
    .command("verify")
    .description("prove that no entry of the log was changed, removed or added")
    .option("--expect HEAD", "a head that was printed earlier, which must still be in the log");
  administer(command, done, {
    about: [
      "Every entry is chained to those before by a key that comes from the master key. Only entries cut off at the end cannot be missed from the log itself: note the head that this command prints on another machine, and give it to the next run. The exit status is 1 when the log is not whole.",
    ],
    examples: [
      ["vsmtp audit verify", "prints how many entries there are, and the head"],
      ['vsmtp audit verify --expect "$(cat last-head)"', "since the last time, too"],
    ],
    json: {
      whole: "whether every entry is as it was written",
      count: "how many entries there are; null when it is not whole",
      head: "to be noted elsewhere: NUMBER:HEX; null when it is not whole",
      broken_at: "the first entry that is wrong or missing; null when it is whole",
      detail: "what is wrong; null when it is whole",
    },
    async run({ keyring, printer, json }, { expect }: { readonly expect?: string }) {
      const noted = expect === undefined ? null : parseHead(expect);
      const { sequence } = await keyring.auditHead();
      const progress = await showProgress("verifying", "entries", json);
      const verification = await keyring
        .verifyAudit({
          expect: noted,
          onProgress: (count) => progress.report(count, Math.max(count, sequence)),
        })
        .finally(() => progress.end());
      if (!verification.ok) {
        const { brokenAt, detail } = verification;
        await printer.print(
          { whole: false, count: null, head: null, broken_at: brokenAt, detail },
          `the log is NOT whole: ${detail}; what stands before is as it was written`,
        );
        return EXIT.notPass;
      }
      const head = headText(verification.head);
      await printer.print(
        { whole: true, count: verification.count, head, broken_at: null, detail: null },
        `the log is whole: ${countText(verification.count, "entry")}\nhead  ${head}`,
      );
      return EXIT.ok;
    },
  });
}
