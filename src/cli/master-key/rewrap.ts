import { resolve } from "node:path";
import type { Command } from "commander";
import { loadMasterKey } from "../../keyring/index.ts";
import { administer } from "../administration/administer.ts";
import { showProgress } from "../administration/progress.ts";
import type { Done } from "../run-command.ts";
import { UsageError } from "../usage-error.ts";

export function defineRewrap(parent: Command, done: Done): void {
  const command = parent
    .command("rewrap")
    .description("encrypt everything under another master key")
    .requiredOption("--to FILE", "the new master key; it is made if FILE is not there");
  administer(command, done, {
    asks: true,
    about: [
      "Stop every vsmtp serve first: what runs has the old key, and can open nothing afterwards. Accounts and their keys stay as they are; for a key store that was copied by a thief together with the old master key, vsmtp key rekey --all is the remedy, not this.",
      "Broken off, it is started again in the same way and goes on. At the end put FILE into the settings, and into a backup apart from the key store; keep the old one as long as backups of the old key store.",
    ],
    examples: [
      ["vsmtp master-key rewrap --to /etc/vsmtp/master-2027.key", "asks first, shows a progress bar"],
    ],
    json: { file: "where the new master key is", rewrapped: "how many secrets are under it" },
    async run({ keyring, config, printer, confirm, json }, { to }: { readonly to: string }) {
      const file = resolve(to);
      const { masterKey } = config.store;
      if (masterKey.kind === "file" && masterKey.path === file) {
        throw new UsageError(`${file} holds the present master key; name another file`);
      }
      await confirm(
        `Everything in the key store is encrypted under the master key in ${file}. No vsmtp serve may be running, and without that file all keys will be lost.`,
      );
      const next = await loadMasterKey({ kind: "file", path: file });
      const progress = await showProgress("re-wrapping", "secrets", json);
      let rewrapped = 0;
      await keyring
        .rewrap(next, (count, of) => {
          rewrapped = count;
          progress.report(count, of);
        })
        .finally(() => progress.end());
      await printer.print(
        { file, rewrapped },
        `everything is under the new master key. Set in vsmtp.toml, before you start again:\n\n  [store]\n  master_key = "${file}"`,
      );
    },
  });
}
