/** Wanted handling of mail From a domain that does not pass (POL-3), mildest first. */
export type DomainPolicy = "none" | "quarantine" | "reject";

/** The TXT record at `_vsmtp.<domain>` (POL-1). */
export interface PolicyRecord {
  /** `p` */
  readonly policy: DomainPolicy;
  /** `sp`: for subdomains that have no record of their own (POL-4). */
  readonly subdomainPolicy: DomainPolicy;
  /** `t=y`: report, do not apply (POL-5). */
  readonly testing: boolean;
  /** `ks`: how the key server is found (POL-6). */
  readonly discovery: "mx" | "srv" | "sub";
  /** `auth`: how well the key server must be authenticated (POL-7). */
  readonly requiredTrust: "host" | "domain";
  /** `dk`: the Ed25519 statement keys, DER SubjectPublicKeyInfo; at most 2 (POL-8). */
  readonly statementKeys: readonly Uint8Array[];
  /** `ep`: statements issued earlier are void. Unix seconds; 0 when absent (POL-9). */
  readonly epoch: number;
  /** `ma`: seconds to remember the record, clamped to a year; 0 when absent. */
  readonly rememberSeconds: number;
  /** `sl`: staple window, clamped to 900 seconds; 0 when absent (POL-11). */
  readonly stapleSeconds: number;
  /** `rua`, as it stands. */
  readonly reportAddress: string | null;
  /** `lv`, as it stands. */
  readonly logKey: string | null;
}

export type PolicyRecordResult =
  | { readonly ok: true; readonly record: PolicyRecord }
  | { readonly ok: false; readonly problem: string };

const MAX_REMEMBER_SECONDS = 31_536_000;
const MAX_STAPLE_SECONDS = 900;
const ED25519_SPKI_PREFIX = "302a300506032b6570032100";

/** Does this TXT record claim to be a policy record? Others at the same name do not count (RFC 9989 §4.10). */
export function isPolicyRecord(text: string): boolean {
  return /^[ \t]*v[ \t]*=[ \t]*VSMTP1[ \t]*(;|$)/.test(text);
}

/**
 * Parses a policy record: `;`-separated `name=value`, white space allowed around both, `v=VSMTP1` first, one
 * final `;` allowed, unknown tags ignored, keywords in any case. A value that is not allowed or a repeated tag
 * makes the whole record unusable; it then counts as none (POL-19).
 *
 * @param text one character for each octet
 */
export function parsePolicyRecord(text: string): PolicyRecordResult {
  if (!isPolicyRecord(text)) return bad("a policy record begins with v=VSMTP1");
  const parts = text.split(";");
  if (parts.length > 1 && /^[ \t]*$/.test(parts.at(-1) as string)) parts.pop();
  const tags = new Map<string, string>();
  for (const part of parts) {
    const match = /^[ \t]*([a-z][a-z0-9]{0,9})[ \t]*=[ \t]*([!-~]?|[!-~][ -~\t]*[!-~])[ \t]*$/.exec(part);
    if (match?.[1] === undefined || match[2] === undefined) return bad(`"${shown(part)}" is not name=value`);
    if (tags.has(match[1])) return bad(`the tag ${match[1]} stands twice`);
    tags.set(match[1], match[2]);
  }
  const reader = new TagReader(tags);
  const policy = reader.keyword("p", ["none", "quarantine", "reject"], "none");
  const record: PolicyRecord = {
    policy,
    subdomainPolicy: reader.keyword("sp", ["none", "quarantine", "reject"], policy),
    testing: reader.keyword("t", ["y", "n"], "n") === "y",
    discovery: reader.keyword("ks", ["mx", "srv", "sub"], "mx"),
    requiredTrust: reader.keyword("auth", ["host", "domain"], "host"),
    statementKeys: reader.statementKeys("dk"),
    epoch: reader.seconds("ep", Number.MAX_SAFE_INTEGER),
    rememberSeconds: reader.seconds("ma", MAX_REMEMBER_SECONDS),
    stapleSeconds: reader.seconds("sl", MAX_STAPLE_SECONDS),
    reportAddress: tags.get("rua") ?? null,
    logKey: tags.get("lv") ?? null,
  };
  return reader.problem === null ? { ok: true, record } : bad(reader.problem);
}

/** Reads typed values and notes the first that is not allowed. */
class TagReader {
  problem: string | null = null;
  readonly #tags: ReadonlyMap<string, string>;

  constructor(tags: ReadonlyMap<string, string>) {
    this.#tags = tags;
  }

  keyword<T extends string>(name: string, allowed: readonly T[], absent: T): T {
    const value = this.#tags.get(name);
    if (value === undefined) return absent;
    const found = allowed.find((word) => word === value.toLowerCase());
    if (found === undefined) this.#note(`${name}=${shown(value)}: expected ${allowed.join(", ")}`);
    return found ?? absent;
  }

  /** Numbers are decimal without leading zeros, at most 12 digits (SIG-21). */
  seconds(name: string, max: number): number {
    const value = this.#tags.get(name);
    if (value === undefined) return 0;
    if (/^(0|[1-9]\d{0,11})$/.test(value)) return Math.min(Number(value), max);
    this.#note(`${name}=${shown(value)}: expected a whole number`);
    return 0;
  }

  statementKeys(name: string): Uint8Array[] {
    const value = this.#tags.get(name);
    if (value === undefined) return [];
    const texts = value.split(":").map((text) => text.trim());
    if (texts.length > 2) this.#note(`${name}: ${texts.length} keys, at most 2 are allowed`);
    return texts.map((text) => {
      const spki = Buffer.from(text, "base64");
      const strict = spki.toString("base64") === text;
      if (!strict || spki.length !== 44 || !spki.toString("hex").startsWith(ED25519_SPKI_PREFIX)) {
        this.#note(`${name}: "${shown(text)}" is not the base64 SubjectPublicKeyInfo of an Ed25519 key`);
      }
      return spki;
    });
  }

  #note(problem: string): void {
    this.problem ??= problem;
  }
}

function shown(text: string): string {
  const printable = text.replace(/[^ -~]/g, "?");
  return printable.length > 40 ? `${printable.slice(0, 40)}…` : printable;
}

function bad(problem: string): PolicyRecordResult {
  return { ok: false, problem };
}
