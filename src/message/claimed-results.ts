import { fieldText, type Header, type HeaderField } from "./header.ts";
import type { HeaderEdit } from "./header-edits.ts";
import { claimsAuthservId } from "./read-authentication-results.ts";

/** Whether it is an Authentication-Results field in one of these names (REC-2). */
export function claimsResults(header: Header, field: HeaderField, authservIds: readonly string[]): boolean {
  if (field.name !== "authentication-results") return false;
  const value = fieldText(header, field);
  return authservIds.some((id) => claimsAuthservId(value, id));
}

/** Takes away results that somebody wrote in one of these names, and nothing else. */
export function withoutClaimedResults(header: Header, authservIds: readonly string[]): HeaderEdit[] {
  return header.fields
    .filter((field) => claimsResults(header, field, authservIds))
    .map((field) => ({ kind: "remove", field }));
}
