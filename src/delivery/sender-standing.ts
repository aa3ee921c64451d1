import type { LeasedMessage, WorkResult } from "../queue/index.ts";
import { describe, type RecipientResult } from "./result.ts";

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

/**
 * What becomes of a message that must not be sent: nobody is told, for its account is not whose it was.
 *
 * @param results of those to whom it was sent before it was stopped
 */
export function stoppedResult(
  message: LeasedMessage,
  because: string,
  fate: "hold" | "remove",
  results: readonly RecipientResult[],
): WorkResult {
  const delivered = results
    .filter(({ kind }) => kind === "delivered")
    .map((result) => ({ index: result.index, kind: "delivered" as const, detail: describe(result) }));
  const nothing = { attempted: false, warned: false, reports: [] };
  if (fate === "hold") return { ...nothing, outcomes: delivered, hold: because };
  const others = message.recipients.filter(({ index }) => delivered.every((one) => one.index !== index));
  const failed = others.map(({ index }) => ({ index, kind: "failed" as const, detail: because }));
  return { ...nothing, outcomes: [...delivered, ...failed] };
}
