import { isIPv6 } from "node:net";
import { formatMailDate } from "../message/index.ts";
import { isDomainOrLiteral } from "./mailbox.ts";
import type { Envelope, SessionInfo } from "./server/handler.ts";

export interface ReceivedFieldOptions {
  /** This host's name. */
  readonly hostname: string;
  readonly date: Date;
  /** Leaves out who the client was: what submission servers do for their users' privacy. */
  readonly hideClient?: boolean;
}

/**
 * The Received field to prepend to a message (RFC 5321 §4.4, with the `tls` clause of RFC 8314 §4.3), folded, CRLF
 * ended. `for` is given for a single recipient only: more would show blind recipients to each other.
 */
export function formatReceivedField(
  session: SessionInfo,
  envelope: Envelope,
  options: ReceivedFieldOptions,
): string {
  const [recipient] = envelope.recipients;
  const single = envelope.recipients.length === 1 && recipient !== undefined && recipient.domain !== "";
  const lines = [
    ...(options.hideClient === true ? [] : [`from ${fromDomain(session)}`]),
    `by ${options.hostname} with ${session.protocol}${session.tls === null ? "" : ` tls ${session.tls.cipher}`}`,
    `id ${envelope.id}`,
    ...(single ? [`for <${recipient.text}>`] : []),
  ];
  const date = formatMailDate(options.date.getTime());
  return `Received: ${lines.join("\r\n ")};\r\n ${date}\r\n`;
}

/** The name the client gave with the address it really has: Extended-Domain of RFC 5321 §4.4. */
function fromDomain(session: SessionInfo): string {
  const { helo, remoteAddress } = session;
  const literal = isIPv6(remoteAddress) ? `[IPv6:${remoteAddress}]` : `[${remoteAddress}]`;
  // Names that are none, which EHLO tolerates, go into the comment-like part that is free in form.
  if (helo !== null && isDomainOrLiteral(helo)) return `${helo} (${literal})`;
  return helo === null ? literal : `${literal} (HELO ${helo})`;
}
