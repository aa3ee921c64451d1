import type { MilterTransaction } from "../milter/index.ts";
import { newMessageId } from "../queue/index.ts";
import type { Reception } from "../reception/index.ts";
import type { FilterEvent } from "./filter-event.ts";

export type Seen = Pick<FilterEvent, "id" | "transaction" | "queueId" | "at">;

/** What both jobs use. */
export interface Shared {
  /** In these names nobody but we may write results (REC-2). */
  readonly authservIds: readonly string[];
  readonly reception: Reception;
  readonly clock: { now(): number };
  readonly onEvent: (event: FilterEvent) => void;
}

/** What each event says of its message. */
export function seen(transaction: MilterTransaction, at: number): Seen {
  return { id: newMessageId(at), transaction, queueId: transaction.macros.get("i") ?? "", at };
}

/** The user's or the other server's address, for logs; empty where it came by no network. */
export function clientOf({ connection: { family, address } }: MilterTransaction): string {
  return family === "inet" || family === "inet6" ? (address ?? "") : "";
}

/** RFC 6531 §3.4 */
export function isSmtpUtf8({ sender }: MilterTransaction): boolean {
  return sender.parameters.some((parameter) => parameter.toUpperCase() === "SMTPUTF8");
}
