import type { TagSettings } from "../config/index.ts";
import { RELEASE_FIELD } from "../queue/index.ts";
import type { Verdict } from "../signature/index.ts";
import type { Decision } from "../verification/index.ts";

/** The field by which the border tells what it did with a message that it tagged or quarantined. */
const FLAG = "X-VSMTP-Flag";

/** Names, in lower case, of the fields that only this border may write. */
export function tagFieldNames({ fields }: TagSettings): ReadonlySet<string> {
  return new Set([FLAG, RELEASE_FIELD, ...fields.map(({ name }) => name)].map((name) => name.toLowerCase()));
}

/**
 * What tells people and their mail clients' rules: `X-VSMTP-Flag: tag; VSMTP/revoked`, and the operator's own fields.
 * A message that passes names the setting for which it is marked all the same. Empty for a message that is not.
 */
export function tagFields(
  { action, because }: Pick<Decision, "action" | "because">,
  { result, reason }: Pick<Verdict, "result" | "reason">,
  { fields }: TagSettings,
): string {
  if (action !== "tag" && action !== "quarantine") return "";
  const setting = result === "pass" && because !== null ? `; ${because}` : "";
  const flag = `${FLAG}: ${action}; VSMTP/${reason ?? result}${setting}\r\n`;
  return flag + fields.map(({ name, value }) => `${name}: ${value}\r\n`).join("");
}
