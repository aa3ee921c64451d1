import type { Command } from "commander";
import { StatementLineError, statementKeySource } from "../key-protocol/index.ts";
import type { Address } from "../message/index.ts";
import type { KeySource, VerifyContext } from "../signature/index.ts";
import { readNamedFile, recipientsArgument, secondsArgument, unixNow } from "./arguments.ts";
import { addNetworkOptions, type NetworkOptions } from "./network-options.ts";
import { UsageError } from "./usage-error.ts";

export interface VerifyOptions extends NetworkOptions {
  now?: number;
  rcpt?: (Address | null)[];
  statements?: string;
}

/** The options that `verify` and `explain` share. */
export function addVerifyOptions(command: Command): Command {
  command
    .option("--now UNIX", "judge as at this time", secondsArgument)
    .option("--rcpt ADDR", "a recipient of this delivery; may be repeated", recipientsArgument)
    .option("--statements FILE", "key statements, one a line: no network is used");
  return addNetworkOptions(command);
}

/** What the verdict depends on beside the message. */
export async function verifyContext(options: VerifyOptions): Promise<VerifyContext & AsyncDisposable> {
  const base = { now: options.now ?? unixNow(), recipients: options.rcpt };
  if (options.statements !== undefined) {
    return { ...base, keys: statementFile(options.statements), [Symbol.asyncDispose]: async () => {} };
  }
  // Only a real lookup loads the network's modules.
  const { openKeyLookup } = await import("./open-key-lookup.ts");
  const lookup = openKeyLookup(options);
  return { ...base, keys: lookup, [Symbol.asyncDispose]: async () => lookup.close() };
}

function statementFile(fileName: string): KeySource {
  const lines = readNamedFile(fileName).toString("latin1").split("\n");
  try {
    return statementKeySource(lines);
  } catch (error) {
    if (error instanceof StatementLineError) throw new UsageError(`${fileName}: ${error.message}`);
    throw error;
  }
}
