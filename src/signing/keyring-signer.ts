import {
  type AccountRights,
  type Keyring,
  KeyringStoreError,
  MasterKeyError,
  maySignAs,
  mayWriteFrom,
  storedAddress,
} from "../keyring/index.ts";
import type { Address } from "../message/index.ts";
import { signInput } from "../signature/index.ts";
import type { Authorization, Authors, Signed, Signer, SigningOrder, Unavailable } from "./signer.ts";

/** Signs with the keys of the keyring in this process. */
export class KeyringSigner implements Signer {
  readonly #keyring: Keyring;

  constructor(keyring: Keyring) {
    this.#keyring = keyring;
  }

  async authorize(account: string, authors: Authors): Promise<Authorization> {
    try {
      const rights = await this.#keyring.rights(account);
      if (rights === null || rights.account.state === "suspended") return { kind: "suspended" };
      const decision = decide(rights, authors);
      if (decision.kind === "not-granted") return decision;
      const answer = await this.#keyring.signingKey(account, decision.identity);
      if (answer.kind === "key") return { ...decision, keys: [answer.key] };
      if (answer.reason === "suspended") return { kind: "suspended" };
      return {
        kind: "unavailable",
        cause: new Error(`no key signs for account ${account}: ${answer.reason}`),
      };
    } catch (error) {
      return unavailable(error);
    }
  }

  async sign(order: SigningOrder): Promise<Signed> {
    try {
      const answer = await this.#keyring.signingKey(order.account, order.identity);
      if (answer.kind === "refused" && answer.reason === "suspended") return { kind: "suspended" };
      if (answer.kind === "refused" || answer.key.kid !== order.kid) {
        return {
          kind: "unavailable",
          cause: new Error(`key ${order.kid} was replaced while the message was signed`),
        };
      }
      return { kind: "signed", signature: signInput(answer.key, order.input) };
    } catch (error) {
      return unavailable(error);
    }
  }
}

type Decision =
  | { readonly kind: "authorized"; readonly identity: Address; readonly addSender: boolean }
  | { readonly kind: "not-granted"; readonly address: Address };

/** SUB-1 to SUB-3. */
function decide(rights: AccountRights, { from, sender }: Authors): Decision {
  for (const author of from) {
    if (!mayWriteFrom(rights, author)) return { kind: "not-granted", address: author };
  }
  if (sender !== null) {
    return maySignAs(rights, sender)
      ? { kind: "authorized", identity: sender, addSender: false }
      : { kind: "not-granted", address: sender };
  }
  const [only, ...others] = from;
  if (only !== undefined && others.length === 0 && maySignAs(rights, only)) {
    return { kind: "authorized", identity: only, addSender: false };
  }
  return { kind: "authorized", identity: agentFor(rights, only), addSender: true };
}

/** An own address in the domain of From, since no grant reaches across domains (IDY-10); else the primary one. */
function agentFor(rights: AccountRights, from: Address | undefined): Address {
  const addresses = rights.addresses.map(storedAddress);
  return (
    addresses.find(({ domain }) => domain === from?.domain) ?? storedAddress(rights.account.primaryAddress)
  );
}

function unavailable(error: unknown): Unavailable {
  if (error instanceof KeyringStoreError || error instanceof MasterKeyError)
    return { kind: "unavailable", cause: error };
  throw error;
}
