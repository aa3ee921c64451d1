import type { RecipientChange, Settlement } from "./queue-store.ts";
import type { LeasedMessage, NewMessage, QueuedRecipient } from "./queued-message.ts";
import type { RetrySchedule } from "./retry-schedule.ts";

/** What an attempt came to for one recipient; `detail` is the reply or the reason, for people. */
export interface RecipientOutcome {
  readonly index: number;
  readonly kind: "delivered" | "deferred" | "failed";
  readonly detail: string;
}

/** What a delivery did with a message that it held. */
export interface WorkResult {
  /** A recipient without one stays as it is. */
  readonly outcomes: readonly RecipientOutcome[];
  /** Its servers were tried: counts for the retry schedule. */
  readonly attempted: boolean;
  /** A report of the delay is among `reports`, or the sender wants none. */
  readonly warned: boolean;
  /** They are queued in the same transaction. */
  readonly reports: readonly NewMessage[];
  /** What goes on to other addresses for a recipient that is `delivered` by that; queued in the same transaction, too. */
  readonly forwards?: readonly NewMessage[];
  /** The message is to be held, for this reason, until an operator releases it. */
  readonly hold?: string;
  /** The sender has to be told something, and cannot be told now: the message comes again later. */
  readonly unreported?: boolean;
}

export interface SettlementTimes {
  readonly now: number;
  readonly retry: RetrySchedule;
  /** After how long the sender is told of a delay; null: never. */
  readonly warnAfterMs: number | null;
}

const maxDetail = 1_000;
const minute = 60_000;
/** What could not be reported waits no longer than this. */
const reportAgainMs = 60 * minute;
/** The last attempt comes so long before a message is given up. */
const lastAttemptMs = 5 * minute;

type Schedule = Pick<Settlement, "next" | "warned" | "wakeAt">;

/** What the queue records of it, without the lease and the reports. */
export function settlementOf(
  message: LeasedMessage,
  result: WorkResult,
  times: SettlementTimes,
): Pick<Settlement, "changes" | "attempted" | "next" | "warned" | "wakeAt"> {
  const changes = result.outcomes.map(({ index, kind, detail }) => {
    return { index, state: kind, detail: detail.slice(0, maxDetail) };
  });
  return {
    changes,
    attempted: result.attempted,
    ...schedule(message, result, times, isLeft(message.recipients, changes)),
  };
}

function isLeft(recipients: readonly QueuedRecipient[], changes: readonly RecipientChange[]): boolean {
  const gone = new Set(changes.filter(({ state }) => state !== "deferred").map(({ index }) => index));
  return recipients.some(({ index }) => !gone.has(index));
}

function schedule(
  message: LeasedMessage,
  { attempted, hold, unreported = false, ...result }: WorkResult,
  { now, retry, warnAfterMs }: SettlementTimes,
  left: boolean,
): Schedule {
  const { enqueuedAt, expiresAt, purpose } = message;
  const isLate = warnAfterMs !== null && now >= enqueuedAt + warnAfterMs;
  // Whoever was to warn, could, and did not will not want to the next time either.
  const warned = message.warned || (!unreported && (result.warned || (purpose === "warn" && isLate)));
  const warnAt = warned || warnAfterMs === null ? expiresAt : enqueuedAt + warnAfterMs;
  const wakeAt = Math.min(warnAt, expiresAt);
  if (!left) return { next: { kind: "gone" }, warned, wakeAt };
  if (hold !== undefined) return { next: { kind: "hold", because: hold }, warned, wakeAt };
  const retryAt = retry.next(message.attempts + (attempted ? 1 : 0) || 1, now);
  if (unreported) {
    const dueAt = Math.min(retryAt, now + reportAgainMs);
    const again = purpose === "bounce" ? dueAt : Math.max(dueAt, wakeAt);
    return { next: { kind: "wait", dueAt }, warned, wakeAt: again };
  }
  // It was to end and did not.
  if (purpose === "expired" || purpose === "bounce") {
    const dueAt = now + minute;
    return { next: { kind: "wait", dueAt }, warned, wakeAt: dueAt };
  }
  if (!attempted) return { next: { kind: "wait", dueAt: now }, warned, wakeAt };
  const lastAt = expiresAt - lastAttemptMs;
  const dueAt = now < lastAt ? Math.min(retryAt, lastAt) : Math.min(retryAt, expiresAt);
  return { next: { kind: "wait", dueAt: Math.max(dueAt, now) }, warned, wakeAt };
}
