import { timingSafeEqual } from "node:crypto";
import type { ScramProof } from "./backend.ts";
import { decodeText } from "./decode-text.ts";
import type { Dialogue, SaslOptions } from "./dialogue.ts";
import { parseClientFinal, parseClientFirst } from "./scram-message.ts";
import { hmac, type ScramVerifier, sha256 } from "./scram-verifier.ts";

const malformed = { kind: "malformed" } as const;

/**
 * SCRAM-SHA-256 and, with channel binding `required`, SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677, RFC 9266): the client
 * proves that it knows the password without telling it, and the server that it knows the verifier.
 */
export async function* scram<User>(
  initial: Uint8Array | null,
  options: Required<SaslOptions<User>>,
  bound: "required" | "none",
): Dialogue<User> {
  const first = parseClientFirst(decodeText(initial ?? (yield new Uint8Array())) ?? "");
  if (first === null) return malformed;
  const { binding, authzid } = first.header;
  if ((binding.flag === "p") !== (bound === "required")) return malformed;

  const candidate = await options.backend.scram({ authcid: first.authcid, authzid });
  if ("kind" in candidate) return candidate;
  // RFC 5802 §6: whoever offered channel binding and hears that it was not offered is not alone with the client.
  if (binding.flag === "y" && options.channelBinding !== null) {
    return candidate.conclude({ kind: "failed", reason: "downgrade" });
  }
  // RFC 9266 §2: with TLS 1.3 there is no other type than this.
  if (binding.flag === "p" && binding.type !== "tls-exporter") {
    return candidate.conclude({ kind: "failed", reason: "channel-binding" });
  }

  const { verifier } = candidate;
  const nonce = first.nonce + options.newNonce();
  const salt = Buffer.from(verifier.salt).toString("base64");
  const serverFirst = `r=${nonce},s=${salt},i=${verifier.iterations}`;
  const final = parseClientFinal(decodeText(yield Buffer.from(serverFirst)) ?? "");
  if (final === null || final.nonce !== nonce) return malformed;

  const boundTo = binding.flag === "p" ? (options.channelBinding ?? new Uint8Array()) : new Uint8Array();
  if (!final.channelBinding.equals(Buffer.concat([Buffer.from(first.header.text), boundTo]))) {
    return candidate.conclude({ kind: "failed", reason: "channel-binding" });
  }
  const authMessage = `${first.bare},${serverFirst},${final.withoutProof}`;
  const proof = checkProof(final.proof, verifier, authMessage);
  const outcome = await candidate.conclude(proof);
  if (proof.kind === "proved") proof.clientKey.fill(0);
  if (outcome.kind !== "accepted") return outcome;

  const signature = hmac(verifier.serverKey, authMessage).toString("base64");
  const acknowledged = yield Buffer.from(`v=${signature}`);
  return acknowledged.length === 0 ? outcome : malformed;
}

/** RFC 5802 §3: the proof is the ClientKey under a one-time pad that only the holder of StoredKey can make. */
function checkProof(proof: Uint8Array, { storedKey }: ScramVerifier, authMessage: string): ScramProof {
  const pad = hmac(storedKey, authMessage);
  const clientKey = pad.map((octet, index) => octet ^ (proof[index] as number));
  if (timingSafeEqual(sha256(clientKey), storedKey)) return { kind: "proved", clientKey };
  return { kind: "failed", reason: "proof" };
}
