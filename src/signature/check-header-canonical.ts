import { hash } from "node:crypto";
import {
  type Address,
  type AddressResult,
  type Header,
  type HeaderField,
  parseHeader,
} from "../message/index.ts";
import type { Algorithm } from "./algorithm.ts";
import { canonicalField, indexFields } from "./canonical-header.ts";
import { CORE_FIELDS, isTransportField } from "./covered-fields.ts";
import { selectResponsible } from "./responsible-identity.ts";
import type { ScannedMessage } from "./scanned-message.ts";
import {
  parseSignatureField,
  SIGNATURE_FIELD,
  type SignatureField,
  type SignatureTags,
} from "./signature-field.ts";

/** What H says to one who is asked to sign it. */
export type HeaderCheck =
  | {
      readonly ok: true;
      readonly level: number;
      readonly identity: Address;
      readonly kid: string;
      readonly algorithm: Algorithm;
      /** Unix seconds. */
      readonly signedAt: number;
      readonly expiresAt: number;
      /** Recipients that the copy is bound to; 0 when it is bound to nobody. */
      readonly recipientCount: number;
      /** Whom From names, and whom Sender; null without one. Their syntax is not looked at above level 0. */
      readonly from: readonly AddressResult[];
      readonly sender: AddressResult | null;
      /** The Sender mailbox, else the sole From mailbox (IDY-1); null above level 0. */
      readonly responsible: AddressResult | null;
      /** For audit logs: id16 of the canonical Message-ID field; null without one. */
      readonly messageIdHash: string | null;
    }
  | {
      readonly ok: false;
      /** One sentence for people. */
      readonly detail: string;
    };

const CRLF = Buffer.from("\r\n");
const [TAB, LF, CR, SPACE] = [9, 10, 13, 32];
/** Stands for the signature that is to be made, so that the field can be read like any other. */
const SOME_SIGNATURE = Buffer.from("AA==");

/**
 * Reads H (SIG-50) as one who is asked to sign it without having seen the message (PRV-17), and holds it to what a
 * signer may make: canonical form octet for octet; the fields of each name of `h` in its order, From once, the others of
 * the core set at most once; then the signature fields of lower levels; last the field to be completed, up to `b=`.
 */
export function checkHeaderCanonical(h: Uint8Array): HeaderCheck {
  const octets = Buffer.from(h.buffer, h.byteOffset, h.byteLength);
  if (octets.includes(0)) return no("it holds a NUL octet");
  const behindLastCrlf = octets.lastIndexOf(CRLF) + CRLF.length;
  if (behindLastCrlf < CRLF.length) return no("it is one line");
  const header = parseHeader(octets.subarray(0, behindLastCrlf));
  if (!isCanonical(header)) return no("its fields are not in canonical form");
  const field = readLastLine(octets.subarray(behindLastCrlf));
  if (field.tags === null || field.level === null) {
    return no(`its last line: ${field.problem ?? "it is no canonical signature field up to b="}`);
  }
  const { level, tags } = field;
  const behindCovered = header.fields.findIndex(({ name }) => name === SIGNATURE_FIELD);
  const covered = behindCovered < 0 ? header.fields : header.fields.slice(0, behindCovered);
  const below = behindCovered < 0 ? [] : header.fields.slice(behindCovered);
  const problem = coverageProblem(covered, tags.covered) ?? levelsProblem(header, below, level);
  if (problem !== null) return no(problem);
  return readAuthors({ octets: header.octets, fields: covered, fault: null }, level, tags);
}

function readAuthors(header: Header, level: number, tags: SignatureTags): HeaderCheck {
  const index = indexFields(header);
  const authors = level === 0 ? selectResponsible(header, index) : null;
  if (authors?.ok === false) return no(authors.detail);
  return {
    ok: true,
    level,
    identity: tags.address,
    kid: tags.kid,
    algorithm: tags.algorithm,
    signedAt: tags.signedAt,
    expiresAt: tags.expiresAt,
    recipientCount: tags.recipients?.hashes.length ?? 0,
    from: authors?.from ?? [],
    sender: authors !== null && index.has("sender") ? authors.identity : null,
    responsible: authors?.identity ?? null,
    messageIdHash: messageIdHashOf({ header, index }),
  };
}

