import type { SaslBackend } from "./backend.ts";
import { decodeText } from "./decode-text.ts";
import type { Dialogue } from "./dialogue.ts";

/** RFC 4616 §2: [authzid] NUL authcid NUL passwd, UTF-8. */
export async function* plain<User>(initial: Uint8Array | null, backend: SaslBackend<User>): Dialogue<User> {
  const message = initial ?? (yield new Uint8Array());
  const parts = decodeText(message)?.split("\0") ?? [];
  const [authzid, authcid, password] = parts;
  if (parts.length !== 3 || authzid === undefined || !authcid || !password) return { kind: "malformed" };
  return backend.password({ authcid, authzid, password });
}
