import type { Transferred } from "../../store/index.ts";
import { countText } from "./count-text.ts";

/** What `vsmtp export` and `vsmtp import` say of what went through them. */
export const transferFields = {
  file: "the export",
  domains: "how many",
  accounts: "how many, removed ones included",
  keys: "how many, those of the history included",
  enrolments: "how many",
  audit_entries: "how many",
};

export function transferObject(
  file: string,
  { counts }: Transferred,
): Readonly<Record<keyof typeof transferFields, unknown>> {
  return {
    file,
    domains: counts.domain,
    accounts: counts.account,
    keys: counts.key_pair,
    enrolments: counts.enrolment,
    audit_entries: counts.audit,
  };
}

/** `1 account and 3 entries of the audit log` */
export function transferText({ counts }: Transferred): string {
  const { account = 0, audit = 0 } = counts;
  return `${countText(account, "account")} and ${countText(audit, "entry")} of the audit log`;
}
