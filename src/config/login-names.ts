/** Which account somebody has who logged in to another mail server. */
export interface LoginNames {
  /** Where names without one belong; null: they are nobody's. */
  readonly domain: string | null;
  /** Addresses of accounts, by names that are not theirs. */
  readonly exceptions: ReadonlyMap<string, string>;
}

/** What needs no quotes as an address: elsewhere than in a list, comments and quotes would name somebody else. */
const PLAIN = /^[^\s\p{Cc}()<>[\]:;@\\,"]+(?:@[^\s\p{Cc}()<>:;@\\,"]+)?$/u;

/**
 * The address that a login name stands for: the one that is listed for it, itself where it is one, else the name in the
 * usual domain. Null where there is none. Whether it is an account's, the vault knows.
 *
 * A server of logins may take a name in any case, and with the usual domain behind it or not; its user could choose the
 * spelling that is not listed, and be whose address it is. So they are all the same name, unless the list tells them apart.
 */
export function accountOf(names: LoginNames, login: string): string | null {
  const { domain, exceptions } = names;
  const listed = exceptions.get(login) ?? alikeIn(names).get(fold(login, domain));
  if (listed !== undefined) return listed;
  if (!PLAIN.test(login)) return null;
  if (login.includes("@")) return login;
  return domain === null ? null : `${login}@${domain}`;
}

const alikes = new WeakMap<LoginNames, ReadonlyMap<string, string | null>>();

/** Accounts by folded names; null where two names differ in nothing else: which of them is meant nobody can tell. */
function alikeIn(names: LoginNames): ReadonlyMap<string, string | null> {
  const known = alikes.get(names);
  if (known !== undefined) return known;
  const alike = new Map<string, string | null>();
  for (const [name, account] of names.exceptions) {
    const folded = fold(name, names.domain);
    const other = alike.get(folded);
    alike.set(folded, other === undefined || other === account ? account : null);
  }
  alikes.set(names, alike);
  return alike;
}

/** As addresses are compared: of other scripts no case is folded. */
function fold(name: string, domain: string | null): string {
  const lower = lowerAscii(name.normalize("NFC"));
  return domain !== null && lower.endsWith(`@${domain}`) ? lower.slice(0, -domain.length - 1) : lower;
}

function lowerAscii(text: string): string {
  return text.replace(/[A-Z]+/g, (some) => some.toLowerCase());
}
