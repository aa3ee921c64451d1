import { constants, hash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { createSecureContext, type SecureContext } from "node:tls";
import type { TlsFiles } from "../config/index.ts";

/** How often the files are looked at: a renewed certificate is used without a restart. */
const LOOK_AGAIN_MS = 10_000;

export interface TlsFilesOptions {
  /**
   * From it the key of session tickets is derived, another one each day: those who share it take up each other's sessions.
   * Null: sessions go on in this process only.
   */
  readonly ticketSecret?: Uint8Array | null;
  /** PEM of the certificate authorities that the other side's certificate may come from; null: the system's. */
  readonly authorities?: Uint8Array | null;
}

/**
 * The TLS context of a certificate and its key, read again when the files change.
 *
 * @param onFailure is told why changed files could not be used; the context before goes on serving
 * @throws Error when the files cannot be used at the start
 */
export function secureContextOf(
  files: TlsFiles,
  onFailure: (cause: unknown) => void,
  { ticketSecret = null, authorities = null }: TlsFilesOptions = {},
): () => SecureContext {
  const stampNow = (): string => `${stampOf(files)} ${ticketSecret === null ? "" : today()}`;
  let stamp = stampNow();
  let context = read(files, ticketSecret, authorities);
  let lookedAt = Date.now();
  return () => {
    if (Date.now() - lookedAt < LOOK_AGAIN_MS) return context;
    lookedAt = Date.now();
    try {
      const now = stampNow();
      if (now !== stamp) context = read(files, ticketSecret, authorities);
      stamp = now;
    } catch (cause) {
      onFailure(cause);
    }
    return context;
  };
}

function read(
  { certificate, key }: TlsFiles,
  ticketSecret: Uint8Array | null,
  authorities: Uint8Array | null,
): SecureContext {
  const cert = readFileSync(certificate);
  const privateKey = readFileSync(key);
  usable(certificate, () => createSecureContext({ cert }));
  usable(key, () => createSecureContext({ key: privateKey }));
  const both = { cert, key: privateKey };
  usable(`${key} with ${certificate}`, () => createSecureContext(both));
  return createSecureContext({
    ...both,
    minVersion: "TLSv1.2",
    // In TLS 1.2 a client could have us begin anew, as often as it likes, and no limit would count it.
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
    ...(authorities === null ? {} : { ca: Buffer.from(authorities) }),
    ...(ticketSecret === null ? {} : { ticketKeys: ticketKeys(ticketSecret) }),
  });
}

/** OpenSSL says what is wrong, and not in which file. */
function usable(file: string, attempt: () => unknown): void {
  try {
    attempt();
  } catch (cause) {
    const { message } = cause as Error;
    throw new Error(`${file} cannot be used: ${message}`, { cause });
  }
}

function ticketKeys(secret: Uint8Array): Buffer {
  return hash("sha512", Buffer.concat([secret, Buffer.from(`tickets ${today()}`)]), "buffer").subarray(0, 48);
}

function today(): number {
  return Math.floor(Date.now() / 86_400_000);
}

function stampOf({ certificate, key }: TlsFiles): string {
  return [certificate, key]
    .map((file) => statSync(file))
    .map(({ mtimeMs, size, ino }) => `${mtimeMs} ${size} ${ino}`)
    .join();
}
