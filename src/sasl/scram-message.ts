import { decodeBase64 } from "../message/index.ts";
import { decodeSaslName, type Gs2Header, parseGs2Header, SASL_NAME } from "./gs2-header.ts";

export interface ClientFirst {
  readonly header: Gs2Header;
  /** `client-first-message-bare`, which is signed. */
  readonly bare: string;
  readonly authcid: string;
  readonly nonce: string;
}

export interface ClientFinal {
  /** The header of the first message, and the octets it is bound to. */
  readonly channelBinding: Buffer;
  readonly nonce: string;
  /** 32 octets. */
  readonly proof: Buffer;
  /** `client-final-message-without-proof`, which is signed. */
  readonly withoutProof: string;
}

const PROOF_OCTETS = 32;
/** Clients take 16 to 64; it comes back in our challenge, whose line is bounded. */
const NONCE = "[\\x21-\\x2b\\x2d-\\x7e]{1,512}";
const EXTENSIONS = "(?:,[A-Za-z]=[^\\0,]+)*?";
// Extensions that a client makes mandatory (`m=`) would stand first: there are none that we know (RFC 5802 §5.1).
const FIRST = new RegExp(`^n=(?<name>${SASL_NAME}),r=(?<nonce>${NONCE})${EXTENSIONS}$`);
const FINAL = new RegExp(
  `^(?<withoutProof>c=(?<binding>[A-Za-z0-9+/=]+),r=(?<nonce>[^\\0,]+)${EXTENSIONS}),p=(?<proof>[A-Za-z0-9+/=]+)$`,
);

/** RFC 5802 §7, `client-first-message`; null for anything else. */
export function parseClientFirst(message: string): ClientFirst | null {
  const header = parseGs2Header(message);
  const found = header && FIRST.exec(header.rest);
  if (!found) return null;
  const { name = "", nonce = "" } = found.groups ?? {};
  return { header, bare: header.rest, authcid: decodeSaslName(name), nonce };
}

/** RFC 5802 §7, `client-final-message`; null for anything else. */
export function parseClientFinal(message: string): ClientFinal | null {
  const { withoutProof = "", binding = "", nonce = "", proof = "" } = FINAL.exec(message)?.groups ?? {};
  const channelBinding = decodeBase64(binding);
  const octets = decodeBase64(proof);
  if (withoutProof === "" || channelBinding === null || octets?.length !== PROOF_OCTETS) return null;
  return { channelBinding, nonce, proof: octets, withoutProof };
}
