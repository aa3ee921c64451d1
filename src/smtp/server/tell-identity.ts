import { type ClientIdentity, unknownClient } from "../client-identity.ts";
import { isPositive, type Reply, reply } from "../reply.ts";
import { chain } from "./chain.ts";
import type { Conversation } from "./conversation.ts";
import type { Assertion, Awaitable, SmtpHandler } from "./handler.ts";
import type { ServerSettings } from "./options.ts";
import { type Outcome, say } from "./outcome.ts";
import {
  type GivenIdentity,
  type IdentityCommand,
  identityAttributes,
  parseIdentity,
} from "./parse-identity.ts";
import { trustIn } from "./trusted-hosts.ts";

// XCLIENT and XFORWARD: a trusted host says whose mail it brings. Where that fails, mail does not pass as the host's own
// instead: hosts that are trusted may often do more than others.

/** The attributes that this host may give. LOGIN only where somebody can say who that is. */
export function offeredAttributes<User>(
  command: IdentityCommand,
  handler: SmtpHandler<User>,
): readonly string[] {
  const all = identityAttributes[command];
  return handler.assert === undefined ? all.filter((name) => name !== "LOGIN") : all;
}

/**
 * XCLIENT: the session with one client ends, and that with another begins, on the same connection. What earlier
 * commands have told stays (XCLIENT_README, "Server response").
 */
export function xclient<User>(
  conversation: Conversation<User>,
  argument: string,
  settings: ServerSettings<User>,
): Awaitable<Outcome> {
  const { handler, hostname } = settings;
  if (!conversation.trust.xclient) return notImplemented();
  if (conversation.transaction !== null) return say(503, "5.5.1", "Not during a transaction");
  const given = parseIdentity("XCLIENT", argument, offeredAttributes("XCLIENT", handler));
  if ("code" in given) {
    conversation.refusal = reply(451, "4.3.5", "XCLIENT was not understood");
    return { reply: given };
  }
  const { address = null } = given;
  if (address !== null && !conversation.countAs(address)) {
    return say(421, "4.7.0", "Too many connections, try again later");
  }
  const identity: ClientIdentity = { ...toldBefore(conversation, given), ...given };
  handler.disconnect?.(conversation);
  conversation.restart(identity);
  // The client's host may pass on what the client says, and this is not for the client to say.
  if (address !== null) conversation.trust = trustIn(address, settings.trusted);
  conversation.refusal = reply(451, "4.3.0", "XCLIENT could not be carried out");
  const outcome = chain(handler.connect?.(conversation) ?? null, (answer): Awaitable<Outcome> => {
    if (answer !== null && !isPositive(answer)) {
      return { reply: answer, next: { kind: "close", reason: "refused" } };
    }
    return chain(askWho(conversation, identity.login, handler), (refusal) => {
      conversation.refusal = refusal;
      return { reply: refusal ?? reply(220, null, `${hostname} ESMTP`) };
    });
  });
  if (outcome instanceof Promise) conversation.takeover = outcome.then(ignore, ignore);
  return outcome;
}

function ignore(): void {}

/**
 * What earlier commands have told of the same client, where it is told by several. One who has another address is another client;
 * and behind EHLO nobody is the user who was named before it, unless he is named again.
 */
function toldBefore<User>(
  { toldBySession, saidHelo }: Conversation<User>,
  given: GivenIdentity,
): ClientIdentity {
  if (toldBySession === null || (given.address !== undefined && toldBySession.address !== null)) {
    return unknownClient;
  }
  return saidHelo === null ? toldBySession : { ...toldBySession, login: null };
}

/** Null when the user is known by now, or nobody is to be. */
function askWho<User>(
  conversation: Conversation<User>,
  login: string | null,
  handler: SmtpHandler<User>,
): Awaitable<Reply | null> {
  if (login === null) return null;
  return chain(handler.assert?.(conversation, login) ?? refused, (answer) => {
    if (answer.kind === "refused") return answer.reply ?? unknownLogin;
    conversation.user = answer.user;
    conversation.asserted = true;
    return null;
  });
}

const refused: Assertion<never> = { kind: "refused" };
const unknownLogin = reply(550, "5.7.1", "LOGIN is nobody here");

/** XFORWARD: whose the next message is. */
export function xforward<User>(
  conversation: Conversation<User>,
  argument: string,
  { handler }: ServerSettings<User>,
): Outcome {
  if (!conversation.trust.xforward) return notImplemented();
  if (conversation.saidHelo === null) return say(503, "5.5.1", "Send EHLO first");
  if (conversation.transaction !== null) return say(503, "5.5.1", "Not during a transaction");
  const given = parseIdentity("XFORWARD", argument, offeredAttributes("XFORWARD", handler));
  if ("code" in given) {
    conversation.messageRefusal = reply(451, "4.3.5", "XFORWARD was not understood");
    return { reply: given };
  }
  conversation.toldByMessage = { ...(conversation.toldByMessage ?? unknownClient), ...given };
  return say(250, "2.0.0", "Ok");
}

/** RFC 5321 §4.2.4, and no word more to those who may not. */
function notImplemented(): Outcome {
  return say(502, "5.5.1", "Command not implemented");
}
