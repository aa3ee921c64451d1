import type { ReceivedStatement } from "../key-protocol/index.ts";
import type { Address } from "../message/index.ts";
import type { Algorithm, KeyAnswer } from "../signature/index.ts";
import type { TrailStep } from "./trail.ts";

/** A question out of curiosity: without kid it is the bare form (KEY-29), without signature only half judged. */
export interface LookupQuestion {
  readonly identity: Address;
  readonly kid: string | null;
  readonly algorithm: Algorithm | null;
  /** Unix seconds. */
  readonly signedAt: number | null;
  /** Unix seconds. */
  readonly now: number;
  /** A statement about just this identity and key that came with the message. */
  readonly staple?: ReceivedStatement;
  /** The host that the message came from, if it came from one: its network pays for keys that are not there (CCH-14). */
  readonly clientAddress?: string;
  /** Asked where the budgets are used up (CCH-7): the From domain that passes aligned DKIM or SPF; null: none does. */
  readonly vouched?: () => Promise<string | null>;
}

export interface LookupReport {
  readonly answer: KeyAnswer;
  /** The key statement that decided, or null. */
  readonly statement: string | null;
  readonly trail: readonly TrailStep[];
}

export type Answered = Pick<LookupReport, "answer" | "statement">;
