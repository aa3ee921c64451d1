import type { KeyObject } from "node:crypto";
import { type Algorithm, importPublicKey } from "../signature/index.ts";

const P = 2n ** 255n - 19n;

/** The y coordinates of the points whose order divides 8. */
const SMALL_ORDER_Y: ReadonlySet<bigint> = new Set([
  0n,
  1n,
  P - 1n,
  0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n,
  0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n,
]);

/**
 * Is this a public key that a key server may hold and a verifier may use: the right kind and size for the
 * algorithm (SIG-34, STA-8), and with Ed25519 neither of small order nor in a non-canonical form, since such a
 * key verifies signatures that nobody made (LIF-5, SIG-60)?
 *
 * @param spki DER SubjectPublicKeyInfo
 * @returns the key, or null
 */
export function usablePublicKey(spki: Uint8Array, algorithm: Algorithm): KeyObject | null {
  const key = importPublicKey(spki, algorithm);
  if (key === null || algorithm === "rsa-sha256") return key;
  const y = Buffer.from(spki.subarray(-32)).reverse();
  y[0] = (y[0] as number) & 0x7f;
  const value = BigInt(`0x${y.toString("hex")}`);
  return value < P && !SMALL_ORDER_Y.has(value) ? key : null;
}
