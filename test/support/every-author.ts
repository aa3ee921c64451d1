import assert from "node:assert/strict";
import type { Keyring } from "../../src/keyring/index.ts";
import { type Address, addressText } from "../../src/message/index.ts";
import { type Authors, KeyringSigner, type Signer } from "../../src/signing/index.ts";

/** Signs for every author as if each were an account here, who may also write for the others of its domain. */
export class EveryAuthor implements Signer {
  readonly #keyring: Keyring;
  readonly #signer: KeyringSigner;

  constructor(keyring: Keyring) {
    this.#keyring = keyring;
    this.#signer = new KeyringSigner(keyring);
  }

  async authorize(_account: string, authors: Authors): ReturnType<Signer["authorize"]> {
    const author = authors.sender ?? authors.from[0];
    assert.ok(author);
    return this.#signer.authorize(await this.#accountOf(author), authors);
  }

  async sign(order: Parameters<Signer["sign"]>[0]): ReturnType<Signer["sign"]> {
    return this.#signer.sign({ ...order, account: await this.#accountOf(order.identity) });
  }

  async #accountOf(author: Address): Promise<string> {
    const owner = await this.#keyring.owner(author);
    if (owner) return owner.id;
    await this.#keyring.addDomain(author.domain);
    const made = await this.#keyring.addAccount({ address: addressText(author) });
    assert.ok(made.ok, addressText(author));
    const { id } = made.account;
    const granted = await this.#keyring.grant(id, { kind: "on-behalf", target: `@${author.domain}` });
    assert.ok(granted.ok);
    return id;
  }
}
