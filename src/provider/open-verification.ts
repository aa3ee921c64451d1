import type { KeyLookup, StapleKeySource } from "../key-lookup/index.ts";
import { BounceCheck, Verification } from "../verification/index.ts";
import { openKeyLookup } from "./key-lookup.ts";
import { openNeighbours } from "./neighbours.ts";
import type { Shared, Watchers } from "./role.ts";

/** What a border asks about messages, as the settings want it. */
export interface OpenVerification {
  readonly verification: Verification;
  readonly bounces: BounceCheck | null;
  close(): void;
}

export async function openVerification(shared: Shared): Promise<OpenVerification> {
  const { deadlineMs, forgedBounces } = shared.config.policy;
  const keys = openKeyLookup(shared);
  const policies = shared.memories.policies();
  return {
    verification: new Verification({
      keys: watched(keys, shared.watchers),
      policies,
      neighbours: await openNeighbours(shared),
      deadlineMs,
    }),
    bounces: forgedBounces === "reject" ? new BounceCheck({ keys, policies, deadlineMs }) : null,
    close: () => keys.close(),
  };
}

function watched(keys: KeyLookup, { onLookup }: Watchers): StapleKeySource {
  if (!onLookup) return keys;
  return {
    lookUp: async (query) => {
      const report = await keys.explain(query);
      onLookup(query, report);
      return report.answer;
    },
  };
}
