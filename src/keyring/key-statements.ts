import { LRUCache } from "lru-cache";
import { issueStatement } from "../key-protocol/index.ts";
import { type Address, addressText } from "../message/index.ts";
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

/** One submission asks for the same statement several times; the next ones of the account may have it too. Seconds. */
const KEEP_S = 10;
const MAX_KEPT = 10_000;

/** What the key server would say now about a key that signs: for submission servers, which staple it (STP-1). */
export class KeyStatements {
  readonly #options: KeyStatementsOptions;
  readonly #kept = new LRUCache<string, { readonly line: string; readonly issuedAt: number }>({
    max: MAX_KEPT,
  });

  constructor(options: KeyStatementsOptions) {
    this.#options = options;
  }

  /**
   * The signed statement about an identity's key, a few seconds old at most. Null where its domain signs none, where the
   * key does not sign any more, and where it cannot be made now: mail goes without it, and its verifiers ask.
   */
  async statementOf(identity: Address, kid: string): Promise<string | null> {
    const { clock = Date, onFailure } = this.#options;
    const now = Math.floor(clock.now() / 1000);
    const name = `${addressText(identity)} ${kid}`;
    const kept = this.#kept.get(name);
    if (kept !== undefined && now - kept.issuedAt < KEEP_S && now >= kept.issuedAt) return kept.line;
    try {
      const line = await this.#issue(identity, kid, now);
      if (line !== null) this.#kept.set(name, { line, issuedAt: now });
      return line;
    } catch (cause) {
      onFailure?.(cause);
      return null;
    }
  }

  async #issue(identity: Address, kid: string, now: number): Promise<string | null> {
    const { view, signing, ttlSeconds = 600 } = this.#options;
    const domain = await view.domain(identity.domain);
    if (domain === null || domain.statementKey === null) return null;
    const key = (await view.keys(identity, now)).find((one) => one.kid === kid && one.state === "active");
    if (key === undefined) return null;
    return issueStatement(key, { address: identity, domain, ttlSeconds, now, issuer: signing });
  }
}
