import { type Expanded, ownResult, type Result } from "../delivery/index.ts";
import type { NewMessage } from "../queue/index.ts";

/** @param text reaches senders who ask for it: it names no address that the message goes on to */
export function passedOn(messages: readonly NewMessage[], text: string): Expanded {
  return { result: done(text), messages };
}

/** It ends here, and nobody is told. */
export function dropped(because: string): Expanded {
  return { result: done(`dropped: ${because}`), messages: [] };
}

/** It stays in the mailbox alone. */
export function keptOnly(because: string): Expanded {
  return { result: done(`not passed on: ${because}`), messages: [] };
}

/** @param enhanced its class says whether there is another attempt */
export function notNow(enhanced: string, because: string): Expanded {
  return { result: ownResult(enhanced, because), messages: [] };
}

function done(text: string): Result {
  return { kind: "delivered", code: null, enhanced: "2.1.5", text, remote: null, onward: "forwarded" };
}
