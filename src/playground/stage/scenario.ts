import type { Stage } from "./stage.ts";

export interface Scenario {
  readonly title: string;
  /** Who does what and why it matters, for somebody who has not heard of VSMTP. */
  readonly story: string;
  play(stage: Stage): Promise<void>;
}