/**
 * base64url of the first 16 octets of SHA-256 over the canonical Message-ID field: names a message in audit logs. Null where it
 * has none.
 */
export function messageIdHashOf({ header, index }: Pick<ScannedMessage, "header" | "index">): string | null {
  const [messageId] = index.get("message-id") ?? [];
  if (messageId === undefined) return null;
  const canonical = canonicalField(header, messageId);
  return hash("sha256", canonical, "buffer").subarray(0, 16).toString("base64url");
}

/** Whether every octet belongs to a field as SIG-50 writes it (MSG-7, MSG-8). */
function isCanonical({ octets, fields }: Header): boolean {
  let end = 0;
  for (const field of fields) {
    if (field.start !== end || !isCanonicalField(octets, field)) return false;
    end = field.end;
  }
  return end === octets.length;
}

/** It runs for each signature that a vault makes: no copy, one look at each octet. */
function isCanonicalField(octets: Buffer, { name, start, valueStart, end }: HeaderField): boolean {
  if (valueStart !== start + name.length + 1) return false;
  for (let i = 0; i < name.length; i++) if (octets[start + i] !== name.charCodeAt(i)) return false;
  const valueEnd = end - CRLF.length;
  let before = SPACE; // none at the beginning
  for (let at = valueStart; at < valueEnd; at++) {
    const octet = octets[at] as number;
    if (octet === SPACE ? before === SPACE : octet === TAB || octet === CR || octet === LF) return false;
    before = octet;
  }
  const endsInSpace = valueEnd > valueStart && before === SPACE;
  return !endsInSpace && octets[valueEnd] === CR && octets[valueEnd + 1] === LF;
}

function readLastLine(line: Buffer): Pick<SignatureField, "level" | "tags" | "problem"> {
  const completed = parseHeader(Buffer.concat([line, SOME_SIGNATURE, CRLF]));
  const [source, ...others] = completed.fields;
  const field =
    source?.name === SIGNATURE_FIELD && others.length === 0 ? parseSignatureField(completed, source) : null;
  if (field === null) return { level: null, tags: null, problem: null };
  return field.lastLine.equals(line) ? field : { ...field, tags: null };
}

function placesOf(names: readonly string[]): ReadonlyMap<string, number> {
  return new Map(names.map((name, place) => [name, place]));
}

const CORE_PLACES = placesOf(CORE_FIELDS);

/** SIG-42, SIG-47, SIG-50 step 1; that `h` holds the core set, its parsing has seen to. */
function coverageProblem(fields: readonly HeaderField[], covered: readonly string[]): string | null {
  const isCoreSet = covered === CORE_FIELDS; // as nearly all signers write it
  const transport = isCoreSet ? undefined : covered.find(isTransportField);
  if (transport !== undefined) return `h names ${transport}, which transport changes`;
  const places = isCoreSet ? CORE_PLACES : placesOf(covered);
  let before = -1;
  let fromFields = 0;
  for (const { name } of fields) {
    const place = places.get(name);
    if (place === undefined) return `a ${name} field, which h does not name`;
    if (place < before) return `a ${name} field out of the order of h`;
    if (place === before && CORE_FIELDS.includes(name)) return `more than one ${name} field`;
    if (name === "from") fromFields++;
    before = place;
  }
  return fromFields === 1 ? null : "no from field";
}

/** SIG-50 step 2: fields of lower levels only, by ascending level, and there is one to build on. */
function levelsProblem(header: Header, below: readonly HeaderField[], level: number): string | null {
  let highest = 0;
  for (const source of below) {
    const field = source.name === SIGNATURE_FIELD ? parseSignatureField(header, source) : null;
    const lower = field?.level ?? null;
    if (lower === null) return `a ${source.name} field behind the covered ones that has no level`;
    if (lower >= level || lower < highest) return `a signature of level ${lower} out of place`;
    highest = lower;
  }
  const complete = level === 0 ? below.length === 0 : below.length > 0 && highest === level - 1;
  return complete ? null : `level ${level} has no signature of level ${level - 1} below it`;
}

function no(detail: string): HeaderCheck {
  return { ok: false, detail: `H cannot be signed: ${detail}` };
}
