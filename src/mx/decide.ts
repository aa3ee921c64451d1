import type { Actions } from "../config/index.ts";
import { type Decision, decideAction, type Verified } from "../verification/index.ts";
import type { DomainSettings } from "./mx-options.ts";

/** What else than the verdict counts for these recipients. The reverse path never does (NBR-3). */
export function decide(
  { verdict, policy }: Verified,
  settings: DomainSettings,
  globalActions: Actions,
): Decision {
  return decideAction(verdict, {
    stage: settings.stage,
    policy: policy.wanted,
    overrides: [settings.actions, globalActions],
  });
}
