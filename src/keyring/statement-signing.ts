import { type KeyObject, sign } from "node:crypto";
import type { ChangeFeed } from "../changes/index.ts";
import { statementInput } from "../key-protocol/index.ts";
import { isAccountId } from "./account-id.ts";
import { FreshCache } from "./fresh-cache.ts";
import type { PublicKeyringStore } from "./keyring-store.ts";

export interface StatementSigningOptions {
  readonly store: ChangeFeed & Pick<PublicKeyringStore, "publicDomains">;
  /** The private half of a domain's `dk`; null where there is none. */
  readonly privateKey: (domain: string) => Promise<KeyObject | null>;
  /** How many domains' keys are held in memory. Default 10,000. */
  readonly remembered?: number;
  /** Is told why the domains could not be read again; until they can be, SIGNED is not announced. */
  readonly onFailure?: (cause: unknown) => void;
}

/** Signs key statements under the statement keys `dk` of the domains (STA-3); has no other keys. */
export class StatementSigning {
  readonly #store: StatementSigningOptions["store"];
  readonly #onFailure: (cause: unknown) => void;
  readonly #keys: FreshCache<KeyObject>;
  #everyDomain = false;
  /** The count at which that was known; NaN while it is not. */
  #asOf = Number.NaN;
  #reading = false;

  private constructor({ store, privateKey, remembered, onFailure }: StatementSigningOptions) {
    this.#store = store;
    this.#onFailure = onFailure ?? (() => {});
    this.#keys = new FreshCache<KeyObject>(store, remembered ?? 10_000, privateKey, (_key, name) => [name]);
  }

  static async open(options: StatementSigningOptions): Promise<StatementSigning> {
    const signing = new StatementSigning(options);
    await signing.#read();
    return signing;
  }

  /**
   * Every hosted domain has a statement key, so that SIGNED may be announced (STA-5). False also for the moment that it
   * takes to look at the domains again after one of them has changed.
   */
  get everyDomain(): boolean {
    const count = this.#store.changeCount();
    if (count !== this.#asOf) {
      const changed = Number.isNaN(this.#asOf) ? null : this.#store.changedSince(this.#asOf);
      if (changed !== null && [...changed].every(isAccountId)) this.#asOf = count;
      else void this.#readAgain();
    }
    return count === this.#asOf && this.#everyDomain;
  }

  /** The octets of `s` over a statement's text; null where the domain has no statement key. */
  async sign(domain: string, text: string): Promise<Uint8Array | null> {
    const key = await this.#keys.get(domain);
    return key === null ? null : sign(null, statementInput(text), key);
  }

  async #readAgain(): Promise<void> {
    if (this.#reading) return;
    this.#reading = true;
    this.#asOf = Number.NaN;
    try {
      await this.#read();
    } catch (cause) {
      this.#onFailure(cause);
    } finally {
      this.#reading = false;
    }
  }

  async #read(): Promise<void> {
    const asOf = this.#store.changeCount();
    const domains = await this.#store.publicDomains();
    this.#everyDomain = domains.length > 0 && domains.every(({ statementKey }) => statementKey !== null);
    this.#asOf = asOf;
  }
}
