import type { Command } from "commander";
import type { Done } from "../run-command.ts";
import { defineList } from "./list.ts";
import { defineOrders } from "./order.ts";
import { defineShow } from "./show.ts";

/** `vsmtp quarantine …`: what the MX kept from its recipients, looked at and let go beside the running servers. */
export function define(command: Command, done: Done): void {
  defineList(command, done);
  defineShow(command, done);
  defineOrders(command, done);
}
