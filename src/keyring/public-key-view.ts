import { type Address, addressText } from "../message/index.ts";
import { type Algorithm, grantHash } from "../signature/index.ts";
import { FreshCache } from "./fresh-cache.ts";
import { MAX_GRANTS, type PublicKeyringStore } from "./keyring-store.ts";
import type { KeyState, PublicDomain, PublicKeyRecord, PublicRecord } from "./records.ts";
import { storedAddress } from "./rights.ts";

/** What a key statement says about one key of an address (STA-1); times are Unix seconds. */
export interface PublicKey {
  readonly kid: string;
  readonly algorithm: Algorithm;
  /** `suspended`: the account is, and the key is not revoked (LIF-11). */
  readonly state: KeyState | "suspended";
  /** DER SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
  readonly notBefore: number;
  readonly notAfter: number;
  /** `og`: grant hashes, or `*`; at most 32. */
  readonly grants: readonly string[];
}

/** No end is set for an active key: statements promise it for these days ahead of the one they are issued in. */
const ACTIVE_DAYS = 30;
const DAY_S = 86_400;

/**
 * The public half of a keyring, for processes that hold no private key: what key statements are made of. Answers
 * are remembered until the store changes, so that suspending and re-keying show at once.
 */
export class PublicKeyView {
  readonly #store: PublicKeyringStore;
  readonly #entries: FreshCache<Entry>;
  readonly #domains: FreshCache<PublicDomain>;

  /** @param options.remembered how many addresses are held in memory */
  constructor(store: PublicKeyringStore, options: { readonly remembered?: number } = {}) {
    this.#store = store;
    const remembered = options.remembered ?? 100_000;
    this.#entries = new FreshCache<Entry>(store, remembered, async (address) => {
      const record = await store.publicRecord(address);
      return record && { record, day: -1, keys: [] };
    });
    this.#domains = new FreshCache(store, 10_000, (name) => store.publicDomain(name));
  }

  /** Differs from every earlier value once anything may have changed; cheap. */
  changeCount(): number {
    return this.#store.changeCount();
  }

  /** Null when the domain is not hosted here. */
  domain(name: string): Promise<PublicDomain | null> {
    return this.#domains.get(name);
  }

  /**
   * The keys of an address: all that ever were, newest first; empty when no account has it.
   *
   * @param now Unix seconds
   */
  async keys(address: Address, now: number): Promise<readonly PublicKey[]> {
    const entry = await this.#entries.get(addressText(address));
    if (entry === null) return [];
    const day = Math.floor(now / DAY_S);
    if (entry.day !== day) {
      entry.keys = entry.record.keys.map((key) => publicKey(entry.record, key, address, day));
      entry.day = day;
    }
    return entry.keys;
  }
}

/** An address's record and what is said of it, which stays the same all day. */
interface Entry {
  readonly record: PublicRecord;
  day: number;
  keys: readonly PublicKey[];
}

function publicKey(record: PublicRecord, key: PublicKeyRecord, asked: Address, day: number): PublicKey {
  const suspended = record.account.state === "suspended" && key.state !== "revoked";
  return {
    kid: key.kid,
    algorithm: key.algorithm,
    state: suspended ? "suspended" : key.state,
    spki: key.spki,
    notBefore: key.notBefore,
    notAfter: key.notAfter ?? (day + ACTIVE_DAYS) * DAY_S,
    grants: grantValues(record, key.kid, asked),
  };
}

/**
 * `og` (IDY-10): whose From the asked address may stand behind as Sender, within its domain. Granted addresses come
 * first, then the account's own other addresses as far as there is room.
 */
function grantValues(record: PublicRecord, kid: string, asked: Address): string[] {
  const authors = new Set<string>();
  for (const { target } of record.grants) {
    if ("domain" in target) {
      if (target.domain === asked.domain) return ["*"];
    } else authors.add(target.address);
  }
  for (const own of record.addresses) authors.add(own);
  authors.delete(addressText(asked));
  return [...authors]
    .map(storedAddress)
    .filter(({ domain }) => domain === asked.domain)
    .slice(0, MAX_GRANTS)
    .map((author) => grantHash(kid, author));
}
