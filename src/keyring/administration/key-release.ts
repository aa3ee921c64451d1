import { openAccountKey } from "../key-pair.ts";
import type { KeyRecord } from "../records.ts";
import type { Administration } from "./administration.ts";

const PAGE = 200;

/** A private key that anybody may have: nobody can prove any more who wrote what it signed (LIF-18). */
export interface ReleasedKey {
  /** The primary address of its account. */
  readonly address: string;
  readonly kid: string;
  readonly algorithm: KeyRecord["algorithm"];
  readonly notBefore: number;
  /** Its signatures ended then. */
  readonly notAfter: number;
  /** PKCS#8, DER. */
  readonly privateKey: Uint8Array;
}

/**
 * Gives the private keys that are past their end to `publish`, some at a time, and only when that resolved destroys
 * them here: broken off between, they are published again, never lost.
 *
 * @returns how many
 */
export async function releaseKeys(
  administration: Administration,
  publish: (keys: readonly ReleasedKey[]) => Promise<void>,
): Promise<number> {
  const { store, masterKey } = administration;
  let released = 0;
  for (;;) {
    const now = administration.now();
    const page = await store.releasableKeys(now, PAGE);
    if (page.length === 0) return released;
    const keys: ReleasedKey[] = [];
    for (const key of page) {
      // Kept keys are never under a key lock (see draftReplacement).
      const privateKey = openAccountKey(key, key.accountId, masterKey, null);
      const account = await store.account(key.accountId);
      if (privateKey === null) throw new Error(`key ${key.kid} was kept for release under a key lock`);
      keys.push({
        address: account?.primaryAddress ?? "",
        kid: key.kid,
        algorithm: key.algorithm,
        notBefore: key.notBefore,
        notAfter: key.notAfter ?? now,
        privateKey: privateKey.export({ format: "der", type: "pkcs8" }),
      });
    }
    await publish(keys);
    for (const [index, { kid, accountId }] of page.entries()) {
      const subject = keys[index]?.address ?? null;
      await store.markReleased(
        kid,
        now,
        administration.entry("key.release", { account: accountId, subject, kid }),
      );
      released++;
    }
  }
}
