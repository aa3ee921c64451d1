import { borderResults, resultOf } from "../message/index.ts";
import type { ScannedMessage } from "../signature/index.ts";
import type { DkimSigners } from "../signing/index.ts";

/**
 * An ARC set of a domain of ours (RFC 8617), for servers behind us that know no VSMTP: it tells what our border recorded
 * when the message came (CUS-7). Empty where no border of ours saw it, the domain has no DKIM key, or the chain so far does
 * not hold.
 *
 * @param message as it is passed on, but for what each copy gets
 */
export function seal(
  { header, bodyHashBase64, fault }: ScannedMessage,
  domain: string,
  dkim: DkimSigners,
  nowMs: number,
): Buffer {
  const signers = dkim.get(domain) ?? [];
  // Few verify Ed25519 yet, and a message has one seal of a host only.
  const signer = signers.find(({ algorithm }) => algorithm === "rsa-sha256") ?? signers[0];
  const recorded = borderResults(header);
  if (signer === undefined || recorded === null || fault !== null) return NOTHING;
  const { field } = recorded;
  const chain = resultOf(recorded, "arc")?.result;
  if (chain !== undefined && chain !== "pass") return NOTHING;
  const results = header.octets.toString("latin1", field.valueStart, field.end).trim();
  const order = { results, chain: chain ?? "none", signedAt: Math.floor(nowMs / 1000) } as const;
  return signer.seal(header, bodyHashBase64, order) ?? NOTHING;
}

const NOTHING = Buffer.alloc(0);
