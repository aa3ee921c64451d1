import { offeredMechanisms } from "./authentication.ts";
import type { Conversation } from "./conversation.ts";
import type { OptionalExtension } from "./optional-extension.ts";
import type { ServerSettings } from "./options.ts";
import { offeredAttributes } from "./tell-identity.ts";

/** What the reply to EHLO lists (RFC 5321 §4.1.1.1). */
export function offeredExtensions<User>(
  conversation: Conversation<User>,
  settings: ServerSettings<User>,
): string[] {
  const { limits, handler } = settings;
  const most = handler.withholds?.(conversation).messageOctets ?? limits.messageOctets;
  const lines = ["PIPELINING", `SIZE ${Math.min(most, limits.messageOctets)}`];
  if (conversation.tls === null && settings.tlsMode !== "plain") lines.push("STARTTLS");
  const mechanisms = offeredMechanisms(conversation, settings);
  if (mechanisms.length > 0) lines.push(`AUTH ${mechanisms.join(" ")}`);
  lines.push("ENHANCEDSTATUSCODES");
  for (const extension of ["8BITMIME", "SMTPUTF8", "CHUNKING", "DSN", "REQUIRETLS"] as const) {
    if (offers(extension, conversation, settings)) lines.push(extension);
  }
  const { trust } = conversation;
  for (const command of ["XCLIENT", "XFORWARD"] as const) {
    const isTrusted = command === "XCLIENT" ? trust.xclient : trust.xforward;
    if (isTrusted) lines.push(`${command} ${offeredAttributes(command, settings.handler).join(" ")}`);
  }
  // RFC 9422: a client that has more recipients need not try.
  lines.push(`LIMITS RCPTMAX=${limits.recipients}`, "HELP", ...settings.extensions);
  return lines;
}

/** RFC 8689 §2: REQUIRETLS is offered inside TLS only. */
export function offers<User>(
  extension: OptionalExtension,
  conversation: Conversation<User>,
  settings: ServerSettings<User>,
): boolean {
  if (settings.withheld.has(extension) || (extension === "REQUIRETLS" && conversation.tls === null))
    return false;
  return settings.handler.withholds?.(conversation).extensions.has(extension) !== true;
}
