import type { Command } from "commander";
import type { ArchiveOutcome } from "../../keyring/index.ts";
import { administer } from "../administration/administer.ts";
import { countText } from "../administration/count-text.ts";
import { type Progress, showProgress } from "../administration/progress.ts";
import { timeArgument } from "../arguments.ts";
import { EndError } from "../end-error.ts";
import { EXIT } from "../exit-status.ts";
import type { Done } from "../run-command.ts";
import { UsageError } from "../usage-error.ts";

const fields = {
  file: "where the entries are now; null: no entry was that old",
  first: "the number of the first entry in it; null: none",
  last: "the number of the last; null: none",
  sha256: "of the file, hexadecimal; null: there is none",
  removed: "how many entries left the key store",
} as const;

interface Options {
  readonly before: number;
  readonly out: string;
}

export function defineArchive(parent: Command, done: Done): void {
  const command = parent
    .command("archive")
    .description("move the log's oldest entries to a file, so that the key store does not grow for ever")
    .requiredOption("--before WHEN", "entries older than this: a date, a time (UTC) or an age", timeArgument)
    .requiredOption("--out FILE", "made with mode 0600; never overwritten");
  administer(command, done, {
    about: [
      "Verifies the entries from the log's beginning up to the first that is not older, writes them to FILE as vsmtp audit list --json prints them, and removes them once FILE is on the disk and the log tells of it: who did it, which entries, the chain's value there, the SHA-256 of FILE. The log that remains begins with that value, so vsmtp audit verify proves it, and shows whatever was removed in any other way.",
      "It can be broken off at any moment and given again. vsmtp serve goes on meanwhile. The file of SQLite does not shrink: new entries take the room. Keep FILE where the database's administrators cannot write, for as long as your rules on retention say.",
    ],
    examples: [
      ['vsmtp audit archive --before 90d --out "audit-$(date +%F).jsonl" --yes', "each month, from cron"],
      ["vsmtp audit verify --archive audit-*.jsonl", "proves archives and log together"],
    ],
    json: fields,
    asks: true,
    async run({ keyring, printer, json, confirm }, { before, out }: Options) {
      const date = new Date(before * 1000).toISOString().slice(0, 16).replace("T", " ");
      await confirm(`All entries before ${date} UTC go from the key store to ${out}.`);
      const progress = new TwoPartProgress(json);
      const outcome = await keyring
        .archiveAudit({ before: before * 1000, file: out, onProgress: progress.report })
        .catch((error) => {
          throw unwritable(out, error);
        })
        .finally(progress.end);
      const { removed } = succeeded(out, outcome);
      if (outcome.kind !== "archived") {
        const left =
          removed > 0
            ? `; ${countText(removed, "entry")} of an earlier archive were left, and are removed`
            : "";
        await printer.print(
          { file: null, first: null, last: null, sha256: null, removed },
          `no entries before ${date} UTC${left}`,
        );
        return;
      }
      const { first, last, sha256 } = outcome;
      await printer.print(
        { file: out, first, last: last.sequence, sha256, removed },
        `entries ${first} to ${last.sequence} are in ${out}, and no longer in the key store\nSHA-256  ${sha256}`,
      );
    },
  });
}

/** What is written is counted, then what is removed. */
class TwoPartProgress {
  readonly #json: boolean;
  #work = "";
  #shown: Promise<Progress> | null = null;

  constructor(json: boolean) {
    this.#json = json;
  }

  readonly report = (work: "writing" | "removing", done: number): void => {
    if (work !== this.#work) {
      void this.end();
      this.#work = work;
      this.#shown = showProgress(work, "entries", this.#json);
    }
    void this.#shown?.then((progress) => progress.report(done, null));
  };

  readonly end = async (): Promise<void> => (await this.#shown)?.end();
}

function succeeded(file: string, outcome: ArchiveOutcome): ArchiveOutcome & { readonly removed: number } {
  if (outcome.kind === "exists")
    throw new UsageError(`${file}: it exists already; archives are never overwritten`);
  if (outcome.kind === "meanwhile") {
    throw new EndError("another archive was made at the same moment; nothing was done", EXIT.temporary);
  }
  if (outcome.kind === "broken") {
    throw new EndError(
      `nothing is archived, since the log is not whole: ${outcome.broken.detail}`,
      EXIT.notPass,
    );
  }
  return outcome;
}

/** What the file system says; the rest is for others. */
function unwritable(file: string, error: unknown): unknown {
  const { code, syscall } = error as NodeJS.ErrnoException;
  return syscall === undefined ? error : new UsageError(`${file}: cannot be written: ${code}`);
}
