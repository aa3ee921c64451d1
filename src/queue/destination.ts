import { canonicalDomain } from "../message/index.ts";
import type { NewMessage, NewRecipient } from "./queued-message.ts";

/**
 * What is scheduled and rested together: the canonical domain of an address. Of address literals, and of what is no mail
 * domain, the text itself.
 *
 * @param hostname where Postmaster without a domain is (RFC 5321 §4.5.1)
 */
export function destinationOf(address: string, hostname: string): string {
  const at = address.lastIndexOf("@");
  if (at === -1) return hostname;
  return destinationName(address.slice(at + 1));
}

/** @param domain what stands behind the "@" of an address */
export function destinationName(domain: string): string {
  return canonicalDomain(domain) ?? domain.toLowerCase();
}

export interface DestinedMessage extends NewMessage {
  readonly destination: string;
}

/** One message for each destination, in the order in which they first occur; the first one keeps the id. */
export function splitByDestination(message: NewMessage, hostname: string): readonly DestinedMessage[] {
  const recipients = new Map<string, NewRecipient[]>();
  for (const recipient of message.recipients) {
    const destination = destinationOf(recipient.address, hostname);
    const others = recipients.get(destination);
    if (others === undefined) recipients.set(destination, [recipient]);
    else others.push(recipient);
  }
  if (recipients.size === 0) throw new RangeError("a message without recipients cannot be queued");
  return [...recipients].map(([destination, some], index) => ({
    ...message,
    id: index === 0 ? message.id : undefined,
    recipients: some,
    destination,
  }));
}
