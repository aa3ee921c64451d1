import type { LeasedMessage, WorkResult } from "../queue/index.ts";

/**
 * Whether the keys that signed a message are still good: their accounts may have been suspended or given new keys since
 * it was queued. Receivers then refuse it; so it is not sent at all.
 */
export interface SenderStanding {
  /**
   * Null: it may go, or nobody can tell now. Else why not, for people. Never rejects, and takes seconds at most.
   *
   * @param header reads the message's header; asked for only where it is needed
   */
  problem(message: LeasedMessage, header: () => Promise<Buffer>): Promise<string | null>;
}

/** Where nobody's standing is asked for. */
export const everythingGoes: SenderStanding = { problem: async () => null };

/** What becomes of a message that must not be sent: nobody is told, for its account is not whose it was. */
export function stoppedResult(message: LeasedMessage, because: string, fate: "hold" | "remove"): WorkResult {
  const outcomes = message.recipients.map(({ index }) => ({
    index,
    kind: "failed" as const,
    detail: because,
  }));
  const nothing = { attempted: false, warned: false, reports: [] };
  return fate === "hold" ? { ...nothing, outcomes: [], hold: because } : { ...nothing, outcomes };
}
