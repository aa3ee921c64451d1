import { storedAddress, type User, type UserKeys } from "../keyring/index.ts";
import { type Address, addressText } from "../message/index.ts";
import type { SigningKey } from "../signature/index.ts";
import type { Identification, Login, NoUse, Signed, SigningOrder, Spent } from "../signing/index.ts";
import { unlessUnavailable } from "./unless-unavailable.ts";

/** The signed key statement of an identity's key, for stapling (STP-1); null: there is nothing to staple. */
export type StatementOf = (identity: Address, kid: string) => Promise<string | null>;

export type Lent =
  | { readonly kind: "lent"; readonly keys: readonly SigningKey[] }
  | { readonly kind: "not-granted" }
  | NoUse;

/** A user whose keys are in the keyring of this process. */
export class KeyringLogin implements Login {
  readonly user: User;
  readonly accountId: string;
  readonly primary: Address;
  readonly countsOnSigning = true;
  readonly #keys: UserKeys;
  readonly #statementOf: StatementOf | null;
  /** Recipients that were counted and not signed for yet (PRV-27). */
  #credit = 0;
  #over = false;

  constructor(user: User, keys: UserKeys, statementOf: StatementOf | null) {
    this.user = user;
    this.accountId = user.account.id;
    this.primary = storedAddress(user.account.primaryAddress);
    this.#keys = keys;
    this.#statementOf = statementOf;
  }

  async identify(address: Address): Promise<Identification> {
    const answer = await this.rightsTo(address);
    if (answer.kind !== "granted" || this.#statementOf === null) return answer;
    const { identity } = answer;
    const keys = answer.keys.map(async (key) => {
      return { ...key, statement: (await this.#statementOf?.(identity, key.kid)) ?? null };
    });
    return { ...answer, keys: await Promise.all(keys) };
  }

  /** The same without statements. */
  rightsTo(address: Address): Promise<Identification> {
    return this.#ask(async () => {
      const answer = await this.#keys.identify(this.user, address);
      if (answer.kind !== "granted") return answer;
      return { ...answer, keys: answer.keys.map((key) => ({ ...key, statement: null })) };
    });
  }

  spend(recipients: number): Promise<Spent> {
    return this.#ask(async () => {
      const answer = await this.#keys.spend(this.user, recipients);
      if (answer.kind === "not-granted") return { kind: "suspended" };
      if (answer.kind === "spent") this.#credit += recipients;
      return answer;
    });
  }

  sign(order: Omit<SigningOrder, "headerCanonical">): Promise<Signed> {
    return this.#ask(async () => {
      const { recipientCount } = order;
      // What others wrote and this host passes on is no use of the account (decision 0116). Somebody who logged in
      // could write to himself once, and to the world from there.
      const isForward = (order.level ?? 0) > 0 && this.user.asserted;
      // Taken before anything is awaited, so that no two signatures draw on the same.
      const isCounted = !isForward && this.#credit >= recipientCount;
      if (isCounted) this.#credit -= recipientCount;
      let isSigned = false;
      try {
        const answer = await this.#keys.sign(this.user, { ...order, take: !isCounted && !isForward });
        isSigned = answer.kind === "signed";
        if (answer.kind !== "not-granted") return answer;
        return { kind: "refused", detail: `you may not sign as ${addressText(order.identity)}` };
      } finally {
        if (isCounted && !isSigned) this.#credit += recipientCount;
      }
    });
  }

  /** The private keys themselves (GETKEY). */
  lend(identity: Address): Promise<Lent> {
    return this.#ask(async () => {
      const answer = await this.#keys.privateKeys(this.user, identity);
      return answer.kind === "keys" ? { kind: "lent", keys: answer.keys } : answer;
    });
  }

  end(): void {
    this.#over = true;
  }

  async #ask<T>(ask: () => Promise<T>): Promise<T | NoUse> {
    return this.#over ? { kind: "ended" } : unlessUnavailable(ask);
  }
}
