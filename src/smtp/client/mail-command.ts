import { parseMailbox } from "../mailbox.ts";
import type { OutgoingMessage } from "./options.ts";
import { type Failure, ownFailure } from "./outcome.ts";

type Extensions = ReadonlyMap<string, string>;

/** What makes it pointless to offer this message to a server with these extensions; null when nothing does. */
export function findObstacle(message: OutgoingMessage, extensions: Extensions): Failure | null {
  const { reversePath, recipients, octets, eightBit, smtputf8 } = message;
  for (const address of reversePath === "" ? recipients : [reversePath, ...recipients]) {
    const mailbox = parseMailbox(address);
    // Also keeps CR LF in an address from becoming a command.
    if (mailbox === null)
      return ownFailure("mail", "5.1.3", `not a mail address: ${JSON.stringify(address)}`);
    if (!mailbox.ascii && smtputf8 !== true) {
      return ownFailure("mail", "5.6.7", `${address} needs SMTPUTF8, which the message does not ask for`);
    }
  }
  // RFC 6531 §3.2, RFC 6152 §3: what the server cannot take must not be sent, and signed content not be recoded.
  if (smtputf8 === true && !extensions.has("SMTPUTF8")) {
    return ownFailure("mail", "5.6.7", "the server does not offer SMTPUTF8");
  }
  if (eightBit === true && !extensions.has("8BITMIME")) {
    return ownFailure("mail", "5.6.3", "the server does not offer 8BITMIME");
  }
  const limit = Number(extensions.get("SIZE") ?? "0");
  if (octets !== undefined && limit > 0 && octets > limit) {
    return ownFailure("mail", "5.3.4", `the server takes at most ${limit} octets`);
  }
  return null;
}

/** MAIL with the parameters that the message needs and the server knows. */
export function formatMailCommand(message: OutgoingMessage, extensions: Extensions): string {
  const { reversePath, octets, eightBit, smtputf8 } = message;
  const size = octets !== undefined && extensions.has("SIZE") ? ` SIZE=${octets}` : "";
  const body = eightBit === true ? " BODY=8BITMIME" : "";
  return `MAIL FROM:<${reversePath}>${size}${body}${smtputf8 === true ? " SMTPUTF8" : ""}`;
}
