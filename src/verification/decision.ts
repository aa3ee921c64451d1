import type { Action, Actions, PolicySettings, Stage } from "../config/index.ts";
import type { FromPolicy } from "./verification.ts";

/** What an operator set for some mail (ACT-8), as it is called in reports to people: `policy.actions`. */
export interface Override {
  readonly name: string;
  readonly actions: Actions;
}

/** What the operator wants of mail to some recipients From one domain. */
export interface Rules {
  readonly stage: Stage;
  /** The setting that it is from; null for the one of all mail. */
  readonly stageSetBy: string | null;
  /** Most specific first. */
  readonly overrides: readonly Override[];
}

/** What the action depends on beside the verdict. */
export interface ActionContext {
  /**
   * What the operator wants of mail to these recipients, once for each From domain: of several the strictest answer
   * counts, as with their policies (POL-13). At least one.
   */
  readonly rules: readonly Rules[];
  readonly policy: Pick<FromPolicy, "wanted" | "domain">;
  /** The name of the setting by which whoever brought it is trusted (ACT-6, VER-17); null: nobody is. */
  readonly trusted: string | null;
  /** The From domain that passes DMARC, where that counts; null where it does not. */
  readonly dmarc: string | null;
  /** For mail that passes and was addressed to others (VER-17). */
  readonly mismatch: PolicySettings["mismatch"];
  /** It was delivered already, and what is done then (RPL-1). */
  readonly repeated: boolean;
  readonly replays: PolicySettings["replays"];
  /** It reports a failure of mail that nobody here signed, and that is to be refused. */
  readonly forgedBounce: boolean;
}

/** What to do with a message, and what decided it. */
export interface Decision {
  readonly action: Action;
  /**
   * `stage`: the table; `policy`: the From domain's `p`; `override`: the operator's setting; `trusted`: who brought it;
   * `dmarc`: it would have been the policy; `replay`; `bounce`.
   */
  readonly decidedBy: "stage" | "policy" | "override" | "trusted" | "replay" | "dmarc" | "bounce";
  /** Which setting, domain or trusted source; null for the table of the stage of all mail. */
  readonly because: string | null;
  /** The one that counted. */
  readonly stage: Stage;
  /** The answer to DATA for `reject` and `defer`; null where the message is accepted. */
  readonly reply: Answer | null;
}

/** A decision without its answer. */
export type Choice = Omit<Decision, "reply">;

/** A reply to DATA that does not take the message. */
export interface Answer {
  readonly code: number;
  readonly enhanced: string;
  readonly text: string;
}
