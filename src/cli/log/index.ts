import type { Command } from "commander";
import type { Done } from "../run-command.ts";
import { defineSearch } from "./search.ts";
import { defineShow } from "./show.ts";

/** `vsmtp log …`: what became of mail that came in and was handed in, for help desks. */
export function define(command: Command, done: Done): void {
  defineSearch(command, done);
  defineShow(command, done);
}
