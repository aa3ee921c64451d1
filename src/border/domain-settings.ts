import type { DomainPolicySettings } from "../config/index.ts";

/** How mail to one hosted domain is treated, where it differs from all others (ACT-8). */
export interface DomainSettings extends DomainPolicySettings {
  readonly name: string;
  /** Its actions count whoever brings the mail: what does not pass would be of no use, and could not be returned later. */
  readonly excusesNobody?: boolean;
}

/** Mail to this domain is treated as the settings for all say. */
export const forAllDomains: DomainSettings = { name: "", stage: null, actions: {}, senders: [] };

/** Whether mail to two domains is always treated alike. One reply answers for all recipients of a message. */
export function sameSettings(a: DomainSettings, b: DomainSettings): boolean {
  if (a === b) return true;
  const policyOf = ({ stage, actions, senders }: DomainSettings) => JSON.stringify([stage, actions, senders]);
  return policyOf(a) === policyOf(b);
}
