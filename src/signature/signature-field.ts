import {
  type Address,
  decodeAddress,
  decodeBase64,
  type Header,
  type HeaderField,
  isBase64,
} from "../message/index.ts";
import { type Algorithm, isAlgorithm } from "./algorithm.ts";
import { canonicalField } from "./canonical-header.ts";
import { CORE_FIELDS } from "./covered-fields.ts";
import { isId16 } from "./id16.ts";
import { parseTagList, type Tags } from "./tag-list.ts";

/** The field's name as it is compared. */
export const SIGNATURE_FIELD = "vsmtp-signature";
/** Longest x−t, 14 days, and what signers take unless told otherwise, 7 days (SIG-13, SIG-14). Seconds. */
export const MAX_LIFETIME_S = 1_209_600;
export const DEFAULT_LIFETIME_S = 604_800;
/** Recipients that one copy can be bound to (RCP-6). */
export const MAX_RECIPIENTS = 32;

/** The tags of a signature field, read and checked. */
export interface SignatureTags {
  readonly algorithm: Algorithm;
  /** `i` as written, and what it means. */
  readonly identity: string;
  readonly address: Address;
  readonly kid: string;
  /** Unix seconds. */
  readonly signedAt: number;
  readonly expiresAt: number;
  readonly covered: readonly string[];
  readonly bodyHashBase64: string;
  readonly recipients: { readonly salt: Buffer; readonly hashes: readonly string[] } | null;
  readonly exact: boolean;
  readonly automatic: boolean;
  readonly signature: Buffer;
}

/**
 * One VSMTP-Signature field of a message. `level` is null when it cannot be read: the field then only counts
 * (SIG-27). `tags` is null when the field is unusable (SIG-26); `problem` says why. `identity` of an unusable field is known
 * when only its algorithm is not supported.
 */
export interface SignatureField {
  readonly source: HeaderField;
  readonly level: number | null;
  readonly tags: SignatureTags | null;
  readonly identity: string | null;
  readonly problem: string | null;
  /** The field in canonical form up to and including `b=`: the last line of H (SIG-50 step 3). */
  readonly lastLine: Buffer;
}

/** Reads a signature field; one that begins otherwise than `v=1` is null: ignored, yet counted (SIG-6, SIG-7). */
export function parseSignatureField(header: Header, source: HeaderField): SignatureField | null {
  const canonical = canonicalField(header, source);
  const valueStart = SIGNATURE_FIELD.length + 1;
  const value = canonical.toString("latin1", valueStart);
  if (!/^v=1 ?(?:;|$)/.test(value)) return null;
  const list = parseTagList(value);
  if (!list.ok)
    return { source, level: null, tags: null, identity: null, problem: list.problem, lastLine: canonical };
  const lastLine = canonical.subarray(0, valueStart + (list.tags.get("b")?.at ?? 0));
  const level = readLevel(list.tags, list.duplicates);
  const unusable = (problem: string, identity: string | null = null): SignatureField => {
    return { source, level, tags: null, identity, problem, lastLine };
  };
  if (list.duplicates.size > 0)
    return unusable(`tag "${[...list.duplicates].join('", "')}" stands more than once`);
  if (level === null) return unusable('n is not a level from "0" to "7"');
  if (list.last !== "b") return unusable("b is missing or not the last tag");
  const tags = readTags(list.tags);
  if (typeof tags === "string") return unusable(tags);
  if (tags.algorithm === null)
    return unusable(`algorithm "${list.tags.get("a")?.value}" is not supported`, tags.identity);
  return {
    source,
    level,
    tags: { ...tags, algorithm: tags.algorithm },
    identity: tags.identity,
    problem: null,
    lastLine,
  };
}

function readLevel(tags: Tags, duplicates: ReadonlySet<string>): number | null {
  if (duplicates.has("n")) return null;
  const n = tags.get("n")?.value ?? "0";
  return /^[0-7]$/.test(n) ? Number(n) : null;
}

type ReadTags = Omit<SignatureTags, "algorithm"> & { readonly algorithm: Algorithm | null };

