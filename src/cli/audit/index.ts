import type { Command } from "commander";
import type { Done } from "../run-command.ts";
import { defineArchive } from "./archive.ts";
import { defineList } from "./list.ts";
import { defineVerify } from "./verify.ts";

/** `vsmtp audit …`: the log of every administrative act, AUTH, SIGN and GETKEY (PRV-20). */
export function define(command: Command, done: Done): void {
  defineList(command, done);
  defineVerify(command, done);
  defineArchive(command, done);
}
