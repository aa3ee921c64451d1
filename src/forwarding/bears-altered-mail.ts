import type { PolicySource, Resolver } from "../dns/index.ts";

/**
 * Whether mail From a domain may be altered without being refused for it. False where nobody can tell now: what a list sends
 * in its own name passes in any case.
 */
export type BearsAlteredMail = (domain: string) => Promise<boolean>;

/** More labels than this nobody has below a domain with a record (RFC 9989 §4.10). */
const MAX_QUERIES = 8;

/** A domain bears it unless its VSMTP policy (CUS-6), or DMARC's (RFC 9989), wants what does not pass refused or set apart. */
export function bearsAlteredMail(policies: PolicySource, resolver: Resolver): BearsAlteredMail {
  return async (domain) => {
    const [own, dmarc] = await Promise.all([policies.policyFor(domain), bearsDmarc(domain, resolver)]);
    if (own.kind === "failure") return false;
    const isStrict = own.kind === "policy" && own.policy !== "none" && !own.testing;
    return !isStrict && dmarc;
  };
}

async function bearsDmarc(domain: string, resolver: Resolver): Promise<boolean> {
  const labels = domain.split(".");
  const names = labels.map((_, index) => labels.slice(index).join("."));
  // The domain itself, then what is above it, of which the nearest few count.
  for (const name of [domain, ...names.slice(1).slice(-(MAX_QUERIES - 1))]) {
    const answer = await resolver.txt(`_dmarc.${name}`);
    if (answer.kind === "failure") return false;
    const records =
      answer.kind === "records" ? answer.records.filter((one) => /^v=DMARC1\s*(?:;|$)/.test(one)) : [];
    if (records.length !== 1) continue;
    const tag = (wanted: string): string | undefined =>
      new RegExp(`;\\s*${wanted}\\s*=\\s*([a-z]+)`, "i").exec(records[0] as string)?.[1]?.toLowerCase();
    if (tag("t") === "y") return true;
    const policy = (name === domain ? undefined : tag("sp")) ?? tag("p");
    return policy !== "quarantine" && policy !== "reject";
  }
  return true;
}
