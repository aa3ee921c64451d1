import { SpoolError } from "../spool/index.ts";
import type { BounceCheck, Transaction, Verification, Verified } from "../verification/index.ts";
import type { Incoming } from "./incoming.ts";
import { signedAddress } from "./recipients.ts";

/** Who sent it, and what is known of it: every check is made inside the session (VER-13). */
export function judge(came: Incoming, verification: Pick<Verification, "verify">): Promise<Verified> {
  return verification.verify(came.message.scanned, transactionOf(came));
}

/** Is it a bounce of something that we never sent (NBR-4)? */
export async function isForgedBounce(
  came: Incoming,
  bounces: Pick<BounceCheck, "isForged"> | null,
): Promise<boolean> {
  if (bounces === null || came.envelope.reversePath !== null) return false;
  try {
    return await bounces.isForged(came.message.scanned, transactionOf(came));
  } catch (error) {
    // Whoever queues it hears of the spool, too.
    if (error instanceof SpoolError) return false;
    throw error;
  }
}

function transactionOf({ session, envelope, message }: Incoming): Transaction {
  return {
    recipients: envelope.recipients.map(signedAddress),
    client: { address: session.remoteAddress, helo: session.helo ?? "" },
    reversePath: envelope.reversePath?.text ?? "",
    body: () => message.readBody(),
  };
}
