import type { LoggedMessage, MailLogFilter } from "../../mail-log/index.ts";
import { addressWord, domainPart, domainWord, identityWord, wantedWord } from "./terms.ts";

/** Whether a message is what was searched for, whatever led to it; its time aside. */
export function fits(message: LoggedMessage, filter: MailLogFilter): boolean {
  const { from, to, identity, kid, result, reason, action, client, domain, messageId } = filter;
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
    is(client?.toLowerCase(), message.client) &&
    (from === undefined || has(authors(), from)) &&
    (to === undefined || isRecipient(message, to)) &&
    (identity === undefined || has(signer(), identity)) &&
    (domain === undefined || has([...authors(), ...signer()], domainWord(domain)))
  );
}

/** Who is not among those that were written down was found by his term, or may be there. */
function isRecipient({ recipients, recipientCount }: LoggedMessage, wanted: string): boolean {
  return recipientCount > recipients.length || has(recipients.map(addressWord), wanted);
}

function has(addresses: readonly string[], wanted: string): boolean {
  const word = wantedWord(wanted);
  return addresses.some((address) => (word.startsWith("@") ? domainPart(address) : address) === word);
}
