import type { SaslBackend } from "./backend.ts";
import { decodeText } from "./decode-text.ts";
import type { Dialogue } from "./dialogue.ts";
import { parseGs2Header } from "./gs2-header.ts";

/** RFC 7628 §3.2.2. It does not tell what is wrong with the token. */
const REFUSAL = JSON.stringify({ status: "invalid_token", schemes: "bearer" });

/** RFC 7628: an OAuth 2.0 access token instead of a password. */
export async function* oauthBearer<User>(
  initial: Uint8Array | null,
  backend: SaslBackend<User>,
): Dialogue<User> {
  const request = parseRequest(decodeText(initial ?? (yield new Uint8Array())) ?? "");
  if (request === null) return { kind: "malformed" };
  const outcome =
    request.token === null ? ({ kind: "rejected" } as const) : await backend.token(request as TokenRequest);
  // The client answers the refusal with one octet (§3.2.3); what it is makes no difference any more.
  if (outcome.kind === "rejected") yield Buffer.from(REFUSAL);
  return outcome;
}

interface TokenRequest {
  readonly authzid: string;
  readonly token: string;
}

/** RFC 6750 §2.1. */
const BEARER = /^Bearer +(?<token>[A-Za-z0-9._~+/-]+=*)$/i;

/**
 * RFC 7628 §3.1: a GS2 header, then key=value pairs between \x01. `token` is null where a client only asks how it would
 * get one (§4.3: an empty `auth`).
 */
function parseRequest(message: string): { authzid: string; token: string | null } | null {
  const header = parseGs2Header(message);
  // There is nothing to bind a bearer token to.
  if (header === null || header.binding.flag === "p") return null;
  const pairs = /^\x01(?<pairs>(?:[A-Za-z]+=[\t\n\r\x20-\x7e]*\x01)*)\x01$/.exec(header.rest)?.groups?.pairs;
  const values = (pairs ?? "").split("\x01").filter((pair) => pair.startsWith("auth="));
  const [auth, ...more] = values.map((pair) => pair.slice("auth=".length));
  if (auth === undefined || more.length > 0) return null;
  if (auth === "") return { authzid: header.authzid, token: null };
  const token = BEARER.exec(auth)?.groups?.token;
  return token === undefined ? null : { authzid: header.authzid, token };
}
