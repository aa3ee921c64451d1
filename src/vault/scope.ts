import { type Address, addressText } from "../message/index.ts";

/** Whether an enrolment may have to do with an account or identity of this address (PRV-2, PRV-3). */
export function isInScope(scope: readonly string[], address: Address): boolean {
  return scope.some((entry) => entry === "*" || entry === address.domain || entry === addressText(address));
}
