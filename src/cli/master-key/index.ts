import type { Command } from "commander";
import type { Done } from "../run-command.ts";
import { defineCheck } from "./check.ts";
import { defineRewrap } from "./rewrap.ts";

/** `vsmtp master-key …`: the key under which all secrets of the key store are encrypted. */
export function define(command: Command, done: Done): void {
  defineCheck(command, done);
  defineRewrap(command, done);
}
