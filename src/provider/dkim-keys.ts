import { readFile, stat } from "node:fs/promises";
import type { DkimSettings } from "../config/index.ts";
import { type DkimKey, type DkimName, DkimSigner, loadDkimKey } from "../signature/index.ts";
import type { DkimSigners } from "../signing/index.ts";

/**
 * Reads the DKIM keys of the settings.
 *
 * @throws Error that names setting and file when one cannot be used
 */
export async function openDkim(settings: readonly DkimSettings[]): Promise<DkimSigners> {
  const signers = new Map<string, DkimSigner[]>();
  for (const [index, { domain, selector, keyFile }] of settings.entries()) {
    const setting = `submission.dkim[${index}]`;
    const [{ mode }, pem] = await Promise.all([stat(keyFile), readFile(keyFile)]).catch((cause) => {
      throw new Error(`${setting}.key: ${keyFile} cannot be read: ${cause.message}`, { cause });
    });
    if ((mode & 0o007) !== 0) {
      throw new Error(`${setting}.key: ${keyFile} can be read by anybody; run chmod o= on it`);
    }
    const loaded = loadDkimKey(pem);
    if (!loaded.ok) throw new Error(`${setting}.key: ${keyFile}: ${loaded.detail}`);
    signers.set(domain, [
      ...(signers.get(domain) ?? []),
      signerOf({ domain, selector }, loaded.key, setting),
    ]);
  }
  return signers;
}

function signerOf(name: DkimName, key: DkimKey, setting: string): DkimSigner {
  try {
    return new DkimSigner({ ...name, key });
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new Error(`${setting}: ${cause.message}`, { cause });
  }
}
