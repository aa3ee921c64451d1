import { hash } from "node:crypto";
import { addressText, parseAddress } from "../message/index.ts";
import type { SeenKey } from "../queue/index.ts";
import type { Verdict } from "../signature/index.ts";

/**
 * What is remembered of a message's delivery to a recipient until its signature expires (RPL-1, RPL-3): key id, SHA-256 of
 * the decoded `b`, canonical recipient. Null for a message by whose signature no repeat could be known.
 */
export function replayKey(
  { kid, signature }: Pick<Verdict, "kid" | "signature">,
  recipient: string,
): SeenKey | null {
  if (kid === null || signature === null) return null;
  const named = Buffer.concat([
    Buffer.from(`${kid}\0`),
    signature.digest,
    Buffer.from(`\0${canonical(recipient)}`),
  ]);
  return { key: hash("sha256", named, "buffer"), until: signature.expiresAt };
}

function canonical(recipient: string): string {
  const parsed = parseAddress(recipient);
  return parsed.ok ? addressText(parsed.address) : recipient.toLowerCase();
}
