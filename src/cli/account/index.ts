import type { Command } from "commander";
import type { Done } from "../run-command.ts";
import { defineAdd } from "./add.ts";
import { defineAlias } from "./alias.ts";
import { defineAppPassword } from "./app-password.ts";
import { defineGrant } from "./grant.ts";
import { defineLimit } from "./limit.ts";
import { defineList } from "./list.ts";
import { defineLoad } from "./load.ts";
import { defineLock, defineUnlock } from "./lock.ts";
import { definePasswd } from "./passwd.ts";
import { defineReassign } from "./reassign.ts";
import { defineRemove } from "./remove.ts";
import { defineResume } from "./resume.ts";
import { defineShow } from "./show.ts";
import { defineSuspend } from "./suspend.ts";

/** `vsmtp account …`: accounts with their key pairs; a running `vsmtp serve` sees a change at once. */
export function define(command: Command, done: Done): void {
  defineAdd(command, done);
  defineLoad(command, done);
  defineList(command, done);
  defineShow(command, done);
  defineSuspend(command, done);
  defineResume(command, done);
  definePasswd(command, done);
  defineAppPassword(command, done);
  defineAlias(command, done);
  defineGrant(command, done);
  defineLimit(command, done);
  defineLock(command, done);
  defineUnlock(command, done);
  defineReassign(command, done);
  defineRemove(command, done);
}
