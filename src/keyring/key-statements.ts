import { issueStatement } from "../key-protocol/index.ts";
import type { Address } from "../message/index.ts";
import { KeyringStoreError } from "./keyring-store.ts";
import { MasterKeyError } from "./master-key.ts";
import type { PublicKeyView } from "./public-key-view.ts";
import type { StatementSigning } from "./statement-signing.ts";

export interface KeyStatementsOptions {
  readonly view: Pick<PublicKeyView, "domain" | "keys">;
  readonly signing: Pick<StatementSigning, "sign">;
  readonly clock?: { now(): number };
  /** `ttl` of statements (CCH-2). Default 600. */
  readonly ttlSeconds?: number;
  /** Is told why there is no statement where there should be one. */
  readonly onFailure?: (cause: unknown) => void;
}

/** What the key server would say now about a key that signs: for submission servers, which staple it (STP-1). */
export class KeyStatements {
  readonly #options: KeyStatementsOptions;

  constructor(options: KeyStatementsOptions) {
    this.#options = options;
  }

  /**
   * The signed statement about an identity's key. Null where its domain signs none, where the key does not sign any
   * more, and where it cannot be made now: mail goes without it, and its verifiers ask.
   */
  async statementOf(identity: Address, kid: string): Promise<string | null> {
    const { view, signing, clock = Date, ttlSeconds = 600, onFailure } = this.#options;
    const now = Math.floor(clock.now() / 1000);
    try {
      const domain = await view.domain(identity.domain);
      if (domain === null || domain.statementKey === null) return null;
      const key = (await view.keys(identity, now)).find((one) => one.kid === kid && one.state === "active");
      if (key === undefined) return null;
      return await issueStatement(key, { address: identity, domain, ttlSeconds, now, issuer: signing });
    } catch (error) {
      if (!(error instanceof KeyringStoreError) && !(error instanceof MasterKeyError)) throw error;
      onFailure?.(error);
      return null;
    }
  }
}
