import type { Mailbox } from "../mailbox.ts";
import { isPositive, type Reply, reply } from "../reply.ts";
import { authenticate } from "./authentication.ts";
import { chain } from "./chain.ts";
import { bdat, data } from "./content-commands.ts";
import type { Conversation, Transaction } from "./conversation.ts";
import type { Awaitable, EnvelopeRecipient } from "./handler.ts";
import { smallChunkOctets } from "./limits.ts";
import { offeredExtensions, offers } from "./offered-extensions.ts";
import type { ServerSettings } from "./options.ts";
import { type Outcome, say } from "./outcome.ts";
import type { Command } from "./parse-command.ts";
import { type MailParameters, type RcptParameters, unknownParameter } from "./parse-parameters.ts";
import { xclient, xforward } from "./tell-identity.ts";

/** Carries out one command (RFC 5321 §4.1.1, order of commands §4.1.4). Rejects when the handler does. */
export function execute<User>(
  conversation: Conversation<User>,
  command: Command,
  settings: ServerSettings<User>,
): Awaitable<Outcome> {
  if (isIdle(command) && ++conversation.idleCommands > settings.limits.idleCommands) {
    const text = "Too many commands without a message, closing";
    return { reply: reply(421, "4.7.0", text), next: { kind: "close", reason: "too-many-idle-commands" } };
  }
  if (
    settings.tlsMode === "starttls-required" &&
    conversation.tls === null &&
    !verbsInClear.has(command.verb) &&
    !needsNoTls(conversation, command)
  ) {
    return say(530, "5.7.0", "Must issue a STARTTLS command first");
  }
  switch (command.verb) {
    case "EHLO":
    case "HELO":
      return hello(conversation, command.verb, command.name, settings);
    case "MAIL":
      return mail(conversation, command.reversePath, command.parameters, settings);
    case "RCPT":
      return rcpt(conversation, command.recipient, command.parameters, settings);
    case "DATA":
      return data(conversation, settings);
    case "BDAT":
      if (offers("CHUNKING", conversation, settings)) return bdat(conversation, settings);
      return {
        reply: reply(502, "5.5.1", "BDAT is not offered"),
        next: { kind: "close", reason: "not-smtp" },
      };
    case "RSET":
      conversation.endTransaction("reset");
      return say(250, "2.0.0", "Ok");
    case "STARTTLS":
      return startTls(conversation, settings);
    case "AUTH":
      return authenticate(conversation, command.mechanism, command.initial, settings);
    case "XCLIENT":
      return xclient(conversation, command.argument, settings);
    case "XFORWARD":
      return xforward(conversation, command.argument, settings);
    case "NOOP":
      return say(250, "2.0.0", "Ok");
    case "HELP":
      return say(214, "2.0.0", "EHLO HELO MAIL RCPT DATA BDAT RSET NOOP VRFY AUTH STARTTLS QUIT (RFC 5321)");
    case "VRFY":
      // RFC 5321 §3.5.3: 252 keeps harvesters from learning which mailboxes exist.
      return say(252, "2.0.0", "Cannot verify the address, but will try to deliver to it");
    case "EXPN":
      return say(502, "5.5.1", "Lists are not expanded");
    case "QUIT":
      return { reply: reply(221, "2.0.0", "Bye"), next: { kind: "close", reason: "quit" } };
    case "wrong":
      return { reply: command.reply };
    case "foreign":
      return { reply: command.reply, next: { kind: "close", reason: "not-smtp" } };
  }
}

/** Commands that bring no message nearer. */
const idleVerbs: ReadonlySet<Command["verb"]> = new Set([
  "NOOP",
  "RSET",
  "HELP",
  "VRFY",
  "EXPN",
  "EHLO",
  "HELO",
  "XCLIENT",
  "XFORWARD",
]);

/** Very small chunks too: they would cost us more than the client. */
export function isIdle(command: Command): boolean {
  if (command.verb === "BDAT") return command.octets < smallChunkOctets && !command.last;
  return idleVerbs.has(command.verb);
}

/** RFC 3207 §4; a command that is wrong gets its own answer. */
const verbsInClear: ReadonlySet<Command["verb"]> = new Set([
  "EHLO",
  "HELO",
  "NOOP",
  "QUIT",
  "STARTTLS",
  "wrong",
  "foreign",
]);

/**
 * A trusted host needs no TLS to say who it is, nor those whom it has named: no password is sent. Where it could not name
 * them, they shall hear why.
 */
function needsNoTls<User>({ trust, asserted, refusal }: Conversation<User>, { verb }: Command): boolean {
  return (verb === "XCLIENT" && trust.xclient) || ((asserted || refusal !== null) && verb !== "AUTH");
}

