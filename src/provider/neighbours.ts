import { type NeighbourCheck, openNeighbourCheck } from "../neighbours/index.ts";
import type { Shared } from "./role.ts";

/** SPF, DKIM, DMARC and ARC of incoming mail; null where the settings do not want them. */
export async function openNeighbours({ config, network, log }: Shared): Promise<NeighbourCheck | null> {
  const { enabled, deadlineMs } = config.neighbours;
  if (!enabled) return null;
  return openNeighbourCheck({
    resolver: network.strangersResolver,
    hostname: config.hostname,
    deadlineMs,
    onFailure: (error) => log.error({ role: "mx", err: error }, "neighbours"),
  });
}
