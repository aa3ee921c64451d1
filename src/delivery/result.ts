import type { QueuedRecipient } from "../queue/index.ts";
import type { Via } from "./security.ts";

/** What an attempt came to, in the terms of RFC 3463. */
export interface Result {
  readonly kind: "delivered" | "deferred" | "failed";
  /** The reply code of the other server; null when this host found the reason. */
  readonly code: number | null;
  /** Enhanced status code. */
  readonly enhanced: string;
  /** For people: the other server's words or ours. */
  readonly text: string;
  /** The host that said so; null when this host found the reason. */
  readonly remote: string | null;
  /** The server that was talked to, where there was one. */
  readonly via?: Via;
  /** Of `delivered`: into a mailbox, on to a server that reports further (RFC 3461) or that does not, or to other addresses. */
  readonly onward?: "mailbox" | "dsn" | "no-dsn" | "forwarded";
}

/** A result for one recipient of a message. */
export interface RecipientResult extends Result {
  /** As in the queue. */
  readonly index: number;
  readonly address: string;
}

/** A reason that this host found itself; its class decides whether there is another attempt. */
export function ownResult(enhanced: string, text: string): Result {
  return { kind: enhanced.startsWith("5") ? "failed" : "deferred", code: null, enhanced, text, remote: null };
}

/** The same result for several recipients. */
export function forEach(recipients: readonly QueuedRecipient[], result: Result): RecipientResult[] {
  return recipients.map(({ index, address }) => ({ ...result, index, address }));
}

/** One line for the queue and the log. */
export function describe({ code, enhanced, text, remote }: Result): string {
  const said = remote === null ? "" : `${remote} said: `;
  return `${said}${code === null ? "" : `${code} `}${enhanced} ${text}`;
}