function hello<User>(
  conversation: Conversation<User>,
  verb: "EHLO" | "HELO",
  name: string,
  settings: ServerSettings<User>,
): Outcome {
  // RFC 5321 §4.1.4: EHLO in the middle of a session has the effect of RSET.
  conversation.endTransaction("reset");
  conversation.saidHelo = name;
  conversation.extended = verb === "EHLO";
  if (verb === "HELO") return say(250, null, settings.hostname);
  const lines = [`${settings.hostname} greets ${name}`, ...offeredExtensions(conversation, settings)];
  return { reply: reply(250, null, lines) };
}

/** RFC 5321 §4.1.1.11: parameters are for those who said EHLO, and for extensions that were offered to them. */
function refuseParameters<User>(
  conversation: Conversation<User>,
  parameters: MailParameters | RcptParameters,
  settings: ServerSettings<User>,
): Reply | null {
  if (!parameters.any) return null;
  if (!conversation.extended) return reply(555, "5.5.4", "Parameters need EHLO");
  for (const [extension, keyword] of parameters.needs ?? []) {
    if (!offers(extension, conversation, settings)) return unknownParameter(keyword);
  }
  return null;
}

function mail<User>(
  conversation: Conversation<User>,
  reversePath: Mailbox | null,
  parameters: MailParameters,
  settings: ServerSettings<User>,
): Awaitable<Outcome> {
  if (conversation.saidHelo === null) return say(503, "5.5.1", "Send EHLO first");
  const notTold = conversation.refusal ?? conversation.messageRefusal;
  if (notTold !== null) return { reply: notTold };
  if (settings.requireAuth && conversation.user === null) return say(530, "5.7.0", "Authentication required");
  if (conversation.transaction !== null) return say(503, "5.5.1", "A transaction is under way already");
  const refused = refuseParameters(conversation, parameters, settings);
  if (refused !== null) return { reply: refused };
  if ((parameters.declaredOctets ?? 0) > settings.limits.messageOctets)
    return say(552, "5.3.4", tooBig(settings));
  conversation.transactions++;
  const transaction: Transaction = {
    id: `${conversation.id}.${conversation.transactions}`,
    reversePath,
    recipients: [],
    transfer: null,
    declaredOctets: parameters.declaredOctets,
    requireTls: parameters.requireTls,
    returned: parameters.returned,
    envelopeId: parameters.envelopeId,
    body: parameters.body,
    smtputf8: parameters.smtputf8,
    submitter: conversation.trust.mailAuth ? parameters.submitter : null,
  };
  return chain(settings.handler.mail?.(conversation, transaction) ?? null, (answer) => {
    if (answer === null || isPositive(answer)) conversation.transaction = transaction;
    return { reply: answer ?? reply(250, "2.1.0", "Sender ok") };
  });
}

function tooBig<User>(settings: ServerSettings<User>): string {
  return `The message is larger than ${settings.limits.messageOctets} octets`;
}

function rcpt<User>(
  conversation: Conversation<User>,
  mailbox: Mailbox,
  parameters: RcptParameters,
  settings: ServerSettings<User>,
): Awaitable<Outcome> {
  const transaction = conversation.transaction;
  if (transaction === null) return say(503, "5.5.1", "Send MAIL first");
  const refused = refuseParameters(conversation, parameters, settings);
  if (refused !== null) return { reply: refused };
  if (transaction.transfer !== null) return say(503, "5.5.1", "The content has begun");
  const { notify, originalRecipient } = parameters;
  if (!transaction.smtputf8 && !(mailbox.ascii && isAscii(originalRecipient ?? ""))) {
    return say(553, "5.6.7", "A non-ASCII address needs SMTPUTF8");
  }
  if (transaction.recipients.length >= settings.limits.recipients) {
    // RFC 5321 §4.5.3.1.10.
    return say(452, "4.5.3", "Too many recipients, send the others in another transaction");
  }
  const recipient: EnvelopeRecipient = { ...mailbox, notify, originalRecipient };
  return chain(settings.handler.rcpt?.(conversation, recipient, transaction) ?? null, (answer) => {
    if (answer === null || isPositive(answer)) transaction.recipients.push(recipient);
    return { reply: answer ?? reply(250, "2.1.5", "Recipient ok") };
  });
}

function startTls<User>(conversation: Conversation<User>, settings: ServerSettings<User>): Outcome {
  if (settings.tlsMode === "plain") return say(502, "5.5.1", "STARTTLS is not offered");
  if (conversation.tls !== null) return say(503, "5.5.1", "TLS is active already");
  // Only XCLIENT names a user outside TLS. What follows the handshake may be anybody's (RFC 3207 §4.2).
  if (conversation.user !== null) return say(503, "5.5.1", "Logged in already");
  return { reply: reply(220, "2.0.0", "Ready to start TLS"), next: { kind: "tls" } };
}

function isAscii(text: string): boolean {
  return !/[^\0-\x7f]/.test(text);
}
