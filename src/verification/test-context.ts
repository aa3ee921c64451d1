import type { Stage } from "../config/index.ts";
import type { ActionContext, Override } from "./index.ts";

/** A context in which nothing but what is given is special. */
export function contextOf({
  stage = "enforce",
  overrides = [],
  ...rest
}: Partial<ActionContext> & { stage?: Stage; overrides?: readonly Override[] }): ActionContext {
  return {
    rules: [{ stage, stageSetBy: null, overrides }],
    policy: { wanted: "none", domain: null },
    trusted: null,
    dmarc: null,
    mismatch: "deliver",
    repeated: false,
    replays: "drop",
    forgedBounce: false,
    ...rest,
  };
}
