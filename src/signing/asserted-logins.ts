import { LRUCache } from "lru-cache";
import { type Address, addressText } from "../message/index.ts";
import type { Denied, Login, Unavailable, Vault } from "./vault.ts";

/** What the vault says to who is to be asserted; null: nobody has an account of that address. */
export type Asserted = Login | null | Denied | Unavailable;

const MOST = 10_000;
const REMEMBER_MS = 5 * 60_000;

/**
 * Logins of users whom another mail server has authenticated. One serves all that a user sends from one place for some minutes:
 * each costs an entry in the audit log, and with a vault elsewhere a ticket (PRV-9: SHOULD be rare). What the account may do
 * is asked each time all the same.
 */
export class AssertedLogins {
  readonly #vault: Pick<Vault, "assert">;
  readonly #logins = new LRUCache<string, Promise<Asserted>>({
    max: MOST,
    ttl: REMEMBER_MS,
    dispose: (login) => void login.then(end, () => {}),
  });

  constructor(vault: Pick<Vault, "assert">) {
    this.#vault = vault;
  }

  /** @param client the user's network address, for the audit log */
  async of(account: Address, client: string): Promise<Asserted> {
    const name = nameOf(account, client);
    const known = this.#logins.get(name);
    if (known !== undefined) return known;
    const asked = this.#vault.assert(account, { client, channelBinding: null });
    this.#logins.set(name, asked);
    let login: Asserted = null;
    try {
      login = await asked;
      return login;
    } finally {
      // Only a login is worth remembering: an account may be made, and a vault come back, at any time.
      if (login === null || "kind" in login) this.#forget(name, asked);
    }
  }

  /** This one is good no more; another that has taken its place meanwhile stays. */
  async forget(account: Address, client: string, login: Login): Promise<void> {
    const known = this.#logins.peek(nameOf(account, client));
    if (known !== undefined && (await known.catch(() => null)) === login)
      this.#forget(nameOf(account, client), known);
  }

  close(): void {
    this.#logins.clear();
  }

  #forget(name: string, asked: Promise<Asserted>): void {
    if (this.#logins.peek(name) === asked) this.#logins.delete(name);
  }
}

function nameOf(account: Address, client: string): string {
  return `${addressText(account)} ${client}`;
}

function end(login: Asserted): void {
  if (login !== null && !("kind" in login)) login.end();
}
