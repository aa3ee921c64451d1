import type { Command } from "commander";
import type { Done } from "../run-command.ts";
import { defineSend } from "./send.ts";
import { defineShow } from "./show.ts";
import { defineSpam } from "./spam.ts";

/** `vsmtp report …`: what mail systems tell each other of their mail. */
export function define(command: Command, done: Done): void {
  defineShow(command, done);
  defineSend(command, done);
  defineSpam(command, done);
}
