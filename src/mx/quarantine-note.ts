import { describeMessage } from "../border/index.ts";
import { addressText, fieldText } from "../message/index.ts";
import type { QuarantineNote } from "../queue/index.ts";
import type { Decision, Verified } from "../verification/index.ts";
import type { Incoming } from "./incoming.ts";

/** What people will know a message by that is kept from its recipients, and why it is. @param until Unix milliseconds */
export function quarantineNote(
  came: Incoming,
  { verdict }: Pick<Verified, "verdict">,
  { decidedBy, because }: Decision,
  until: number,
): QuarantineNote {
  const { from, messageId } = describeMessage(came.message);
  return {
    until,
    result: verdict.result,
    reason: verdict.reason,
    identity: verdict.identity,
    kid: verdict.kid,
    from: textOf(came, "from"),
    authors: from.map(addressText),
    subject: textOf(came, "subject"),
    messageId,
    client: came.session.remoteAddress,
    decidedBy,
    because,
  };
}

/** The topmost field of that name in one line; empty where there is none. */
function textOf({ message: { scanned } }: Incoming, name: string): string {
  const [field] = scanned.index.get(name) ?? [];
  return field === undefined ? "" : fieldText(scanned.header, field);
}