/** Checks each tag (SIG-8 to SIG-24, SIG-30, SIG-31); a string is the syntax problem found. */
function readTags(tags: Tags): ReadTags | string {
  const text = (name: string): string | null => tags.get(name)?.value ?? null;
  for (const name of ["a", "i", "k", "t", "x", "h", "bh", "b"]) {
    if (text(name) === null) return `tag "${name}" is missing`;
  }
  const algorithm = text("a") ?? "";
  if (!/^[a-z0-9]+(?:-[a-z0-9]+)*$/i.test(algorithm)) return "a is not an algorithm name";
  const identity = text("i") ?? "";
  const address = decodeAddress(identity);
  if (address === null) return "i is not an eligible address in canonical form";
  const kid = text("k") ?? "";
  if (!isId16(kid)) return "k is not a key id";
  const signedAt = parseSeconds(text("t") ?? "");
  const expiresAt = parseSeconds(text("x") ?? "");
  if (signedAt === null || expiresAt === null)
    return "t and x must be decimal Unix seconds of at most 12 digits";
  const lifetime = expiresAt - signedAt;
  if (lifetime <= 0 || lifetime > MAX_LIFETIME_S)
    return `x is ${lifetime} s after t: 1 to ${MAX_LIFETIME_S} allowed`;
  if ((text("c") ?? "relaxed") !== "relaxed") return 'c can only be "relaxed"';
  const listed = splitList(text("h") ?? "");
  // What nearly all signers write needs no further look.
  const covered = isCoreSet(listed) ? CORE_FIELDS : listed;
  const problem = covered === CORE_FIELDS ? null : coverageProblem(covered);
  if (problem) return problem;
  const bodyHashBase64 = (text("bh") ?? "").replaceAll(" ", "");
  if (!isBase64(bodyHashBase64)) return "bh is not strict base64";
  const signature = decodeBase64((text("b") ?? "").replaceAll(" ", ""));
  if (signature === null || signature.length === 0) return "b is not strict base64";
  const recipients = text("r") === null ? null : parseRecipients(text("r") ?? "");
  if (recipients === undefined) return `r is not a salt and 1 to ${MAX_RECIPIENTS} recipient hashes`;
  const flags = splitList(text("f") ?? "");
  return {
    algorithm: isAlgorithm(algorithm) ? algorithm : null,
    identity,
    address,
    kid,
    signedAt,
    expiresAt,
    covered,
    bodyHashBase64,
    recipients,
    exact: flags.includes("exact"),
    automatic: flags.includes("auto"),
    signature,
  };
}

/** The items of a list with colons, white space around them gone. */
function splitList(text: string): string[] {
  return text.split(":").map((item) => item.trim());
}

function isCoreSet(names: readonly string[]): boolean {
  return names.length === CORE_FIELDS.length && CORE_FIELDS.every((name, index) => name === names[index]);
}

/** `h` (SIG-16, SIG-41, SIG-46); a trace field in it is accepted (SIG-49). */
function coverageProblem(covered: readonly string[]): string | null {
  const names = new Set(covered);
  if (names.size !== covered.length) return "h repeats a name";
  for (const name of covered) {
    // Field names are printable without colon (RFC 5322 §3.6.8); ";" cannot stand in a tag; lower case here.
    if (!/^[!-9<-@[-~]+$/.test(name)) return `h holds "${name}", which is not a field name in lower case`;
  }
  if (names.has(SIGNATURE_FIELD)) return `h names ${SIGNATURE_FIELD}`;
  const missing = CORE_FIELDS.find((name) => !names.has(name));
  return missing === undefined ? null : `h lacks the core field "${missing}"`;
}

/** SIG-21: decimal, no leading zeros, at most 12 digits. */
export function parseSeconds(text: string): number | null {
  return /^(?:0|[1-9][0-9]{0,11})$/.test(text) ? Number(text) : null;
}

function parseRecipients(text: string): SignatureTags["recipients"] | undefined {
  const [salt, ...hashes] = splitList(text);
  if (salt === undefined || !isId16(salt)) return undefined;
  if (hashes.length < 1 || hashes.length > MAX_RECIPIENTS || !hashes.every(isId16)) return undefined;
  return { salt: Buffer.from(salt, "base64url"), hashes };
}

/** The signature fields below a level in the order H takes them: ascending level, then top to bottom. */
export function fieldsBelow(level: number, all: readonly SignatureField[]): HeaderField[] {
  const below: HeaderField[] = [];
  for (let lower = 0; lower < level; lower++) {
    for (const field of all) if (field.level === lower) below.push(field.source);
  }
  return below;
}
