import { readFile, stat } from "node:fs/promises";
import { get } from "node:https";
import { getCACertificates } from "node:tls";
import type { FetchImplementation, JWTVerifyGetKey } from "jose";

/** A key set of some ten keys has a few KiB. */
const MAX_OCTETS = 256 << 10;
const TIMEOUT_MS = 5_000;
/** A token whose key is not known makes us look again, but not more often than this. */
const COOLDOWN_MS = 30_000;
const MAX_AGE_MS = 600_000;

/** A JWK set (RFC 7517 §5) in a file, read again whenever the file has changed. */
export function keysFromFile(path: string): JWTVerifyGetKey {
  let read: { readonly version: string; readonly keys: JWTVerifyGetKey } | null = null;
  return async (header, token) => {
    const { mtimeMs, size, ino } = await stat(path);
    const version = `${ino} ${mtimeMs} ${size}`;
    if (read?.version !== version) {
      if (size > MAX_OCTETS) throw new Error(`${path} is larger than ${MAX_OCTETS} octets`);
      const { createLocalJWKSet } = await import("jose");
      read = { version, keys: createLocalJWKSet(JSON.parse(await readFile(path, "utf8"))) };
    }
    return read.keys(header, token);
  };
}

/**
 * A JWK set that its issuer publishes, kept for ten minutes.
 *
 * @param url https
 * @param ca PEM text of certificate authorities trusted besides the system's; null for none
 */
export function keysFromUrl(url: URL, ca: readonly string[] | null = null): JWTVerifyGetKey {
  let keys: Promise<JWTVerifyGetKey> | null = null;
  const open = async (): Promise<JWTVerifyGetKey> => {
    const { createRemoteJWKSet, customFetch } = await import("jose");
    const fetchWithAuthorities: FetchImplementation = (from, { headers, signal }) =>
      download(new URL(from), { headers, signal, ca });
    return createRemoteJWKSet(url, {
      timeoutDuration: TIMEOUT_MS,
      cooldownDuration: COOLDOWN_MS,
      cacheMaxAge: MAX_AGE_MS,
      [customFetch]: fetchWithAuthorities,
    });
  };
  return async (header, token) => {
    keys ??= open();
    return (await keys)(header, token);
  };
}

/** `fetch` takes no certificate authorities of its own, and bodies of any size. Redirects are not followed. */
function download(
  url: URL,
  options: { headers: Headers; signal: AbortSignal; ca: readonly string[] | null },
): Promise<Response> {
  const { headers, signal, ca } = options;
  return new Promise((resolve, reject) => {
    const roots = ca && { ca: [...getCACertificates("default"), ...ca] };
    const request = get(url, { headers: Object.fromEntries(headers), signal, ...roots });
    request.on("error", reject).on("response", (response) => {
      const chunks: Buffer[] = [];
      let octets = 0;
      response
        .on("data", (chunk: Buffer) => {
          octets += chunk.length;
          chunks.push(chunk);
          if (octets > MAX_OCTETS)
            response.destroy(new Error(`the key set is larger than ${MAX_OCTETS} octets`));
        })
        .on("error", reject)
        .on("end", () =>
          resolve(new Response(Buffer.concat(chunks), { status: response.statusCode ?? 500 })),
        );
    });
  });
}
