import type { Command } from "commander";
import type { MasterKeySource } from "../../keyring/index.ts";
import { administer } from "../administration/administer.ts";
import type { Done } from "../run-command.ts";

export function defineCheck(parent: Command, done: Done): void {
  administer(
    parent.command("check").description("tell whether the master key is the one of this key store"),
    done,
    {
      about: [
        "For a backup: name it in the settings of a copy, and check. The exit status is 2 when it is another key, or none.",
      ],
      examples: [["vsmtp master-key check --config restored/vsmtp.toml", "can the backup be used?"]],
      json: {
        source: "where it comes from: file, credential or variable",
        name: "of the file, credential or variable",
      },
      async run({ config, printer }) {
        // Opening the key store has compared them.
        const source = config.store.masterKey;
        await printer.print(
          { source: source.kind, name: nameOf(source) },
          `the master key (${source.kind} ${nameOf(source)}) is the one of this key store`,
        );
      },
    },
  );
}

function nameOf(source: MasterKeySource): string {
  return source.kind === "file" ? source.path : source.name;
}
