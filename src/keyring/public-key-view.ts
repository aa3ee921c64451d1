import type { ChangeFeed } from "../changes/index.ts";
import { activeKeyEnd, MAX_GRANTS } from "../key-protocol/index.ts";
import { type Address, addressText } from "../message/index.ts";
import { type Algorithm, grantHash } from "../signature/index.ts";
import { FreshCache } from "./fresh-cache.ts";
import type { PublicKeyringStore } from "./keyring-store.ts";
import type { KeyState, PublicDomain, PublicKeyRecord, PublicRecord } from "./records.ts";
import { storedAddress } from "./rights.ts";

/** What a key statement says about one key of an address (STA-1); times are Unix seconds. */
export interface PublicKey {
  /** The id of the account that has it, which a {@link ChangeFeed} names when something here changes. */
  readonly owner: string;
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

/**
 * The public half of a keyring, for processes that hold no private key: what key statements are made of. Domains are
 * remembered until they change; accounts are asked for every time, the known and the unknown alike (KEY-36), for the
 * key server remembers what it made of them.
 */
export class PublicKeyView implements ChangeFeed {
  readonly #store: PublicKeyringStore;
  readonly #domains: FreshCache<PublicDomain>;

  constructor(store: PublicKeyringStore) {
    this.#store = store;
    this.#domains = new FreshCache<PublicDomain>(
      store,
      REMEMBERED_DOMAINS,
      (name) => store.publicDomain(name),
      ({ name }) => [name],
    );
  }

  changeCount(): number {
    return this.#store.changeCount();
  }

  changedSince(count: number): ReadonlySet<string> | null {
    return this.#store.changedSince(count);
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
    const record = await this.#store.publicRecord(addressText(address));
    if (record === null) return [];
    return record.keys.map((key) => publicKey(record, key, address, now));
  }
}

const REMEMBERED_DOMAINS = 10_000;

function publicKey(record: PublicRecord, key: PublicKeyRecord, asked: Address, now: number): PublicKey {
  const suspended = record.account.state === "suspended" && key.state !== "revoked";
  return {
    owner: record.account.id,
    kid: key.kid,
    algorithm: key.algorithm,
    state: suspended ? "suspended" : key.state,
    spki: key.spki,
    notBefore: key.notBefore,
    notAfter: key.notAfter ?? activeKeyEnd(now),
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
