/** Which account somebody has who logged in to another mail server. */
export interface LoginNames {
  /** Where names without one belong; null: they are nobody's. */
  readonly domain: string | null;
  /** Addresses of accounts, by names that are not theirs. */
  readonly exceptions: ReadonlyMap<string, string>;
}

/**
 * The address that a login name stands for: the one that is listed for it, itself where it is one, else the name in the
 * usual domain. Null where there is none. Whether it is an account's, the vault knows.
 */
export function accountOf({ domain, exceptions }: LoginNames, login: string): string | null {
  const listed = exceptions.get(login);
  if (listed !== undefined) return listed;
  if (login === "" || login.includes("@")) return login || null;
  return domain === null ? null : `${login}@${domain}`;
}
