import type { LoggedMessage } from "../../mail-log/index.ts";

/** `2026-11-26 04:50:11`, UTC. */
export function timeText(at: number): string {
  return new Date(at).toISOString().slice(0, 19).replace("T", " ");
}

/** `pass`, `fail body`; of mail that users hand in we sign ourselves. */
export function verdictText(message: LoggedMessage): string {
  if (message.direction === "out") return "handed in";
  const { result, reason } = message;
  return reason === null || reason === "unsigned" ? result : `${result} ${reason}`;
}

/** What people see as its sender. */
export function fromText(message: LoggedMessage): string {
  if (message.direction === "out") return message.identity;
  const [first = message.reversePath, ...others] = message.from;
  if (first === "") return "<>";
  return others.length === 0 ? first : `${first} +${others.length}`;
}

export function toText(message: LoggedMessage): string {
  const { recipientCount: count } = message;
  const first = message.direction === "in" ? message.recipients[0] : undefined;
  if (first === undefined) return count === 1 ? "1 recipient" : `${count} recipients`;
  return count === 1 ? first : `${first} +${count - 1}`;
}

/** Who answers for it, where that is not the sender himself. */
export function signerText(message: LoggedMessage): string {
  const { identity } = message;
  return identity === null || identity === fromText(message) ? "" : identity;
}
