import { hash } from "node:crypto";
import { addressText, parseAddress } from "../message/index.ts";
import type { SeenKey } from "../queue/index.ts";
import type { Verdict } from "../signature/index.ts";

/** By what a message's delivery to a recipient is known until its signature expires (RPL-1). */
export interface ReplayKeys {
  readonly own: SeenKey;
  /** Of a tagged message: that of the same one untagged. A tagged copy never keeps a better one from its recipient. */
  readonly better: SeenKey | null;
}

/** Key id, SHA-256 of the decoded `b` (RPL-3) and canonical recipient; null where no signature verified. */
export function replayKeys(
  { kid, signature }: Pick<Verdict, "kid" | "signature">,
  recipient: string,
  isTagged: boolean,
): ReplayKeys | null {
  if (kid === null || signature === null) return null;
  const { digest, expiresAt: until } = signature;
  const named = [Buffer.from(`${kid}\0`), digest, Buffer.from(`\0${canonical(recipient)}`)];
  const keyOf = (...parts: readonly Uint8Array[]): SeenKey => ({
    key: hash("sha256", Buffer.concat(parts), "buffer"),
    until,
  });
  const untagged = keyOf(...named);
  return isTagged
    ? { own: keyOf(...named, Buffer.from("\0tag")), better: untagged }
    : { own: untagged, better: null };
}

function canonical(recipient: string): string {
  const parsed = parseAddress(recipient);
  return parsed.ok ? addressText(parsed.address) : recipient.toLowerCase();
}
