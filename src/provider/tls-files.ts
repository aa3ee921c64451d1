import { readFileSync, statSync } from "node:fs";
import { createSecureContext, type SecureContext } from "node:tls";
import type { TlsFiles } from "../config/index.ts";

/** How often the files are looked at: a renewed certificate is used without a restart. */
const LOOK_AGAIN_MS = 10_000;

/**
 * The TLS context of a certificate and its key, read again when the files change.
 *
 * @param onFailure is told why changed files could not be used; the context before goes on serving
 * @throws Error when the files cannot be used at the start
 */
export function secureContextOf(files: TlsFiles, onFailure: (cause: unknown) => void): () => SecureContext {
  let stamp = stampOf(files);
  let context = read(files);
  let lookedAt = Date.now();
  return () => {
    if (Date.now() - lookedAt < LOOK_AGAIN_MS) return context;
    lookedAt = Date.now();
    try {
      const now = stampOf(files);
      if (now !== stamp) context = read(files);
      stamp = now;
    } catch (cause) {
      onFailure(cause);
    }
    return context;
  };
}

function read({ certificate, key }: TlsFiles): SecureContext {
  return createSecureContext({
    cert: readFileSync(certificate),
    key: readFileSync(key),
    minVersion: "TLSv1.2",
  });
}

function stampOf({ certificate, key }: TlsFiles): string {
  return [certificate, key]
    .map((file) => statSync(file))
    .map(({ mtimeMs, size, ino }) => `${mtimeMs} ${size} ${ino}`)
    .join();
}
