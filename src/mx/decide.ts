import type { PolicySettings } from "../config/index.ts";
import { fromDomains } from "../signature/index.ts";
import { type ActionContext, type Decision, decideAction, type Verified } from "../verification/index.ts";
import type { Incoming } from "./incoming.ts";
import type { DomainSettings } from "./mx-options.ts";
import type { Rulebook } from "./rulebook.ts";
import type { TrustedSources } from "./trusted-sources.ts";

/** What the action depends on beside what was found out of the message. */
export interface Decisive extends Pick<ActionContext, "repeated" | "forgedBounce"> {
  /** Of the recipients' domain. */
  readonly domain: DomainSettings;
  readonly policy: PolicySettings;
  readonly rulebook: Rulebook;
  readonly trusted: TrustedSources;
}

/** Decides what is done with a message. The envelope has a say through its recipients, never through its reverse path (NBR-3). */
export function decide(
  { session, message }: Incoming,
  verified: Verified,
  { domain, policy, rulebook, trusted, repeated, forgedBounce }: Decisive,
): Decision {
  const { verdict } = verified;
  const { header, index } = message.scanned;
  const from = () => fromDomains(header, index);
  return decideAction(verdict, {
    rules: rulebook.rulesFor(domain, from, verdict.rcpt === "mismatch"),
    policy: verified.policy,
    trusted: domain.excusesNobody ? null : trusted.nameOf(session.remoteAddress, verified),
    dmarc: policy.dmarcOverrides && !domain.excusesNobody ? dmarcDomain(verified, from) : null,
    mismatch: policy.mismatch,
    repeated,
    replays: policy.replays,
    forgedBounce,
  });
}

/** The From domain that passes DMARC: the only one that we, too, read there. */
function dmarcDomain({ neighbours }: Verified, from: () => readonly string[]): string | null {
  if (neighbours?.dmarc.result !== "pass") return null;
  const [domain, ...others] = from();
  return domain === neighbours.dmarc.domain && others.length === 0 ? domain : null;
}
