import type { Command } from "commander";
import { destinationName, type QueueFilter } from "../../queue/index.ts";
import { timeArgument } from "../arguments.ts";
import type { Choice } from "../queue/order.ts";

/** Which messages a command line means. */
export interface QuarantineChoice {
  readonly from?: string;
  readonly to?: string;
  readonly domain?: string;
  readonly result?: string;
  readonly reason?: string;
  readonly before?: number;
}

/** Those that the options mean. */
export function quarantineFilter(
  { from, to, domain, result, reason, before }: QuarantineChoice,
  ids: readonly string[] = [],
): QueueFilter {
  return {
    state: "quarantined",
    ...(ids.length > 0 ? { ids } : {}),
    ...(from === undefined ? {} : { author: from }),
    ...(to === undefined ? {} : { recipient: to }),
    ...(domain === undefined ? {} : { destination: destinationName(domain) }),
    ...(result === undefined ? {} : { result }),
    ...(reason === undefined ? {} : { reason }),
    ...(before === undefined ? {} : { before: before * 1000 }),
  };
}

/** How commands choose among what is in quarantine. */
export const inQuarantine: Choice<QuarantineChoice> = {
  where: "in quarantine",
  add(command: Command): Command {
    return command
      .option("--from ADDRESS", 'with this address in From; "@example.org": of a domain')
      .option("--to ADDRESS", 'to this recipient; "@example.org": to a domain')
      .option("--domain DOMAIN", "to recipients in this domain of ours")
      .option("--result RESULT", "judged so: none, neutral, fail, permerror, temperror, pass")
      .option("--reason REASON", "judged so for this reason: body, revoked, unsigned, …")
      .option(
        "--before WHEN",
        'that came before: a date, a time (UTC) or an age: "2026-11-25 22:08", 2h',
        timeArgument,
      );
  },
  async filterOf(_config, options, ids) {
    const filter = quarantineFilter(options, ids);
    return { filter, chosen: Object.keys(filter).length > 1 };
  },
};
