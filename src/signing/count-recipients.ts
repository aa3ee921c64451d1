import type { Copy } from "./copies.ts";
import { overLimit } from "./refusal-reply.ts";
import { notUsed, type Refused, refusal } from "./refused.ts";
import type { KeyName, Login } from "./vault.ts";

/**
 * Counts the recipients of all copies of a message before the first of them is signed (LIF-14). A single signature is counted
 * as it is made, all its recipients or none, which saves a commit or a round trip.
 *
 * @param now Unix milliseconds
 * @returns why it is not signed; null: it may be
 */
export async function countRecipients(
  login: Login,
  keys: readonly KeyName[],
  copies: readonly Copy[],
  now: number,
): Promise<Refused | null> {
  if (copies.length <= 1 && keys.length <= 1 && login.countsOnSigning) return null;
  const spent = await login.spend(copies.reduce((count, copy) => count + copy.recipients.length, 0));
  if (spent.kind === "limited") return refusal(overLimit(spent, now));
  return spent.kind === "spent" ? null : notUsed(spent);
}
