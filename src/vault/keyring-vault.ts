import { type AccountRecord, type Authenticator, storedAddress, type UserKeys } from "../keyring/index.ts";
import type { Address } from "../message/index.ts";
import type { LoginContext, LoginStep, Unavailable, Vault } from "../signing/index.ts";
import { KeyringLogin, type StatementOf } from "./keyring-login.ts";
import { unlessUnavailable } from "./unless-unavailable.ts";

export interface KeyringVaultOptions {
  readonly authenticator: Authenticator;
  readonly keys: UserKeys;
  /** For the audit log: who asks. Default `submission`. */
  readonly actor?: string;
  /** Whether accounts with this primary address may log in here. Default all. */
  readonly serves?: (primary: Address) => boolean;
  readonly statementOf?: StatementOf | null;
}

export type KeyringLoginStep =
  | (LoginStep & { kind: Exclude<LoginStep["kind"], "accepted"> })
  | { readonly kind: "accepted"; readonly login: KeyringLogin };

/** The vault in this process: accounts, keys and passwords are those of its keyring. */
export class KeyringVault implements Vault {
  readonly #authenticator: Authenticator;
  readonly #keys: UserKeys;
  readonly #actor: string;
  readonly #serves: (primary: Address) => boolean;
  readonly #statementOf: StatementOf | null;

  constructor(options: KeyringVaultOptions) {
    this.#authenticator = options.authenticator;
    this.#keys = options.keys;
    this.#actor = options.actor ?? "submission";
    this.#serves = options.serves ?? (() => true);
    this.#statementOf = options.statementOf ?? null;
  }

  get mechanisms(): readonly string[] {
    return this.#authenticator.mechanisms;
  }

  logIn(
    mechanism: string,
    context: LoginContext,
  ): { respond(response: Uint8Array | null): Promise<KeyringLoginStep>; cancel(): void } | null {
    const serves = ({ primaryAddress }: AccountRecord) => this.#serves(storedAddress(primaryAddress));
    const exchange = this.#authenticator.logIn(mechanism, { ...context, actor: this.#actor, serves });
    if (exchange === null) return null;
    return {
      respond: (response) =>
        unlessUnavailable(async () => {
          const step = await exchange.respond(response);
          if (step.kind !== "accepted") return step;
          return { kind: "accepted", login: new KeyringLogin(step.user, this.#keys, this.#statementOf) };
        }),
      cancel: () => exchange.cancel(),
    };
  }

  assert(address: Address, { client }: LoginContext): Promise<KeyringLogin | null | Unavailable> {
    return unlessUnavailable(async () => {
      const user = await this.#keys.assertUser(address, { actor: this.#actor, client });
      return user && new KeyringLogin(user, this.#keys, this.#statementOf);
    });
  }

  /** The keyring is whoever's who opened it. */
  async close(): Promise<void> {}
}
