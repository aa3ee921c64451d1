import type { Mailbox } from "../mailbox.ts";
import { isPositive, type Reply, reply } from "../reply.ts";
import type { Conversation } from "./conversation.ts";
import type { Awaitable, DataSink } from "./handler.ts";
import type { CloseReason, ServerSettings } from "./options.ts";
import type { Command } from "./parse-command.ts";
import type { MailParameters } from "./parse-parameters.ts";
import { decodeBase64, type SaslExchange, type SaslStep, saslExchange, saslMechanisms } from "./sasl.ts";

/** What a command leads to: a reply, and what the session does once it is on its way. */
export interface Outcome {
  readonly reply: Reply;
  readonly next?:
    | { readonly kind: "close"; readonly reason: CloseReason }
    | { readonly kind: "tls" }
    | { readonly kind: "sasl"; readonly exchange: SaslExchange }
    | { readonly kind: "data"; readonly sink: DataSink };
}

/** Carries out one command (RFC 5321 §4.1.1, order of commands §4.1.4). Rejects when the handler does. */
export function execute<User>(
  conversation: Conversation<User>,
  command: Command,
  settings: ServerSettings<User>,
): Awaitable<Outcome> {
  if (idleVerbs.has(command.verb) && ++conversation.idleCommands > settings.limits.idleCommands) {
    const text = "Too many commands without a message, closing";
    return { reply: reply(421, "4.7.0", text), next: { kind: "close", reason: "too-many-idle-commands" } };
  }
  if (
    settings.tlsMode === "starttls-required" &&
    conversation.tls === null &&
    !verbsInClear.has(command.verb)
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
      return rcpt(conversation, command.recipient, settings);
    case "DATA":
      return data(conversation, settings);
    case "RSET":
      conversation.transaction = null;
      return say(250, "2.0.0", "Ok");
    case "STARTTLS":
      return startTls(conversation, settings);
    case "AUTH":
      return auth(conversation, command.mechanism, command.initial, settings);
    case "NOOP":
      return say(250, "2.0.0", "Ok");
    case "HELP":
      return say(214, "2.0.0", "EHLO HELO MAIL RCPT DATA RSET NOOP VRFY AUTH STARTTLS QUIT (RFC 5321)");
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
]);

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

function hello<User>(
  conversation: Conversation<User>,
  verb: "EHLO" | "HELO",
  name: string,
  settings: ServerSettings<User>,
): Outcome {
  // RFC 5321 §4.1.4: EHLO in the middle of a session has the effect of RSET.
  conversation.transaction = null;
  conversation.helo = name;
  conversation.extended = verb === "EHLO";
  if (verb === "HELO") return say(250, null, settings.hostname);
  const lines = [
    `${settings.hostname} greets ${name}`,
    "PIPELINING",
    `SIZE ${settings.limits.messageOctets}`,
  ];
  if (offersStartTls(conversation, settings)) lines.push("STARTTLS");
  if (conversation.tls !== null && settings.handler.authenticate !== undefined) {
    lines.push(`AUTH ${saslMechanisms.join(" ")}`);
  }
  lines.push("ENHANCEDSTATUSCODES", "8BITMIME", "SMTPUTF8", "HELP", ...settings.extensions);
  return { reply: reply(250, null, lines) };
}

function offersStartTls<User>(conversation: Conversation<User>, settings: ServerSettings<User>): boolean {
  return conversation.tls === null && settings.tlsMode !== "plain";
}

function mail<User>(
  conversation: Conversation<User>,
  reversePath: Mailbox | null,
  parameters: MailParameters,
  settings: ServerSettings<User>,
): Awaitable<Outcome> {
  if (conversation.helo === null) return say(503, "5.5.1", "Send EHLO first");
  if (settings.requireAuth && conversation.user === null) return say(530, "5.7.0", "Authentication required");
  if (conversation.transaction !== null) return say(503, "5.5.1", "A transaction is under way already");
  if (parameters.any && !conversation.extended) return say(555, "5.5.4", "Parameters need EHLO");
  if ((parameters.declaredOctets ?? 0) > settings.limits.messageOctets)
    return say(552, "5.3.4", tooBig(settings));
  conversation.transactions++;
  const transaction = {
    id: `${conversation.id}.${conversation.transactions}`,
    reversePath,
    recipients: [],
    declaredOctets: parameters.declaredOctets,
    body: parameters.body,
    smtputf8: parameters.smtputf8,
  };
  return chain(settings.handler.mail?.(conversation, transaction) ?? null, (answer) => {
    if (answer === null || isPositive(answer)) conversation.transaction = transaction;
    return { reply: answer ?? reply(250, "2.1.0", "Sender ok") };
  });
}

export function tooBig<User>(settings: ServerSettings<User>): string {
  return `The message is larger than ${settings.limits.messageOctets} octets`;
}

