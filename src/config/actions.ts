/** How far a receiver goes with mail that does not pass (ACT-4). */
export type Stage = "observe" | "enforce" | "require";

/** What a receiver does with a message; `defer` is the 451 that temperror gives by default. */
export type Action = "deliver" | "tag" | "quarantine" | "discard" | "reject" | "defer";

/** Results and reasons of a verdict whose action an operator may decide (ACT-8). */
export type Outcome = (typeof outcomes)[number];

export const outcomes = [
  ...(["pass", "neutral", "none", "fail", "temperror", "permerror"] as const), // results
  ...(["body", "signature", "identity", "no-keyserver", "no-key", "bad-key"] as const), // reasons of fail
  ...(["revoked", "suspended", "expired", "exact"] as const),
  ...(["syntax", "unavailable", "unsigned", "sender-only"] as const), // reasons of other results
] as const;

export type Actions = Readonly<Partial<Record<Outcome, Action>>>;
