import { fieldText, type Header, type HeaderField, parseHeader } from "../message/index.ts";
import { selectFields, signedField } from "./dkim-field.ts";
import type { DkimKey, DkimName } from "./dkim-key.ts";
import { foldList, foldTags } from "./format-field.ts";

export interface ArcOrder {
  /** What was found out when the message came: the value of an Authentication-Results field, folded or not, without CRLF. */
  readonly results: string;
  /** What that says of the chain so far; `none`: there is none. Others are not gone on with. */
  readonly chain: "none" | "pass";
  /** Unix seconds. */
  readonly signedAt: number;
}

/** From top to bottom. */
const SET = ["arc-seal", "arc-message-signature", "arc-authentication-results"] as const;
/** RFC 8617 §4.2.1 */
const MAX_SETS = 50;

/** The next ARC set of a message (RFC 8617 §5.1): results, a signature of the message, and a seal of all sets. */
export function arcSet(
  { domain, selector, key }: DkimName & { readonly key: DkimKey },
  header: Header,
  bodyHashBase64: string,
  { results, chain, signedAt }: ArcOrder,
): Buffer | null {
  const sets = arcSets(header);
  if (sets === null || sets.length >= MAX_SETS || (sets.length === 0) !== (chain === "none")) return null;
  const instance = sets.length + 1;
  const who = [`a=${key.algorithm}`, `d=${domain}`, `s=${selector}`, `t=${signedAt}`];
  const found = Buffer.from(`ARC-Authentication-Results: i=${instance};\r\n ${results.trim()}\r\n`);
  const { names, fields } = selectFields(header, ["dkim-signature"]);
  const upToSignature = foldTags(`ARC-Message-Signature: i=${instance};`, [...who, "c=relaxed/relaxed"]);
  const signature = signedField(
    key,
    header,
    fields,
    `${upToSignature}${foldList("h", names).text}\r\n bh=${bodyHashBase64};\r\n b=`,
  );
  const sealed = parseHeader(Buffer.concat([signature, found, header.octets]));
  const all = arcSets(sealed, instance);
  if (all === null) return null;
  const upToSeal = `${foldTags(`ARC-Seal: i=${instance};`, [...who, `cv=${chain}`])}\r\n b=`;
  // Each set from its results to its seal, the oldest first.
  const covered = all.flatMap((set) => [...set].reverse().filter((field) => field !== null));
  return Buffer.concat([signedField(key, sealed, covered, upToSeal), signature, found]);
}

type ArcSet = readonly (HeaderField | null)[];

/**
 * The sets of a message, the oldest first; null where they are not complete.
 *
 * @param unsealed the instance that has no seal yet
 */
function arcSets(header: Header, unsealed: number | null = null): readonly ArcSet[] | null {
  const sets = new Map<number, (HeaderField | null)[]>();
  for (const field of header.fields) {
    const kind = SET.indexOf(field.name as (typeof SET)[number]);
    if (kind === -1) continue;
    const instance = Number(/(?:^|;)\s*i\s*=\s*(\d{1,2})\s*(?:;|$)/.exec(fieldText(header, field))?.[1]);
    const set = sets.get(instance) ?? [null, null, null];
    if (!(instance >= 1) || set[kind] !== null) return null;
    set[kind] = field;
    sets.set(instance, set);
  }
  const ordered: ArcSet[] = [];
  for (let instance = 1; instance <= sets.size; instance++) {
    const set = sets.get(instance);
    const missing = set?.filter((field) => field === null).length;
    if (set === undefined || missing !== (instance === unsealed ? 1 : 0)) return null;
    ordered.push(set);
  }
  return ordered;
}
