import type { ServerReply } from "./reply-reader.ts";

/**
 * How far delivery had come. `connect` to `auth` concern the connection; `mail` to `content` one transaction:
 * `data` is the command, `content` what follows it up to the reply to the final dot.
 */
export type Stage =
  | "connect"
  | "greeting"
  | "ehlo"
  | "starttls"
  | "xclient"
  | "auth"
  | "mail"
  | "rcpt"
  | "data"
  | "content";

/** Why something was not done. */
export interface Failure {
  /** `deferred`: may work later (4xx, network, silence). `refused`: will not (5xx, or impossible with this server). */
  readonly status: "deferred" | "refused";
  readonly stage: Stage;
  /** The server's reply code; null when the client itself found the reason. */
  readonly code: number | null;
  /** Enhanced status code (RFC 3463): the server's, or the one that fits best. */
  readonly enhanced: string;
  /** The server's words, or the client's own; one line of printable text. */
  readonly text: string;
}

/** The server has taken responsibility (RFC 5321 §6.1). */
export interface Delivered {
  readonly status: "delivered";
  readonly stage: "content";
  readonly code: number;
  readonly enhanced: string;
  readonly text: string;
}

/** What became of one recipient. */
export type RecipientOutcome = { readonly recipient: string } & (Delivered | Failure);

export function delivered(reply: ServerReply): Delivered {
  return {
    status: "delivered",
    stage: "content",
    code: reply.code,
    enhanced: reply.enhanced ?? "2.0.0",
    text: replyText(reply),
  };
}

/** A failure in the server's words. */
export function replyFailure(stage: Stage, reply: ServerReply): Failure {
  const permanent = reply.code >= 500;
  return {
    status: permanent ? "refused" : "deferred",
    stage,
    code: reply.code,
    // RFC 3463 §3.1: X.0.0 where nothing more is known.
    enhanced: reply.enhanced ?? (permanent ? "5.0.0" : "4.0.0"),
    text: replyText(reply),
  };
}

function replyText(reply: ServerReply): string {
  return reply.lines.join(" ").trim();
}

/** A failure that the client found. */
export function ownFailure(stage: Stage, enhanced: string, text: string): Failure {
  return { status: enhanced.startsWith("5") ? "refused" : "deferred", stage, code: null, enhanced, text };
}
