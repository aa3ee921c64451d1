import type { Command } from "commander";
import { addConfigOption, readConfig } from "./configuration.ts";
import { runRoles } from "./run-roles.ts";

/**
 * `vsmtp milter`: signs and verifies for a mail server until it is told to stop, and runs no other role, whatever roles the
 * settings name: one file may be for several processes.
 */
export function define(command: Command, done: (status: number) => void): void {
  addConfigOption(command)
    .option("--check", "only read the settings and say whether they can be used")
    .action(async (options: { config?: string; check?: boolean }) => {
      const config = readConfig(options.config);
      done(await runRoles({ ...config, roles: new Set(["milter"]) }, options));
    });
}
