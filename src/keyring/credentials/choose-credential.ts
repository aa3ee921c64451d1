import type { CredentialRecord } from "../records.ts";
import { parseAppPassword } from "./app-password.ts";
import { preparePassword } from "./password-hash.ts";

/** The one password that is tried: what has the form of an app password names the one it would be. */
export function chooseCredential(
  credentials: readonly CredentialRecord[],
  typed: string,
): { readonly credential: CredentialRecord | null; readonly prepared: string | null } {
  const app = parseAppPassword(typed);
  const named = app && credentials.find(({ id, kind }) => kind === "app-password" && id === app.id);
  if (named) return { credential: named, prepared: app.password };
  const password = credentials.find(({ kind }) => kind === "password");
  return { credential: password ?? null, prepared: preparePassword(typed) };
}
