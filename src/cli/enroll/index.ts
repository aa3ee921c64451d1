import type { Command } from "commander";
import type { Done } from "../run-command.ts";
import { defineAdd } from "./add.ts";
import { defineList } from "./list.ts";
import { defineRemove } from "./remove.ts";

/** `vsmtp enroll …`: the submission servers that the private interface answers (PRV-2, PRV-22). */
export function define(command: Command, done: Done): void {
  defineAdd(command, done);
  defineList(command, done);
  defineRemove(command, done);
}
