import { setImmediate as nextTurn } from "node:timers/promises";
import { formatStaple } from "../key-protocol/index.ts";
import { type Address, parseHeader } from "../message/index.ts";
import { type DkimSigner, freshSalt, type PreparedMessage } from "../signature/index.ts";
import type { Copy } from "./copies.ts";
import { notIdentified, notSigned, type Refused, unavailable } from "./refused.ts";
import type { KeyName, Login } from "./vault.ts";

/** Who signs by DKIM after us (SIG-58), by domain in canonical form; several for several selectors. */
export type DkimSigners = ReadonlyMap<string, readonly DkimSigner[]>;

export interface SignedCopy {
  /** As the client gave them. */
  readonly recipients: readonly string[];
  /** The signature fields of this copy and what is stapled to it, each with its CRLF; they go before the content. */
  readonly signatures: Buffer;
}

/** What all copies of a message are signed with. */
export interface Signing {
  readonly prepared: PreparedMessage;
  readonly login: Login;
  readonly identity: Address;
  readonly keys: readonly KeyName[];
  /** Custody level (SIG-9). */
  readonly level: number;
  /** Covered beyond the core set. */
  readonly extraFields: readonly string[];
  readonly flags: readonly ("exact" | "auto")[];
  readonly messageIdHash: string | null;
  readonly staple: boolean;
  /** Who signs by DKIM what we have signed. */
  readonly dkim: readonly DkimSigner[];
  /** Unix milliseconds. */
  readonly now: number;
}

/** Copies signed at the same time: they share the key server's round trip, and its commits. */
const COPIES_AT_ONCE = 32;

/**
 * Signs all copies with the keys of now.
 *
 * @param field where the identity stands, for a refusal
 */
export async function signAllCopies(
  signing: Signing,
  unsigned: readonly Copy[],
  field: "From" | "Sender",
): Promise<{ readonly kids: readonly string[]; readonly copies: readonly SignedCopy[] } | Refused> {
  const { login, identity } = signing;
  let { keys } = signing;
  let copies = await signCopies(signing, unsigned);
  if (copies === "replaced") {
    // Keys were replaced meanwhile, or a remembered answer is older than they are.
    const renewed = await login.identify(identity);
    if (renewed.kind !== "granted") return notIdentified(renewed, identity, field);
    keys = renewed.keys;
    copies = await signCopies({ ...signing, keys }, unsigned);
  }
  if (copies === "replaced")
    return unavailable(new Error("keys are replaced faster than a message is signed"));
  return "kind" in copies ? copies : { kids: keys.map(({ kid }) => kid), copies };
}

/** @returns `replaced` when another key signs for the identity by now */
async function signCopies(
  signing: Signing,
  unsigned: readonly Copy[],
): Promise<readonly SignedCopy[] | Refused | "replaced"> {
  const staples = signing.staple ? formatStaples(signing.keys) : NOTHING;
  const copies: SignedCopy[] = [];
  while (copies.length < unsigned.length) {
    if (copies.length > 0) await nextTurn();
    const some = unsigned.slice(copies.length, copies.length + COPIES_AT_ONCE);
    const answers = await Promise.all(some.map((copy) => signCopy(signing, copy)));
    for (const [index, answer] of answers.entries()) {
      if (!Array.isArray(answer)) return answer;
      const recipients = some[index]?.recipients ?? [];
      copies.push({ recipients, signatures: withDkim(signing, Buffer.concat([...answer, staples])) });
    }
  }
  return copies;
}

const NOTHING = Buffer.alloc(0);

function formatStaples(keys: readonly KeyName[]): Buffer {
  const fields = keys.map(({ statement }) => (statement === null ? null : formatStaple(statement)) ?? "");
  return Buffer.from(fields.join(""), "latin1");
}

/** One field for each key, alike except in `a`, `k` and `b` (SIG-52). */
async function signCopy(
  { prepared, login, identity, keys, level, extraFields, flags, messageIdHash, now }: Signing,
  copy: Copy,
): Promise<Buffer[] | Refused | "replaced"> {
  const signedAt = Math.floor(now / 1000);
  const salt = Buffer.from(freshSalt());
  const fields: Buffer[] = [];
  for (const { kid, algorithm } of keys) {
    const draft = prepared.draft({
      identity,
      kid,
      algorithm,
      signedAt,
      salt,
      level,
      extraFields,
      flags,
      recipients: copy.bound,
    });
    const { headerCanonical, input } = draft;
    const recipientCount = copy.recipients.length;
    const order = { identity, kid, level, recipientCount, headerCanonical, input, messageIdHash };
    const signed = await login.sign(order);
    if (signed.kind !== "signed") return notSigned(signed, now);
    fields.push(draft.complete(signed.signature));
  }
  return fields;
}

/** SIG-58: DKIM signs afterwards, above our fields, and covers them. */
function withDkim({ prepared, dkim, now }: Signing, fields: Buffer): Buffer {
  if (dkim.length === 0) return fields;
  const { header, bodyHashBase64 } = prepared.scanned;
  const signed = parseHeader(Buffer.concat([fields, header.octets]));
  const signedAt = Math.floor(now / 1000);
  return Buffer.concat([...dkim.map((signer) => signer.sign(signed, bodyHashBase64, signedAt)), fields]);
}
