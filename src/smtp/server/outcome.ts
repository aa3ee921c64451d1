import { type Reply, reply } from "../reply.ts";
import type { ContentTransfer } from "./content-transfer.ts";
import type { CloseReason } from "./options.ts";

/** What a command leads to: a reply, and what the session does once it is on its way. */
export interface Outcome {
  /** Null: it comes when the content is there. */
  readonly reply: Reply | null;
  readonly next?:
    | { readonly kind: "close"; readonly reason: CloseReason }
    | { readonly kind: "tls" }
    | { readonly kind: "content"; readonly transfer: ContentTransfer };
}

export function say(code: number, enhanced: string | null, text: string): Outcome {
  return { reply: reply(code, enhanced, text) };
}
