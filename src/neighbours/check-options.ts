import type { Resolver } from "../dns/index.ts";

export interface NeighbourCheckOptions {
  /** One of their own: what strangers' records make it ask for and keep displaces nothing of ours. */
  readonly resolver: Resolver;
  /** This host's name. */
  readonly hostname: string;
  /** For everything that one message waits for; default 10 s. */
  readonly deadlineMs?: number;
  /** A fault of ours or of mailauth's: the message's results are `temperror`. */
  readonly onFailure?: (error: unknown) => void;
}
