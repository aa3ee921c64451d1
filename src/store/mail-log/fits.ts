import type { LoggedMessage, LoggedReceived, LoggedSubmitted, MailLogFilter } from "../../mail-log/index.ts";
import { addressWord, domainPart, domainWord, identityWord, wantedWord } from "./terms.ts";

/** Whether a message is what was searched for, whatever led to it; its time aside. */
export function fits(message: LoggedMessage, filter: MailLogFilter): boolean {
  const { client } = filter;
  if (client !== undefined && client.toLowerCase() !== message.client) return false;
  return message.direction === "in" ? fitsReceived(message, filter) : fitsSubmitted(message, filter);
}

function fitsReceived(message: LoggedReceived, filter: MailLogFilter): boolean {
  const { from, to, identity, kid, result, reason, action, domain, messageId } = filter;
  const is = (wanted: string | undefined, value: string | null): boolean =>
    wanted === undefined || wanted === value;
  const authors = (): string[] => [...message.from, message.reversePath].map(addressWord);
  const signer = (): string[] => (message.identity === null ? [] : [identityWord(message.identity)]);
  return (
    is(result, message.result) &&
    is(reason, message.reason) &&
    is(action, message.action) &&
    is(kid, message.kid) &&
    is(messageId, message.messageId) &&
    (from === undefined || has(authors(), from)) &&
    (to === undefined || isRecipient(message, to)) &&
    (identity === undefined || has(signer(), identity)) &&
    (domain === undefined || has([...authors(), ...signer()], domainWord(domain)))
  );
}

/** Its recipients are not written down: who was searched for was found by his term. */
function fitsSubmitted(
  { identity: written, kids }: LoggedSubmitted,
  { from, identity, kid, domain }: MailLogFilter,
): boolean {
  const signer = [identityWord(written)];
  return (
    (kid === undefined || kids.includes(kid)) &&
    (from === undefined || has(signer, from)) &&
    (identity === undefined || has(signer, identity)) &&
    (domain === undefined || has(signer, domainWord(domain)))
  );
}

/** Who is not among those that were written down was found by his term, or may be there. */
function isRecipient({ recipients, recipientCount }: LoggedReceived, wanted: string): boolean {
  return recipientCount > recipients.length || has(recipients.map(addressWord), wanted);
}

function has(addresses: readonly string[], wanted: string): boolean {
  const word = wantedWord(wanted);
  return addresses.some((address) => (word.startsWith("@") ? domainPart(address) : address) === word);
}
