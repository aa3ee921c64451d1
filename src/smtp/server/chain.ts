import type { Awaitable } from "./handler.ts";

/** Goes on at once where the handler answered at once: no turn of the event loop is spent on it. */
export function chain<A, B>(value: Awaitable<A>, next: (value: A) => Awaitable<B>): Awaitable<B> {
  return value instanceof Promise ? value.then(next) : next(value);
}
