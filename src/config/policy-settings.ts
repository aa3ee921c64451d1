import type { Action, Actions, Stage } from "./actions.ts";

/** What is done with mail that comes in (ACT-4, ACT-8). */
export interface PolicySettings {
  readonly stage: Stage;
  /** For all mail. */
  readonly actions: Actions;
  /** For mail From some domains, to all recipients. */
  readonly senders: readonly SenderRule[];
  /** The stage is told in the reply to EHLO (ACT-7). */
  readonly announce: boolean;
  /** For everything that verifying one message waits for. */
  readonly deadlineMs: number;
  /** What is done with a repeat of what was delivered already. */
  readonly replays: "drop" | "tag" | "accept";
  /** What is done with reports of failure about mail that nobody here sent. */
  readonly forgedBounces: "accept" | "reject";
  /** What is done with mail that passes, to others than its author addressed, from a host that nobody trusts (VER-17). */
  readonly mismatch: Extract<Action, "deliver" | "tag" | "quarantine">;
  /** The From domain's `p` does not apply to unsigned and damaged mail that passes DMARC. */
  readonly dmarcOverrides: boolean;
  readonly trusted: readonly TrustedSource[];
  readonly tag: TagSettings;
}

/** What differs for mail to one hosted domain; null and missing actions mean: as for all. */
export interface DomainPolicySettings {
  readonly stage: Stage | null;
  readonly actions: Actions;
  readonly senders: readonly SenderRule[];
}

/** What differs for mail From a domain. */
export interface SenderRule {
  /** A domain, or `.domain` for all below it: A-labels, lower case. */
  readonly pattern: string;
  readonly stage: Stage | null;
  readonly actions: Actions;
}

/** Lists and forwarders that are known to bring mail from others (ACT-6): what fits one of these is trusted. */
export interface TrustedSource {
  /** For logs and Authentication-Results. */
  readonly name: string;
  /** Networks of the sending host, as `192.0.2.0/24`. */
  readonly clients: readonly string[];
  /** Domains, or `.domain` for all below: who sealed the message (RFC 8617), every one of them. */
  readonly arc: readonly string[];
  /** Domains, or `.domain` for all below: whose DKIM signature verifies. */
  readonly dkim: readonly string[];
  /** Addresses that answer for the delivery with a custody level (VER-15), canonical. */
  readonly forwarders: readonly string[];
}

/** What tagged mail carries beside `X-VSMTP-Flag`. */
export interface TagSettings {
  /** Put before the text of Subject; null: nothing. */
  readonly subject: string | null;
  /** Fields that mail servers and clients sort by, such as `X-Spam-Flag: YES`. */
  readonly fields: readonly { readonly name: string; readonly value: string }[];
}

/** Whether a domain fits `domain`, or `.domain` for all below it. */
export function fitsDomain(pattern: string, domain: string): boolean {
  return pattern.startsWith(".") ? domain.endsWith(pattern) : domain === pattern;
}
