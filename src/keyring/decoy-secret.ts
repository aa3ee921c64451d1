import type { MasterKey } from "./master-key.ts";

const CONTEXT = "decoy secret";

/**
 * What decoys are made from, for key servers (KEY-34) and for SCRAM. It follows from the first master key, and stays when
 * that is replaced: would all decoys change in that moment, whoever asked before and after knew them.
 *
 * @param sealed as the store keeps it since the master key was replaced; null before
 * @throws MasterKeyError when it is not under this master key
 */
export function openDecoySecret(sealed: Uint8Array | null, masterKey: MasterKey): Buffer {
  return sealed === null ? masterKey.derive("decoys") : masterKey.open(sealed, CONTEXT);
}

/** The same under the next master key. */
export function resealDecoySecret(
  sealed: Uint8Array | null,
  masterKey: MasterKey,
  next: MasterKey,
): Uint8Array {
  const secret = openDecoySecret(sealed, masterKey);
  try {
    return next.seal(secret, CONTEXT);
  } finally {
    secret.fill(0);
  }
}
