import { type Reply, reply } from "../reply.ts";
import type { Awaitable, DataSink } from "./handler.ts";
import type { CloseReason } from "./options.ts";

/** What a command leads to: a reply, and what the session does once it is on its way. */
export interface Outcome {
  readonly reply: Reply;
  readonly next?:
    | { readonly kind: "close"; readonly reason: CloseReason }
    | { readonly kind: "tls" }
    | { readonly kind: "data"; readonly sink: DataSink };
}

export function say(code: number, enhanced: string | null, text: string): Outcome {
  return { reply: reply(code, enhanced, text) };
}

/** Goes on at once where the handler answered at once: no turn of the event loop is spent on it. */
export function chain<A, B>(value: Awaitable<A>, next: (value: A) => Awaitable<B>): Awaitable<B> {
  return value instanceof Promise ? value.then(next) : next(value);
}
