import type { Outcome } from "../../keyring/index.ts";
import { UsageError } from "../usage-error.ts";

/** What an act gave; a refusal is the one line that the operator reads. */
export function succeeded<T extends object>(outcome: Outcome<T>): { readonly ok: true } & T {
  if (!outcome.ok) throw new UsageError(outcome.detail);
  return outcome;
}
