import { LRUCache } from "lru-cache";
import { activeKeyEnd, type DecoyKey, decoyKey, RETIREMENT_S } from "../key-protocol/index.ts";
import { type Address, addressText } from "../message/index.ts";
import type { DirectoryKey } from "./key-directory.ts";

const REMEMBERED = 10_000;

/** What a statement shows of a key. */
export type ShownKey = Omit<DirectoryKey, "owner">;

/**
 * The keys that an address without account seems to have (KEY-34): one that is active and the one before it, which was
 * rotated as real ones are (KEY-39). They are made, or remembered, in the same way for addresses that do have an account, so
 * that neither time nor load tells which have none.
 */
export class Decoys {
  readonly #secret: Uint8Array;
  readonly #remembered = new LRUCache<string, readonly [DecoyKey, DecoyKey]>({ max: REMEMBERED });

  /** @param secret at least 16 octets, kept over restarts and the same on all servers of a domain */
  constructor(secret: Uint8Array) {
    this.#secret = secret;
  }

  /** @param now Unix seconds */
  keysOf(address: Address, now: number): { keys: readonly ShownKey[]; rotatesAt: number } {
    const [active, before] = this.#pairOf(address, now);
    const common = { algorithm: "ed25519-sha256", grants: [] } as const;
    return {
      keys: [
        { ...active, ...common, state: "active", notAfter: activeKeyEnd(now) },
        { ...before, ...common, state: "retired", notAfter: active.notBefore + RETIREMENT_S },
      ],
      rotatesAt: active.rotatesAt,
    };
  }

  #pairOf(address: Address, now: number): readonly [DecoyKey, DecoyKey] {
    const text = addressText(address);
    const remembered = this.#remembered.get(text);
    if (remembered !== undefined && now < remembered[0].rotatesAt) return remembered;
    const active = decoyKey(this.#secret, address, now);
    const pair = [active, decoyKey(this.#secret, address, active.notBefore - 1)] as const;
    this.#remembered.set(text, pair);
    return pair;
  }
}
