import { type Failure, ownFailure, replyFailure } from "./outcome.ts";
import type { ServerReply } from "./reply-reader.ts";
import type { Wire } from "./wire.ts";

export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/**
 * AUTH PLAIN (RFC 4616), or LOGIN where a server has nothing better. Null when it succeeded. No failure is for good: it
 * is an operator's mistake, or the other side's trouble, and no sender's mail shall come back for it.
 */
export async function logIn(
  wire: Wire,
  mechanisms: readonly string[],
  credentials: Credentials,
  deadlineMs: number,
): Promise<Failure | null> {
  let answer: ServerReply;
  if (mechanisms.includes("PLAIN")) {
    const octets = base64(`\0${credentials.user}\0${credentials.password}`);
    answer = await say(wire, `AUTH PLAIN ${octets}`, "AUTH PLAIN (credentials)", deadlineMs);
  } else if (mechanisms.includes("LOGIN")) {
    answer = await say(wire, "AUTH LOGIN", "AUTH LOGIN", deadlineMs);
    // What the two challenges say is for people: the first asks for the name, the second for the password.
    for (const word of [credentials.user, credentials.password]) {
      if (answer.code === 334) answer = await say(wire, base64(word), "(credentials)", deadlineMs);
    }
  } else return ownFailure("auth", "4.7.9", "the server offers neither AUTH PLAIN nor LOGIN");
  if (answer.code === 235) return null;
  const failure = replyFailure("auth", answer);
  // RFC 4954 §6: 5.7.8 for credentials that are wrong.
  const enhanced = answer.enhanced ?? (answer.code === 535 ? "5.7.8" : failure.enhanced);
  return { ...failure, status: "deferred", enhanced: enhanced.replace(/^5/, "4") };
}

function say(wire: Wire, line: string, shown: string, deadlineMs: number): Promise<ServerReply> {
  wire.send([line], [shown]);
  return wire.reply(deadlineMs);
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
