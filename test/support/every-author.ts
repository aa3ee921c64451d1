import assert from "node:assert/strict";
import type { Keyring } from "../../src/keyring/index.ts";
import {
  type Address,
  addressText,
  canonicalize,
  fieldText,
  HeaderReader,
  parseHeader,
  parseMailboxes,
} from "../../src/message/index.ts";
import type { Login, SigningOrder, Vault } from "../../src/signing/index.ts";

/** Signs for every author as if each were an account here, who may also write for the others of its domain. */
export class EveryAuthor implements Login {
  readonly accountId = "";
  readonly primary = { localPart: "every-author", domain: "corpus.test" };
  readonly countsOnSigning = true;
  readonly #keyring: Keyring;
  readonly #vault: Vault;
  #login: Login | null = null;

  constructor(keyring: Keyring, vault: Vault) {
    this.#keyring = keyring;
    this.#vault = vault;
  }

  /** Another message comes: its Sender writes it, or else its first author. */
  async next(message: Uint8Array): Promise<void> {
    const sender = senderOf(message);
    this.#login = sender && (await this.#logInAs(sender));
  }

  async identify(author: Address): ReturnType<Login["identify"]> {
    this.#login ??= await this.#logInAs(author);
    return this.#login.identify(author);
  }

  spend(recipients: number): ReturnType<Login["spend"]> {
    assert.ok(this.#login);
    return this.#login.spend(recipients);
  }

  sign(order: SigningOrder): ReturnType<Login["sign"]> {
    assert.ok(this.#login);
    return this.#login.sign(order);
  }

  end(): void {}

  async #logInAs(author: Address): Promise<Login> {
    if ((await this.#keyring.owner(author)) === null) await this.#addAccount(author);
    const login = await this.#vault.assert(author, { client: "", channelBinding: null });
    assert.ok(login !== null && !("kind" in login));
    return login;
  }

  async #addAccount(author: Address): Promise<void> {
    await this.#keyring.addDomain(author.domain);
    const made = await this.#keyring.addAccount({ address: addressText(author) });
    assert.ok(made.ok, addressText(author));
    const granted = await this.#keyring.grant(made.account.id, {
      kind: "on-behalf",
      target: `@${author.domain}`,
    });
    assert.ok(granted.ok);
  }
}

function senderOf(message: Uint8Array): Address | null {
  const reader = new HeaderReader();
  reader.write(message);
  const header = parseHeader(reader.finish());
  const field = header.fields.find(({ name }) => name === "sender");
  const parsed = field && parseMailboxes(fieldText(header, field));
  const [mailbox] = parsed?.ok ? parsed.mailboxes : [];
  const result = mailbox && canonicalize(mailbox.address);
  return result?.ok ? result.address : null;
}
