/** What a domain's policy says (RFC 8461 §3.2). */
export interface MtaStsPolicy {
  readonly mode: "enforce" | "testing" | "none";
  /** Names of its mail hosts in lower case; `*.` stands for one label. */
  readonly mx: readonly string[];
  readonly maxAgeSeconds: number;
}

/** RFC 8461 §3.2: a year; a longer time counts as this. */
const longestSeconds = 31_557_600;

/**
 * The id of the policy that a domain has, from the TXT records at `_mta-sts.` below it (RFC 8461 §3.1).
 *
 * @returns null when there is no record that counts, or more than one
 */
export function parseMtaStsRecord(texts: readonly string[]): string | null {
  const [text, ...more] = texts.filter((candidate) => /^v=STSv1[ \t]*;/.test(candidate));
  if (text === undefined || more.length > 0) return null;
  for (const field of text.split(";").slice(1)) {
    const [, id] = /^[ \t]*id=([A-Za-z0-9]{1,32})[ \t]*$/.exec(field) ?? [];
    if (id !== undefined) return id;
  }
  return null;
}

/** Reads a policy file (RFC 8461 §3.2): unknown fields do not matter, of repeated ones but `mx` the first counts. */
export function parseMtaStsPolicy(
  text: string,
): { ok: true; policy: MtaStsPolicy } | { ok: false; problem: string } {
  const fields = new Map<string, string>();
  const mx: string[] = [];
  for (const line of text.split(/\r?\n/)) {
    const [, name, value] = /^([A-Za-z0-9][\w.-]{0,31}):[ \t]*(.*?)[ \t]*$/.exec(line) ?? [];
    if (name === undefined || value === undefined) continue;
    if (name === "mx") mx.push(value.toLowerCase());
    else if (!fields.has(name)) fields.set(name, value);
  }
  const mode = fields.get("mode");
  const maxAge = fields.get("max_age") ?? "";
  if (fields.get("version") !== "STSv1") return { ok: false, problem: "version is not STSv1" };
  if (mode !== "enforce" && mode !== "testing" && mode !== "none")
    return { ok: false, problem: "mode is unknown" };
  if (!/^\d{1,10}$/.test(maxAge)) return { ok: false, problem: "max_age is not a number of seconds" };
  if (!mx.every((pattern) => mxPattern.test(pattern))) return { ok: false, problem: "an mx is no host name" };
  if (mx.length === 0 && mode !== "none") return { ok: false, problem: "mx is missing" };
  return { ok: true, policy: { mode, mx, maxAgeSeconds: Math.min(Number(maxAge), longestSeconds) } };
}

const mxPattern = /^(?:\*\.)?[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/;

/**
 * Whether a policy names this mail host (RFC 8461 §4.1).
 *
 * @param host A-labels in lower case
 */
export function coversMailHost(policy: MtaStsPolicy, host: string): boolean {
  const parent = host.slice(host.indexOf(".") + 1);
  return policy.mx.some((pattern) =>
    pattern.startsWith("*.") ? host.includes(".") && pattern.slice(2) === parent : pattern === host,
  );
}
