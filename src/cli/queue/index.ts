import type { Command } from "commander";
import type { Done } from "../run-command.ts";
import { defineList } from "./list.ts";
import { defineOrders } from "./order.ts";
import { defineShow } from "./show.ts";
import { defineStats } from "./stats.ts";

/** `vsmtp queue …`: what waits here for delivery, seen and changed beside the running servers. */
export function define(command: Command, done: Done): void {
  defineList(command, done);
  defineShow(command, done);
  defineStats(command, done);
  defineOrders(command, done);
}
