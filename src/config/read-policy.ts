import * as z from "zod";
import { buildPolicy } from "./build-policy.ts";
import { policy } from "./policy-schema.ts";
import type { PolicySettings } from "./policy-settings.ts";
import { describeIssues } from "./problems.ts";

export type PolicyResult =
  | { readonly ok: true; readonly policy: PolicySettings }
  /** Each says what is wrong with a setting, and the fix. */
  | { readonly ok: false; readonly problems: readonly string[] };

const schema = z.strictObject({ policy });

/**
 * The table `[policy]` of vsmtp.toml by itself, for programs with a settings file of their own: they take the same names
 * and values, and have the same defaults.
 *
 * @param written such as `{ stage: "observe", actions: { revoked: "quarantine" } }`
 */
export function readPolicy(written: unknown): PolicyResult {
  const checked = schema.safeParse({ policy: written }, { reportInput: true });
  const problems: string[] = [];
  if (checked.success) {
    const built = buildPolicy(checked.data.policy, (_path, message) => problems.push(message));
    return problems.length === 0 ? { ok: true, policy: built } : { ok: false, problems };
  }
  const issues = describeIssues(checked.error.issues, schema, () => 0);
  return { ok: false, problems: issues.map(({ message }) => message) };
}
