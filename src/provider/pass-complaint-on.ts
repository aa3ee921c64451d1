import type { Config } from "../config/index.ts";
import type { Expanded } from "../delivery/index.ts";
import { type LeasedMessage, newMessageId } from "../queue/index.ts";
import { readersOf } from "./mailboxes.ts";

/**
 * Who reads complaints about a domain's accounts that came to an address which is no mailbox: abuse@ of the domain, where
 * they go without such an address (REP-4), else its postmaster. Null: neither has a mailbox.
 */
export function readerOfComplaints(config: Config): (domain: string) => string | null {
  const hasReader = readersOf(config);
  return (domain) => {
    for (const localPart of ["abuse", "postmaster"]) {
      const address = `${localPart}@${domain}`;
      // An address that takes reports would bring it here again.
      if (hasReader(localPart, domain) && !config.reports.receive.has(address)) return address;
    }
    return null;
  };
}

/** As it came, with what our border recorded of it: who complains is proved. */
export function passComplaintOn(message: LeasedMessage, octets: Uint8Array, reader: string): Expanded {
  const id = newMessageId(Date.now());
  const { sender, body, smtputf8, requireTls, envelopeId, returned, account, kids } = message;
  return {
    result: {
      kind: "delivered",
      code: null,
      enhanced: "2.1.5",
      text: `a complaint: passed on to ${reader} as ${id}`,
      remote: null,
      onward: "forwarded",
    },
    messages: [
      {
        id,
        sender,
        recipients: [{ address: reader, notify: ["never"], originalRecipient: null }],
        prefix: Buffer.alloc(0),
        content: { inline: octets, file: null },
        ...{ body, smtputf8, requireTls, envelopeId, returned, account, kids },
        suspicious: false,
      },
    ],
  };
}
