import type { Command } from "commander";
import type { Done } from "../run-command.ts";
import { defineExport } from "./export.ts";
import { defineList } from "./list.ts";
import { defineRekey } from "./rekey.ts";
import { defineRelease } from "./release.ts";
import { defineRevoke } from "./revoke.ts";
import { defineRotate } from "./rotate.ts";

export { kidsAreNoOptions as arrange } from "../arguments.ts";

/** `vsmtp key …`: the key pairs of accounts. */
export function define(command: Command, done: Done): void {
  defineList(command, done);
  defineRotate(command, done);
  defineRekey(command, done);
  defineRevoke(command, done);
  defineExport(command, done);
  defineRelease(command, done);
}
