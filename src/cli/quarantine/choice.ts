import type { Command } from "commander";
import { destinationName, type QueueFilter } from "../../queue/index.ts";
import { timeArgument } from "../arguments.ts";
import type { Choice } from "../queue/order.ts";
import { RESULTS, reasonArgument, resultArgument } from "../verdicts.ts";

/** Which messages a command line means. */
export interface QuarantineChoice {
  readonly from?: string;
  readonly to?: string;
  readonly destination?: string;
  readonly verdict?: string;
  readonly reason?: string;
  readonly before?: number;
}

/** Those that the options mean. */
export function quarantineFilter(
  { from, to, destination, verdict, reason, before }: QuarantineChoice,
  ids: readonly string[] = [],
): QueueFilter {
  return {
    state: "quarantined",
    ...(ids.length > 0 ? { ids } : {}),
    ...(from === undefined ? {} : { author: from }),
    ...(to === undefined ? {} : { recipient: to }),
    ...(destination === undefined ? {} : { destination: destinationName(destination) }),
    ...(verdict === undefined ? {} : { result: verdict }),
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
      .option("--destination DOMAIN", "to this domain of ours")
      .option("--verdict RESULT", `with this result: ${RESULTS.join(", ")}`, resultArgument)
      .option("--reason REASON", "for this reason: body, revoked, unsigned, ...", reasonArgument)
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
