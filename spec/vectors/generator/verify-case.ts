// The cases in which a whole message is verified.
import { base64, utf8 } from "./reference/canonical.ts";
import { ALLICE, type TestKey } from "./reference/keys.ts";
import { T } from "./reference/signature-field.ts";
import { statement } from "./reference/statement.ts";
import type { Case } from "./vector.ts";

/** A minute after the vectors' messages were signed. */
export const NOW = T + 60;

export interface VerifyCase {
  readonly name: string;
  readonly requirements: readonly string[];
  readonly about: string;
  /** Octet string. */
  readonly message: string;
  readonly now?: number;
  /** RCPT addresses as received; leave out where the case is not about recipients. */
  readonly recipients?: readonly string[];
  /** What the key servers answer; allice's active key unless given. */
  readonly statements?: readonly string[];
  /** `dk` of the identity's domain, and its `ep`. */
  readonly statementKeys?: readonly TestKey[];
  readonly epoch?: number;
  /** Key ids whose key server cannot be reached now. */
  readonly unavailable?: readonly string[];
  readonly expected: Readonly<Record<string, unknown>>;
}

export function verifyCase(one: VerifyCase): Case {
  const { name, requirements, about, message, expected } = one;
  const input: Record<string, unknown> = { message: base64(message), now: one.now ?? NOW };
  if (one.recipients) input.recipients = one.recipients;
  input.statements = one.statements ?? [statement()];
  if (one.statementKeys) input.statementKeys = one.statementKeys.map((key) => base64(key.spki));
  if (one.epoch !== undefined) input.epoch = one.epoch;
  if (one.unavailable) input.unavailable = one.unavailable;
  return { name, kind: "verify", requirements, about, input, expected };
}

/** `pass`, signed by the sole author, not bound to recipients. */
export const PASS = passBy(ALLICE);
export const PERMERROR = { result: "permerror", reason: "syntax" };
export const NONE = { result: "none", reason: "unsigned", identity: null, kid: null };

export function passBy(key: TestKey): Record<string, unknown> {
  const { identity, kid } = key;
  return { result: "pass", reason: null, identity, kid, align: "from", rcpt: "unbound" };
}

export function fail(reason: string, key: TestKey = ALLICE): Record<string, unknown> {
  return { result: "fail", reason, identity: key.identity, kid: key.kid };
}

export function temperror(key: TestKey = ALLICE): Record<string, unknown> {
  return { result: "temperror", reason: "unavailable", identity: key.identity, kid: key.kid };
}

export const NEUTRAL = { result: "neutral", reason: "sender-only", align: "sender" };

const FIELDS: Readonly<Record<string, string>> = {
  From: "Allice <allice@someisp.tld>",
  To: "Bob <bob@dest.tld>",
  Subject: "Lunch?",
  Date: "Mon, 05 Jan 2004 12:00:00 +0000",
  "Message-ID": "<1@someisp.tld>",
};
export const BODY = "Hi Bob,\r\n\r\nNoon at the usual place?\r\n";

/** A message as an octet string: the usual fields with some replaced, left out (null) or added behind. */
export function mail(changes: Readonly<Record<string, string | null>> = {}, body: string = BODY): string {
  let header = "";
  for (const [name, value] of Object.entries({ ...FIELDS, ...changes }))
    if (value !== null) header += `${name}: ${utf8(value)}\r\n`;
  return `${header}\r\n${utf8(body)}`;
}
