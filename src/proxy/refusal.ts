import type { Reply } from "../smtp/index.ts";

/** What is not done. */
export interface Refusal {
  readonly reply: Reply;
  /** What failed on our side; null where nothing did. */
  readonly cause: unknown;
}
