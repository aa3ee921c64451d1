import { dmarc } from "mailauth/lib/dmarc/index.js";
import {
  type AuthenticationResult,
  canonicalDomain,
  fieldText,
  type Header,
  parseMailboxes,
} from "../message/index.ts";
import type { Resolve } from "./message-dns.ts";
import type { NeighbourResults } from "./neighbour-results.ts";
import { recordable, resultOf } from "./result-words.ts";

export interface DmarcOutcome {
  readonly found: NeighbourResults["dmarc"];
  readonly recorded: AuthenticationResult;
}

/** More names than anybody reads. */
const MAX_FROM_OCTETS = 64 << 10;

/**
 * The one domain whose author it is (RFC 9989 §5.3.1). Null where there is none, or more than one, or where readers could
 * see another.
 */
export function authorDomain(header: Header): string | null {
  const [field, ...others] = header.fields.filter(({ name }) => name === "from");
  if (field === undefined || others.length > 0 || field.end - field.start > MAX_FROM_OCTETS) return null;
  const parsed = parseMailboxes(fieldText(header, field));
  if (!parsed.ok) return null;
  const domains = new Set(
    parsed.mailboxes.map(({ address }) => (address.literal ? null : canonicalDomain(address.domain))),
  );
  const [domain = null] = domains;
  return domains.size === 1 ? domain : null;
}

/** @param passing the domains that SPF and DKIM proved */
export async function checkDmarc(
  domain: string | null,
  passing: { readonly spf: string | null; readonly dkim: readonly string[] },
  resolve: Resolve,
): Promise<DmarcOutcome> {
  if (domain === null) return dmarcOutcome("permerror", null, null, "there is not exactly one From domain");
  const answer = await dmarc({
    headerFrom: domain,
    fromFields: 1,
    spfDomains: passing.spf === null ? [] : [passing.spf],
    dkimDomains: passing.dkim.map((aligned) => ({ domain: aligned })),
    resolver: resolve,
  });
  if (answer === false) return dmarcOutcome("permerror", domain, null);
  const { policy } = answer as { policy?: unknown };
  const wanted = policy === "none" || policy === "quarantine" || policy === "reject" ? policy : null;
  return dmarcOutcome(answer.status.result, domain, wanted);
}

export function dmarcOutcome(
  word: string,
  domain: string | null,
  policy: DmarcOutcome["found"]["policy"],
  reason: string | null = null,
): DmarcOutcome {
  const result = resultOf(word);
  const properties = recordable([
    ["header.from", domain],
    ["policy.dmarc", policy],
  ]);
  return { found: { result, domain, policy }, recorded: { method: "dmarc", result, reason, properties } };
}
