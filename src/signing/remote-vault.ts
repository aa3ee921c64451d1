import type { Address } from "../message/index.ts";
import type { VaultClient } from "../vault-protocol/index.ts";
import { RemoteLogin } from "./remote-login.ts";
import type { Denied, Login, LoginContext, LoginExchange, LoginStep, Unavailable, Vault } from "./vault.ts";
import { isError, unavailable } from "./vault-answer.ts";

export interface RemoteVaultOptions {
  readonly client: VaultClient;
  /** `sign`: keys stay in the vault. `getkey`: a user's key is held here for a while (PRV-16). */
  readonly mode: "sign" | "getkey";
  readonly clock?: { now(): number };
}

/** What every vault has; the truth is known as soon as it was reached. */
const SURE_MECHANISMS = ["PLAIN", "LOGIN"];

/** A vault behind the private interface (PRV-1 to PRV-19): this process has neither key store nor master key. */
export class RemoteVault implements Vault {
  readonly #client: VaultClient;
  readonly #mode: "sign" | "getkey";
  readonly #clock: { now(): number };

  constructor({ client, mode, clock = Date }: RemoteVaultOptions) {
    this.#client = client;
    this.#mode = mode;
    this.#clock = clock;
  }

  get mechanisms(): readonly string[] {
    return this.#client.lastCapabilities()?.mechanisms ?? SURE_MECHANISMS;
  }

  logIn(mechanism: string, { client, channelBinding }: LoginContext): LoginExchange | null {
    if (!this.mechanisms.includes(mechanism)) return null;
    const exchange = this.#client.logIn(mechanism, { client, channelBinding });
    return {
      respond: async (response): Promise<LoginStep> => {
        const answer = await exchange.respond(response);
        if (answer.kind === "challenge") return answer;
        if (answer.kind === "ticket") return { kind: "accepted", login: this.#login(answer) };
        if (answer.kind !== "error") return unavailable(answer);
        switch (answer.code) {
          case "AUTH":
            return { kind: "rejected" };
          case "SYNTAX":
            return { kind: "malformed" };
          case "DISABLED":
            return { kind: "suspended" };
          case "BUSY":
            return { kind: "busy" };
          default:
            return unavailable(answer);
        }
      },
      cancel: () => exchange.cancel(),
    };
  }

  async assert(address: Address, { client }: LoginContext): Promise<Login | null | Denied | Unavailable> {
    const answer = await this.#client.request({
      verb: "ASSERT",
      address,
      client: client === "" ? null : client,
    });
    if (answer.kind === "ticket") return this.#login(answer);
    if (isError(answer, "DENIED")) return { kind: "denied" };
    return isError(answer, "POLICY") || isError(answer, "DISABLED") ? null : unavailable(answer);
  }

  async close(): Promise<void> {
    this.#client.close();
  }

  #login(answer: {
    readonly ticket: string;
    readonly accountId: string;
    readonly primary: Address;
  }): RemoteLogin {
    return new RemoteLogin(answer, { client: this.#client, mode: this.#mode, clock: this.#clock });
  }
}
