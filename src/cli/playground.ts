import type { Command } from "commander";
import { PlaygroundProblem, runPlayground } from "../playground/index.ts";
import { EXIT } from "./exit-status.ts";
import { stopSignal } from "./stop-signal.ts";
import { UsageError } from "./usage-error.ts";

/** `vsmtp playground`: two mail providers on this machine, to watch and to send through. */
export function define(command: Command, done: (status: number) => void): void {
  command
    .option("--exit", "end after the table; status 0 only if every verdict and reply was as expected")
    .action(async ({ exit }: { exit?: boolean }) => {
      const stopping = new AbortController();
      void stopSignal().then(() => stopping.abort());
      try {
        const good = await runPlayground({
          output: process.stdout,
          signal: stopping.signal,
          exit: exit === true,
        });
        done(good ? EXIT.ok : EXIT.notPass);
      } catch (error) {
        if (error instanceof PlaygroundProblem) throw new UsageError(error.message);
        throw error;
      }
    });
}
