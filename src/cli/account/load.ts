import type { createReadStream } from "node:fs";
import { createInterface } from "node:readline/promises";
import type { Readable } from "node:stream";
import type { Command } from "commander";
import type { NewAccountOptions } from "../../keyring/index.ts";
import { administer } from "../administration/administer.ts";
import { countText } from "../administration/count-text.ts";
import { showProgress } from "../administration/progress.ts";
import { openNamedFile } from "../arguments.ts";
import { EXIT } from "../exit-status.ts";
import type { Done } from "../run-command.ts";
import { parseLoadLine } from "./load-line.ts";

interface Options {
  readonly skipExisting?: boolean;
}

export function defineLoad(parent: Command, done: Done): void {
  const command = parent
    .command("load FILE")
    .description("make many accounts from a file (- for standard input)")
    .option(
      "--skip-existing",
      "addresses that are there already are no mistake: to go on after an interruption",
    );
  administer(command, done, {
    about: [
      'A line is an account: its address and, after commas, its further addresses; or a JSON object with "address" and, as wanted, "aliases", "password" or "password_hash" (argon2id in PHC form, as other systems have it), and "key_lock". Empty lines and those that begin with # are left out. Without a password nobody can log in until vsmtp account passwd sets one; hashing passwords takes by far the longest.',
      "A line that is refused is reported on standard error and does not keep the others from being loaded; the exit status is then 2.",
    ],
    examples: [
      ["vsmtp account load accounts.csv", "lines such as: alice@example.org,al@example.org"],
      [
        "vsmtp account load - --skip-existing < accounts.jsonl",
        '{"address":"bob@example.org","password":"…"}',
      ],
    ],
    json: {
      added: "how many accounts were made",
      existing: "how many were there already, with --skip-existing",
      refused: "how many lines were refused",
    },
    async run({ keyring, printer, json }, options: Options, fileName: string) {
      const of = fileName === "-" ? null : await countLines(await openNamedFile(fileName));
      const progress = await showProgress("loading", "accounts", json);
      let existing = 0;
      let refused = 0;
      const refuse = (detail: string): void => {
        refused++;
        process.stderr.write(`vsmtp: ${detail}\n`);
      };
      try {
        const input = fileName === "-" ? process.stdin : await openNamedFile(fileName);
        const { added } = await keyring.addAccounts(accountLines(input, refuse), {
          onProgress: (count) => progress.report(count, of),
          onRefused({ failure }) {
            if (options.skipExisting && failure.problem === "address-taken") existing++;
            else refuse(failure.detail);
          },
        });
        progress.end();
        const text = [`${countText(added, "account")} added`];
        if (existing > 0) text.push(`${existing} were there already`);
        if (refused > 0) text.push(`${countText(refused, "line")} refused`);
        await printer.print({ added, existing, refused }, text.join(", "));
      } finally {
        progress.end();
      }
      return refused > 0 ? EXIT.usage : EXIT.ok;
    },
  });
}

async function* accountLines(
  input: Readable,
  refuse: (detail: string) => void,
): AsyncGenerator<NewAccountOptions> {
  let number = 0;
  for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    number++;
    const parsed = parseLoadLine(line);
    if (parsed === null) continue;
    if (parsed.ok) yield parsed.account;
    else refuse(`line ${number}: ${parsed.detail}`);
  }
}

async function countLines(input: ReturnType<typeof createReadStream>): Promise<number> {
  let count = 0;
  for await (const chunk of input as AsyncIterable<Buffer>) {
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) count++;
  }
  return count;
}
