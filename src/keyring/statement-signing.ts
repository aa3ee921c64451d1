import { type KeyObject, sign } from "node:crypto";
import { statementInput } from "../key-protocol/index.ts";
import type { Keyring } from "./keyring.ts";

/**
 * Signs key statements under the statement keys `dk` of the keyring's domains (STA-3). Signing is synchronous, so
 * the keys are held in memory; {@link current} reads them again when the keyring has changed.
 */
export class StatementSigning {
  readonly #keyring: Keyring;
  readonly #onFailure: (cause: unknown) => void;
  #keys: ReadonlyMap<string, KeyObject | null> = new Map();
  #changeCount = Number.NaN;
  #reading: Promise<void> | null = null;

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

  /**
   * Waits until the keys are those of the keyring as it is now: to be asked before a statement is made, so that the
   * first one of a domain that was just added is signed. When they cannot be read, those before go on signing.
   */
  async current(): Promise<void> {
    if (this.#keyring.changeCount() === this.#changeCount) return;
    this.#reading ??= this.#read()
      .catch(this.#onFailure)
      .finally(() => {
        this.#reading = null;
      });
    await this.#reading;
  }

  /** The octets of `s` over a statement's text; null where the domain has no statement key. */
  sign(domain: string, text: string): Uint8Array | null {
    const key = this.#keys.get(domain) ?? null;
    return key === null ? null : sign(null, statementInput(text), key);
  }

  async #read(): Promise<void> {
    const changeCount = this.#keyring.changeCount();
    const keys = new Map<string, KeyObject | null>();
    for (const { name } of await this.#keyring.domains()) {
      keys.set(name, (await this.#keyring.statementKey(name))?.privateKey ?? null);
    }
    this.#keys = keys;
    this.#changeCount = changeCount;
  }
}