function rcpt<User>(
  conversation: Conversation<User>,
  recipient: Mailbox,
  settings: ServerSettings<User>,
): Awaitable<Outcome> {
  const transaction = conversation.transaction;
  if (transaction === null) return say(503, "5.5.1", "Send MAIL first");
  if (!recipient.ascii && !transaction.smtputf8) {
    return say(553, "5.6.7", "A non-ASCII address needs SMTPUTF8");
  }
  if (transaction.recipients.length >= settings.limits.recipients) {
    // RFC 5321 §4.5.3.1.10.
    return say(452, "4.5.3", "Too many recipients, send the others in another transaction");
  }
  return chain(settings.handler.rcpt?.(conversation, recipient, transaction) ?? null, (answer) => {
    if (answer === null || isPositive(answer)) transaction.recipients.push(recipient);
    return { reply: answer ?? reply(250, "2.1.5", "Recipient ok") };
  });
}

function data<User>(conversation: Conversation<User>, settings: ServerSettings<User>): Awaitable<Outcome> {
  const transaction = conversation.transaction;
  if (transaction === null) return say(503, "5.5.1", "Send MAIL first");
  if (transaction.recipients.length === 0) return say(554, "5.5.1", "No valid recipients");
  return chain(settings.handler.data(conversation, transaction), (answer) =>
    "code" in answer
      ? { reply: answer }
      : { reply: reply(354, null, "End data with <CR><LF>.<CR><LF>"), next: { kind: "data", sink: answer } },
  );
}

function startTls<User>(conversation: Conversation<User>, settings: ServerSettings<User>): Outcome {
  if (settings.tlsMode === "plain") return say(502, "5.5.1", "STARTTLS is not offered");
  if (conversation.tls !== null) return say(503, "5.5.1", "TLS is active already");
  return { reply: reply(220, "2.0.0", "Ready to start TLS"), next: { kind: "tls" } };
}

/** RFC 4954 §4. */
function auth<User>(
  conversation: Conversation<User>,
  mechanism: string,
  initial: string | null,
  settings: ServerSettings<User>,
): Awaitable<Outcome> {
  if (settings.handler.authenticate === undefined) return say(502, "5.5.1", "AUTH is not offered");
  if (conversation.tls === null) return say(538, "5.7.11", "Encryption is required for authentication");
  if (!conversation.extended) return say(503, "5.5.1", "Send EHLO first");
  if (conversation.user !== null) return say(503, "5.5.1", "Authenticated already");
  if (conversation.transaction !== null) return say(503, "5.5.1", "Not during a transaction");
  const exchange = saslExchange(mechanism);
  if (exchange === null) return say(504, "5.5.4", "Mechanism is not supported");
  if (initial === null) return saslOutcome(conversation, exchange, exchange.start(null), settings);
  const octets = initial === "=" ? Buffer.alloc(0) : decodeBase64(initial);
  if (octets === null) return say(501, "5.5.2", "The initial response is not base64");
  return saslOutcome(conversation, exchange, exchange.start(octets), settings);
}

/** The client's answer to a 334 challenge: one line of base64, or `*` to give up (RFC 4954 §4). */
export function respond<User>(
  conversation: Conversation<User>,
  exchange: SaslExchange,
  line: string,
  settings: ServerSettings<User>,
): Awaitable<Outcome> {
  if (line === "*") return say(501, "5.7.0", "Authentication cancelled");
  const octets = decodeBase64(line);
  if (octets === null) return say(501, "5.5.2", "The response is not base64");
  return saslOutcome(conversation, exchange, exchange.respond(octets), settings);
}

function saslOutcome<User>(
  conversation: Conversation<User>,
  exchange: SaslExchange,
  step: SaslStep,
  settings: ServerSettings<User>,
): Awaitable<Outcome> {
  if (step.kind === "challenge") {
    return { reply: reply(334, null, step.base64), next: { kind: "sasl", exchange } };
  }
  if (step.kind === "malformed") return authFailed(conversation, null, null, settings);
  const { handler } = settings;
  return chain(handler.authenticate?.(conversation, step.credentials) ?? { ok: false as const }, (result) => {
    if (!result.ok) return authFailed(conversation, step.credentials.authcid, result.reply ?? null, settings);
    conversation.user = result.user;
    return say(235, "2.7.0", "Authentication successful");
  });
}

function authFailed<User>(
  conversation: Conversation<User>,
  authcid: string | null,
  answer: Reply | null,
  settings: ServerSettings<User>,
): Awaitable<Outcome> {
  if (answer !== null && answer.code < 500) return { reply: answer };
  settings.onEvent({ kind: "auth-failed", session: conversation, authcid });
  conversation.authFailures++;
  const outcome: Outcome =
    conversation.authFailures < settings.limits.authFailures
      ? { reply: answer ?? reply(535, "5.7.8", "Authentication failed") }
      : {
          reply: reply(421, "4.7.0", "Too many failed authentications, closing"),
          next: { kind: "close", reason: "too-many-auth-failures" },
        };
  const delayMs = settings.deadlines.authFailureDelayMs;
  // A guesser on one connection is slowed down; the limit makes him reconnect, where other limits see him.
  return delayMs === 0 ? outcome : new Promise((resolve) => setTimeout(resolve, delayMs, outcome));
}

function say(code: number, enhanced: string | null, text: string): Outcome {
  return { reply: reply(code, enhanced, text) };
}

/** Goes on at once where the handler answered at once: no turn of the event loop is spent on it. */
function chain<A, B>(value: Awaitable<A>, next: (value: A) => Awaitable<B>): Awaitable<B> {
  return value instanceof Promise ? value.then(next) : next(value);
}
