import type { Command } from "commander";
import type { Done } from "../run-command.ts";
import { defineAdd } from "./add.ts";
import { defineList } from "./list.ts";
import { defineRaiseEpoch } from "./raise-epoch.ts";
import { defineRekeyStatements } from "./rekey-statements.ts";
import { defineRemove } from "./remove.ts";
import { defineSet } from "./set.ts";
import { defineShow } from "./show.ts";

/** `vsmtp domain …`: the domains whose accounts this provider has. */
export function define(command: Command, done: Done): void {
  defineAdd(command, done);
  defineList(command, done);
  defineShow(command, done);
  defineSet(command, done);
  defineRekeyStatements(command, done);
  defineRaiseEpoch(command, done);
  defineRemove(command, done);
}
