import { type Address, fieldText, parseAddress } from "../message/index.ts";
import type { ReceivedMessage } from "../reception/index.ts";
import { fromMailboxes } from "../signature/index.ts";
import type { Envelope, Mailbox, SessionInfo } from "../smtp/index.ts";
import type { Arrival } from "./border.ts";

/** What a log says of a message itself. */
export interface DescribedMessage {
  readonly octets: number;
  /** The mailboxes of From as far as they can be read, canonical; at most 8. */
  readonly from: readonly Address[];
  /** As it stands in the header, at most 200 characters; null where there is none. */
  readonly messageId: string | null;
}

export function describeMessage({
  scanned: { header, index },
  hasEmptyLine,
  bodyOctets,
}: Pick<ReceivedMessage, "scanned" | "hasEmptyLine" | "bodyOctets">): DescribedMessage {
  const [field] = index.get("message-id") ?? [];
  return {
    octets: header.octets.length + (hasEmptyLine ? 2 : 0) + bodyOctets,
    from: fromMailboxes(header, index).slice(0, 8),
    messageId: field === undefined ? null : fieldText(header, field).slice(0, 200),
  };
}

/** How a message came by SMTP, for whoever judges it. */
export function arrivalBySmtp(session: SessionInfo, { reversePath, recipients }: Envelope): Arrival {
  return {
    recipients: recipients.map(signedAddress),
    client: { address: session.remoteAddress, helo: session.helo ?? "" },
    reversePath: reversePath?.text ?? "",
  };
}

/** As it may have been signed (VER-14); null for one that is no eligible address. */
function signedAddress(recipient: Mailbox): Address | null {
  const parsed = parseAddress(recipient.text);
  return parsed.ok ? parsed.address : null;
}
