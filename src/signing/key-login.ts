import { type Address, addressText, encodeAddress, sameAddress } from "../message/index.ts";
import { type SigningKey, signInput } from "../signature/index.ts";
import type { Identification, KeyName, Login, Signed, SigningOrder, Spent } from "./vault.ts";

/**
 * A login of whoever holds an address's private keys himself, without a vault: it writes as that address only, never ends
 * and counts nothing. Nobody can suspend it; what stops its mail is that the key is revoked.
 */
export class KeyLogin implements Login {
  readonly accountId: string;
  readonly primary: Address;
  readonly countsOnSigning = true;
  readonly #keys: ReadonlyMap<string, SigningKey>;
  readonly #names: readonly KeyName[];

  /**
   * @param keys one Ed25519 key, or an Ed25519 and an RSA key (SIG-35)
   * @throws RangeError when they are not
   */
  constructor(address: Address, keys: readonly SigningKey[]) {
    const ofEach = new Set(keys.map(({ algorithm }) => algorithm));
    if (!ofEach.has("ed25519-sha256") || ofEach.size < keys.length) {
      throw new RangeError(
        `${encodeAddress(address)} needs one Ed25519 key, beside which an RSA key may stand (SIG-35)`,
      );
    }
    this.accountId = addressText(address);
    this.primary = address;
    this.#keys = new Map(keys.map((key) => [key.kid, key]));
    this.#names = keys
      .map(({ kid, algorithm }) => ({ kid, algorithm, statement: null }))
      .sort((a, b) => a.algorithm.localeCompare(b.algorithm)); // Ed25519 first
  }

  async identify(address: Address): Promise<Identification> {
    if (!sameAddress(address, this.primary)) return { kind: "not-granted" };
    return { kind: "granted", identity: this.primary, keys: this.#names };
  }

  async spend(): Promise<Spent> {
    return { kind: "spent" };
  }

  async sign({ kid, input }: SigningOrder): Promise<Signed> {
    const key = this.#keys.get(kid);
    return key ? { kind: "signed", signature: signInput(key, input) } : { kind: "replaced" };
  }

  end(): void {}
}
