import { parseMailbox } from "../mailbox.ts";
import { asciiUtf8Address, encodeXtext } from "../xtext.ts";
import type { AgreedTls } from "./agreed-tls.ts";
import type { OutgoingMessage, OutgoingRecipient } from "./options.ts";
import { type Failure, ownFailure } from "./outcome.ts";

type Extensions = ReadonlyMap<string, string>;

/** What a connection offers. */
export interface Agreed {
  readonly protocol: "smtp" | "lmtp";
  readonly extensions: Extensions;
  readonly tls: AgreedTls | null;
}

/** What could not be a parameter's value, and least of all end the line. */
const noValue = /[\0-\x20\x7f=]/;

/** What makes it pointless to offer this message to a server with these extensions; null when nothing does. */
export function findObstacle(message: OutgoingMessage, { extensions, tls }: Agreed): Failure | null {
  const { reversePath, recipients, octets, eightBit, smtputf8 } = message;
  const forwardPaths = recipients.map(({ address }) => address);
  for (const address of reversePath === "" ? forwardPaths : [reversePath, ...forwardPaths]) {
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
  // RFC 8689 §4.2.1: a server that does not promise it does not get the message.
  if (message.requireTls === true && !extensions.has("REQUIRETLS")) {
    return ownFailure("mail", "5.7.30", "the server does not offer REQUIRETLS");
  }
  if (message.requireTls === true && tls?.authenticated !== true) {
    return ownFailure("mail", "5.7.10", "REQUIRETLS wants TLS with a certificate that was judged");
  }
  for (const value of [message.envelopeId, ...recipients.map((one) => one.originalRecipient)]) {
    if (value != null && noValue.test(value)) {
      return ownFailure("mail", "5.5.4", `not xtext: ${JSON.stringify(value)}`);
    }
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
  const utf8 = smtputf8 === true ? " SMTPUTF8" : "";
  const requireTls = message.requireTls === true ? " REQUIRETLS" : "";
  const dsn = extensions.has("DSN") ? dsnOfMail(message) : "";
  const auth =
    message.submitter != null && extensions.has("AUTH") ? ` AUTH=${submitter(message.submitter)}` : "";
  return `MAIL FROM:<${reversePath}>${size}${body}${utf8}${requireTls}${dsn}${auth}`;
}

/** RFC 4954 §5 */
function submitter(address: string): string {
  return address === "" ? "<>" : encodeXtext(address);
}

/** RFC 3461 §4.3, §4.4 */
function dsnOfMail({ returned, envelopeId }: OutgoingMessage): string {
  const ret = returned == null ? "" : returned === "full" ? " RET=FULL" : " RET=HDRS";
  return envelopeId == null ? ret : `${ret} ENVID=${envelopeId}`;
}

/** RCPT with what the server is to know of reports. */
export function formatRcptCommand(
  { address, notify, originalRecipient }: OutgoingRecipient,
  smtputf8: boolean,
  extensions: Extensions,
): string {
  const rcpt = `RCPT TO:<${address}>`;
  if (!extensions.has("DSN")) return rcpt;
  const notifyText = notify == null ? "" : ` NOTIFY=${notify.join(",").toUpperCase()}`;
  if (originalRecipient == null) return rcpt + notifyText;
  return `${rcpt}${notifyText} ORCPT=${smtputf8 ? originalRecipient : asciiUtf8Address(originalRecipient)}`;
}
