import type { SaslBackend } from "./backend.ts";
import { decodeText } from "./decode-text.ts";
import type { Dialogue } from "./dialogue.ts";

/** draft-murchison-sasl-login: never a standard, kept for clients that know nothing else. The same as PLAIN behind. */
export async function* login<User>(initial: Uint8Array | null, backend: SaslBackend<User>): Dialogue<User> {
  const authcid = decodeText(initial ?? (yield Buffer.from("Username:")));
  if (!authcid || authcid.includes("\0")) return { kind: "malformed" };
  const password = decodeText(yield Buffer.from("Password:"));
  if (!password || password.includes("\0")) return { kind: "malformed" };
  return backend.password({ authcid, authzid: "", password });
}
