import { type KeyObject, sign } from "node:crypto";
import { statementInput } from "../key-protocol/index.ts";
import type { Keyring } from "./keyring.ts";

/**
 * Signs key statements under the statement keys `dk` of the keyring's domains (STA-3). Signing is synchronous, so
 * the keys are held in memory; when the keyring has changed they are read again behind the next signature.
 */
export class StatementSigning {
  readonly #keyring: Keyring;
  readonly #onFailure: (cause: unknown) => void;
  #keys: ReadonlyMap<string, KeyObject | null> = new Map();
  #changeCount = Number.NaN;
  #reading = false;

  private constructor(keyring: Keyring, onFailure: (cause: unknown) => void) {
    this.#keyring = keyring;
    this.#onFailure = onFailure;
  }

  /** @param onFailure is told why keys could not be read again */
  static async open(
    keyring: Keyring,
    onFailure: (cause: unknown) => void = () => {},
  ): Promise<StatementSigning> {
    const signing = new StatementSigning(keyring, onFailure);
    await signing.#read();
    return signing;
  }

  /** Every hosted domain has a statement key, so that SIGNED may be announced (STA-5). */
  get everyDomain(): boolean {
    return this.#keys.size > 0 && [...this.#keys.values()].every((key) => key !== null);
  }

  /** The octets of `s` over a statement's text; null where the domain has no statement key. */
  sign(domain: string, text: string): Uint8Array | null {
    if (!this.#reading && this.#keyring.changeCount() !== this.#changeCount) {
      // A failure leaves the keys as they are and the count as it was: the next signature tries again.
      this.#read().catch(this.#onFailure);
    }
    const key = this.#keys.get(domain) ?? null;
    return key === null ? null : sign(null, statementInput(text), key);
  }

  async #read(): Promise<void> {
    this.#reading = true;
    try {
      const changeCount = this.#keyring.changeCount();
      const keys = new Map<string, KeyObject | null>();
      for (const { name } of await this.#keyring.domains()) {
        keys.set(name, (await this.#keyring.statementKey(name))?.privateKey ?? null);
      }
      this.#keys = keys;
      this.#changeCount = changeCount;
    } finally {
      this.#reading = false;
    }
  }
}
