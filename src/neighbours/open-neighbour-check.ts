import type { NeighbourCheckOptions } from "./check-options.ts";
import type { NeighbourCheck } from "./neighbour-results.ts";

/** Loads mailauth when it is first wanted: it takes 30 MiB, and no role but the border needs it. */
export async function openNeighbourCheck(options: NeighbourCheckOptions): Promise<NeighbourCheck> {
  const { MailauthCheck } = await import("./mailauth-check.ts");
  return new MailauthCheck(options);
}
