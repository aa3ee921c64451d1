import type { Credentials } from "./handler.ts";

/** What one octet string of the client brought in a SASL exchange (RFC 4954 §4). */
export type SaslStep =
  | { readonly kind: "challenge"; readonly base64: string }
  | { readonly kind: "credentials"; readonly credentials: Credentials }
  | { readonly kind: "malformed" };

/** The server's side of one SASL exchange. `initial` is the initial response of AUTH, null without one. */
export interface SaslExchange {
  start(initial: Buffer | null): SaslStep;
  respond(response: Buffer): SaslStep;
}

export const saslMechanisms = ["PLAIN", "LOGIN"] as const;

export function saslExchange(mechanism: string): SaslExchange | null {
  if (mechanism === "PLAIN") return plain();
  return mechanism === "LOGIN" ? login() : null;
}

/** RFC 4616 §2: [authzid] NUL authcid NUL passwd, UTF-8. */
function plain(): SaslExchange {
  const respond = (response: Buffer): SaslStep => {
    const parts = text(response)?.split("\0") ?? [];
    const [authzid, authcid, password] = parts;
    if (parts.length !== 3 || authzid === undefined || !authcid || !password) return { kind: "malformed" };
    return { kind: "credentials", credentials: { mechanism: "PLAIN", authcid, authzid, password } };
  };
  return {
    start: (initial) => (initial === null ? { kind: "challenge", base64: "" } : respond(initial)),
    respond,
  };
}

/** draft-murchison-sasl-login: never a standard, kept for clients that know nothing else. */
function login(): SaslExchange {
  let authcid: string | null = null;
  const respond = (response: Buffer): SaslStep => {
    const value = text(response);
    if (!value || value.includes("\0")) return { kind: "malformed" };
    if (authcid !== null) {
      return {
        kind: "credentials",
        credentials: { mechanism: "LOGIN", authcid, authzid: "", password: value },
      };
    }
    authcid = value;
    return { kind: "challenge", base64: base64("Password:") };
  };
  return {
    start: (initial) =>
      initial === null ? { kind: "challenge", base64: base64("Username:") } : respond(initial),
    respond,
  };
}

/** The octets of an answer; null when it is not canonical base64 (RFC 4648 §3.5). */
export function decodeBase64(encoded: string): Buffer | null {
  const octets = Buffer.from(encoded, "base64");
  return octets.toString("base64") === encoded ? octets : null;
}

function base64(value: string): string {
  return Buffer.from(value).toString("base64");
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function text(octets: Buffer): string | null {
  try {
    return utf8.decode(octets);
  } catch {
    return null;
  }
}
