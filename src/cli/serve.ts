import type { Command } from "commander";
import { addConfigOption, readConfig } from "./configuration.ts";
import { runRoles } from "./run-roles.ts";

/** `vsmtp serve`: runs the roles that the settings name until it is told to stop (SIGINT, SIGTERM, SIGHUP). */
export function define(command: Command, done: (status: number) => void): void {
  addConfigOption(command)
    .option("--check", "only read the settings and say whether they can be used")
    .action(async (options: { config?: string; check?: boolean }) => {
      done(await runRoles(readConfig(options.config), options));
    });
}
