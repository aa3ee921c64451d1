import type { Verification, Verified } from "../verification/index.ts";
import type { Incoming } from "./incoming.ts";
import { signedAddress } from "./recipients.ts";

/** Who sent it, and what is known of it: every check is made inside the session (VER-13). */
export function judge(
  { session, envelope, message }: Incoming,
  verification: Pick<Verification, "verify">,
): Promise<Verified> {
  return verification.verify(message.scanned, {
    recipients: envelope.recipients.map(signedAddress),
    client: { address: session.remoteAddress, helo: session.helo ?? "" },
    reversePath: envelope.reversePath?.text ?? "",
    body: () => message.readBody(),
  });
}
