import { decodeBase64 } from "../message/index.ts";
import { parseSeconds } from "../signature/index.ts";
import { splitTags } from "./statement-tags.ts";

/** `st` (STA-2): `retired` still verifies but signs no more. */
export type KeyState = "active" | "retired" | "revoked" | "suspended";

/** What a key server says about one key (STA-1). */
export interface KeyStatement {
  /** `i`, percent-encoded, as it was asked for. */
  readonly identity: string;
  /** `k` */
  readonly kid: string;
  /** `a`; may name an algorithm that we do not know. */
  readonly algorithm: string;
  /** `st` */
  readonly state: KeyState;
  /** `nb`, Unix seconds. */
  readonly notBefore: number;
  /** `na`, Unix seconds. */
  readonly notAfter: number;
  /** `iat`, Unix seconds. */
  readonly issuedAt: number;
  /** `ttl`, clamped to 60–86400 (CCH-2, STA-18). */
  readonly ttlSeconds: number;
  /** `se`: how much longer it may serve while no key server answers, clamped to 86400; 0 when absent. */
  readonly staleSeconds: number;
  /** `og`: grant hashes or `*`; at most 32. */
  readonly grants: readonly string[];
  /** `p`, DER SubjectPublicKeyInfo; null when absent. */
  readonly spki: Uint8Array | null;
}

/** A statement as it was received, with what its signature is over. */
export interface ReceivedStatement extends KeyStatement {
  /** `s`; null when absent. */
  readonly signature: Uint8Array | null;
  /** The whole line. */
  readonly text: string;
  /** The octets that `s` signs: the line up to, excluding, the `;` before it (STA-4). */
  readonly signedText: string;
}

export type StatementResult =
  | { readonly ok: true; readonly statement: ReceivedStatement }
  | {
      readonly ok: false;
      /** Not even `name=value` tags, as opposed to tags that break a rule. */
      readonly malformed: boolean;
      readonly detail: string;
      /** 1-based; where in the line, as far as it can be told. */
      readonly column: number;
      /** `i` and `k` where they can be read: such a statement answers for its key, as bad-key (STA-15). */
      readonly identity: string | null;
      readonly kid: string | null;
    };

/** Values that `og` may hold (STA-17). */
export const MAX_GRANTS = 32;
const MIN_TTL_SECONDS = 60;
const MAX_TTL_SECONDS = 86_400;

/** Parses one key statement (STA-1, STA-4, STA-17 to STA-19), without its line end. */
export function parseStatement(line: string): StatementResult {
  const split = splitTags(line);
  if (!split.ok) return { ...split, malformed: true, identity: null, kid: null };
  const { tags } = split;
  let fault: { detail: string; column: number } | null = null;
  const note = (name: string, detail: string) => {
    fault ??= { detail: `${name}: ${detail}`, column: tags.get(name)?.column ?? 1 };
  };
  const text = (name: string): string => {
    const value = tags.get(name)?.value ?? "";
    if (value === "") note(name, "missing");
    return value;
  };
  const seconds = (name: string, absent: number | null): number => {
    if (absent !== null && !tags.has(name)) return absent;
    const value = parseSeconds(text(name));
    if (value === null) note(name, "expected a whole number");
    return value ?? 0;
  };
  const octets = (name: string): Uint8Array | null => {
    const tag = tags.get(name);
    if (tag === undefined) return null;
    const value = decodeBase64(tag.value);
    if (value === null || value.length === 0) note(name, "not strict base64");
    return value;
  };
  for (const name of split.repeated) note(name, "stands twice");
  if (text("v") !== "1") note("v", "expected 1");
  if (tags.has("s") && split.last !== "s") note("s", "is not the last tag");
  const state = text("st");
  if (!isKeyState(state)) note("st", "expected active, retired, revoked or suspended");
  const grants = (tags.get("og")?.value ?? "").split(":").filter((value) => value !== "");
  if (grants.length > MAX_GRANTS) note("og", `${grants.length} values, at most ${MAX_GRANTS} are allowed`);
  const statement: ReceivedStatement = {
    identity: text("i"),
    kid: text("k"),
    algorithm: text("a"),
    state: state as KeyState,
    notBefore: seconds("nb", null),
    notAfter: seconds("na", null),
    issuedAt: seconds("iat", null),
    ttlSeconds: Math.min(Math.max(seconds("ttl", null), MIN_TTL_SECONDS), MAX_TTL_SECONDS),
    staleSeconds: Math.min(seconds("se", 0), MAX_TTL_SECONDS),
    grants,
    spki: octets("p"),
    signature: octets("s"),
    text: line,
    signedText: split.beforeLast,
  };
  if (fault === null) return { ok: true, statement };
  const { detail, column } = fault as { detail: string; column: number };
  const identity = tags.get("i")?.value ?? null;
  return { ok: false, malformed: false, detail, column, identity, kid: tags.get("k")?.value ?? null };
}

function isKeyState(text: string): text is KeyState {
  return text === "active" || text === "retired" || text === "revoked" || text === "suspended";
}
