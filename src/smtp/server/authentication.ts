import { decodeBase64 } from "../../message/index.ts";
import { type Reply, reply } from "../reply.ts";
import { chain } from "./chain.ts";
import type { Authentication, Conversation } from "./conversation.ts";
import type { Awaitable } from "./handler.ts";
import { authOctets } from "./limits.ts";
import type { ServerSettings } from "./options.ts";
import { type Outcome, say } from "./outcome.ts";

// AUTH (RFC 4954) as a relay: between the client and the handler's exchange octets pass as they are, in base64.

const authenticationFailed = reply(535, "5.7.8", "Authentication failed");

/** What the reply to EHLO lists: nothing outside TLS, and nothing to be bound to what cannot be bound to. */
export function offeredMechanisms<User>(
  conversation: Conversation<User>,
  { handler }: ServerSettings<User>,
): readonly string[] {
  if (conversation.tls === null) return [];
  const mechanisms = handler.mechanisms?.(conversation) ?? [];
  return mechanisms.filter((mechanism) => conversation.channelBinding !== null || !isBinding(mechanism));
}

/** RFC 5801 §4: how mechanisms are named that bind to the TLS session. */
function isBinding(mechanism: string): boolean {
  return mechanism.endsWith("-PLUS");
}

/** RFC 4954 §4: the command. */
export function authenticate<User>(
  conversation: Conversation<User>,
  mechanism: string,
  initial: string | null,
  settings: ServerSettings<User>,
): Awaitable<Outcome> {
  const { handler } = settings;
  if (handler.authenticate === undefined) return say(502, "5.5.1", "AUTH is not offered");
  if (conversation.tls === null) return say(538, "5.7.11", "Encryption is required for authentication");
  if (!conversation.extended) return say(503, "5.5.1", "Send EHLO first");
  if (conversation.user !== null) return say(503, "5.5.1", "Authenticated already");
  if (conversation.transaction !== null) return say(503, "5.5.1", "Not during a transaction");
  const response = initial === null ? null : decodeInitial(initial);
  if (initial !== null && response === null) return say(501, "5.5.2", "The initial response is not base64");
  const { channelBinding } = conversation;
  const bindable = channelBinding !== null || !isBinding(mechanism);
  const exchange = bindable ? handler.authenticate(conversation, mechanism, channelBinding) : null;
  if (exchange === null) return say(504, "5.5.4", "Mechanism is not supported");
  conversation.authentication = { mechanism, exchange };
  return relay(conversation, conversation.authentication, response, settings);
}

/** RFC 4954 §4: `=` is an empty response, which base64 cannot show there. */
function decodeInitial(initial: string): Uint8Array | null {
  return initial === "=" ? new Uint8Array() : decodeBase64(initial);
}

/** The client's answer to a 334 challenge: one line of base64, or `*` to give up (RFC 4954 §4). */
export function respond<User>(
  conversation: Conversation<User>,
  authentication: Authentication<User>,
  line: string,
  settings: ServerSettings<User>,
): Awaitable<Outcome> {
  const response = line === "*" ? null : decodeBase64(line);
  if (response !== null) return relay(conversation, authentication, response, settings);
  conversation.cancelAuthentication();
  if (line === "*") return say(501, "5.7.0", "Authentication cancelled");
  return say(501, "5.5.2", "The response is not base64");
}

function relay<User>(
  conversation: Conversation<User>,
  authentication: Authentication<User>,
  response: Uint8Array | null,
  settings: ServerSettings<User>,
): Awaitable<Outcome> {
  return chain(authentication.exchange.respond(response), (step) => {
    // The client went away meanwhile, and the exchange was cancelled: what came of it counts for nothing.
    if (conversation.authentication !== authentication) return say(501, "5.7.0", "Authentication cancelled");
    if (step.kind === "challenge") return { reply: challenge(step.octets) };
    conversation.authentication = null;
    switch (step.kind) {
      case "accepted":
        conversation.user = step.user;
        return say(235, "2.7.0", "Authentication successful");
      case "malformed":
        return say(501, "5.5.2", `That is not ${authentication.mechanism}`);
      case "refused":
        return refuse(conversation, authentication.mechanism, step.reply ?? authenticationFailed, settings);
    }
  });
}

/** RFC 4954 §4: one line, whose length is bounded. */
function challenge(octets: Uint8Array): Reply {
  const base64 = Buffer.from(octets).toString("base64");
  if ("334 \r\n".length + base64.length > authOctets) {
    throw new Error(`a challenge of ${octets.length} octets does not fit in a line`);
  }
  return reply(334, null, base64);
}

function refuse<User>(
  conversation: Conversation<User>,
  mechanism: string,
  answer: Reply,
  settings: ServerSettings<User>,
): Awaitable<Outcome> {
  let outcome: Outcome = { reply: answer };
  if (answer.code >= 500) {
    settings.onEvent({ kind: "auth-failed", session: conversation, mechanism });
    conversation.authFailures++;
    if (conversation.authFailures >= settings.limits.authFailures) {
      const text = "Too many failed authentications, closing";
      outcome = {
        reply: reply(421, "4.7.0", text),
        next: { kind: "close", reason: "too-many-auth-failures" },
      };
    }
  }
  const delayMs = settings.deadlines.authFailureDelayMs;
  // A guesser on one connection is slowed down, also where he is put off (4xx); the limit of failures makes him
  // reconnect, where other limits see him.
  return delayMs === 0 ? outcome : new Promise((resolve) => setTimeout(resolve, delayMs, outcome));
}
