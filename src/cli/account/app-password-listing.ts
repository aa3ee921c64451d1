import type { CredentialSummary } from "../../keyring/index.ts";
import type { Column } from "../administration/table.ts";
import { isoDate, isoHour } from "../administration/time-text.ts";

/** Columns of a list of app passwords. */
export const appPasswordColumns: readonly Column<CredentialSummary>[] = [
  { heading: "ID", cell: ({ id }) => id },
  { heading: "NAME", cell: ({ name }) => name, yields: true },
  { heading: "LAST USED", cell: ({ lastUsedAt }) => (lastUsedAt === null ? "never" : isoHour(lastUsedAt)) },
  { heading: "ENDS", cell: ({ notAfter }) => (notAfter === null ? "never" : isoDate(notAfter)) },
  { heading: "MAY WRITE AS", cell: ({ addresses }) => addresses?.join(" ") ?? "all", yields: true },
];

/** What programs are told of an app password. */
export const appPasswordFields = {
  id: "names the app password",
  name: "what it is for",
  created_at: "when it was made",
  last_used_at: "accurate to an hour; null: never",
  not_after: "when it ends; null: never",
  from: "the addresses that it may write as; null: all that the account may",
} as const;

export function appPasswordObject(
  credential: CredentialSummary,
): Record<keyof typeof appPasswordFields, unknown> {
  return {
    id: credential.id,
    name: credential.name,
    created_at: credential.createdAt,
    last_used_at: credential.lastUsedAt,
    not_after: credential.notAfter,
    from: credential.addresses,
  };
}

/** Last used first; those never used by when they were made. */
export function byLastUse(credentials: readonly CredentialSummary[]): CredentialSummary[] {
  return credentials
    .filter(({ kind }) => kind === "app-password")
    .sort(
      (left, right) => (right.lastUsedAt ?? 0) - (left.lastUsedAt ?? 0) || right.createdAt - left.createdAt,
    );
}
