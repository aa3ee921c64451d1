import { randomBytes } from "node:crypto";
import { type Address, addressText, canonicalDomain, parseAddress } from "../message/index.ts";
import type { SigningKey } from "../signature/index.ts";
import { PasswordChecker, type PasswordCheckerOptions } from "./credentials/password-checker.ts";
import { hashPassword, preparePassword } from "./credentials/password-hash.ts";
import { FreshCache } from "./fresh-cache.ts";
import { type GrantOptions, parseGrant } from "./grant.ts";
import { ACCOUNT_STATE_NEEDED, RETIREMENT_S } from "./key-lifecycle.ts";
import { generateAccountKey, generateStatementKey, openStatementKey } from "./key-pair.ts";
import type { KeyReplacement, KeyringStore } from "./keyring-store.ts";
import { type MasterKey, MasterKeyError } from "./master-key.ts";
import { badPassword, type Outcome, result } from "./outcome.ts";
import type { AccountRecord, AccountRights, PublicKeyRecord } from "./records.ts";
import { maySignAs, ownsAddress } from "./rights.ts";
import { SigningKeys } from "./signing-keys.ts";

export interface KeyringOptions {
  readonly store: KeyringStore;
  readonly masterKey: MasterKey;
  readonly clock?: { now(): number };
  readonly passwords?: PasswordCheckerOptions;
  /** How many accounts' rights and unsealed private keys are held in memory. */
  readonly activeAccounts?: number;
}

export interface NewAccountOptions {
  /** The primary address, as people write it. */
  readonly address: string;
  readonly aliases?: readonly string[];
  /** Without one nobody can log in: for role accounts. */
  readonly password?: string;
}

/** `rejected` says nothing about which of the two was wrong; `suspended` is told to those with the password only. */
export type Authentication =
  | { readonly kind: "authenticated"; readonly account: AccountRecord }
  | { readonly kind: "rejected" }
  | { readonly kind: "suspended" }
  | { readonly kind: "busy" };

export type SigningKeyAnswer =
  | { readonly kind: "key"; readonly key: SigningKey }
  | { readonly kind: "refused"; readonly reason: "suspended" | "not-granted" | "no-key" };

/**
 * A provider's accounts with their addresses, grants, passwords and key pairs: the central key store
 * (LIF-4). Only a process that signs or administers opens one; {@link PublicKeyView} is for all others.
 */
export class Keyring {
  readonly #store: KeyringStore;
  readonly #masterKey: MasterKey;
  readonly #clock: { now(): number };
  readonly #passwords: PasswordChecker;
  readonly #rights: FreshCache<AccountRights>;
  readonly #signingKeys: SigningKeys;

  private constructor(options: KeyringOptions) {
    const activeAccounts = options.activeAccounts ?? 10_000;
    this.#store = options.store;
    this.#masterKey = options.masterKey;
    this.#clock = options.clock ?? Date;
    this.#passwords = new PasswordChecker(options.passwords);
    this.#rights = new FreshCache(options.store, activeAccounts, (id) => options.store.rights(id));
    this.#signingKeys = new SigningKeys(options.store, options.masterKey, activeAccounts);
  }

  /** @throws MasterKeyError when the store's keys are sealed under another master key */
  static async open(options: KeyringOptions): Promise<Keyring> {
    if ((await options.store.bindMasterKey(options.masterKey.check)) !== options.masterKey.check) {
      throw new MasterKeyError(
        "the master key is not the one this key store was made with; restore the right file",
      );
    }
    return new Keyring(options);
  }

  /** Differs from every earlier value once anything may have changed; cheap. */
  changeCount(): number {
    return this.#store.changeCount();
  }

  /** Hosts a domain; with `signStatements` it gets a statement key `dk` (POL-8). */
  async addDomain(
    name: string,
    options: { signStatements?: boolean } = {},
  ): Promise<Outcome<{ name: string }>> {
    const domain = canonicalDomain(name);
    if (domain === null) return { ok: false, problem: "syntax", detail: `"${name}" is not a mail domain` };
    const statementKey = options.signStatements ? generateStatementKey(domain, this.#masterKey) : null;
    const outcome = await this.#store.addDomain({
      name: domain,
      epoch: null,
      statementKey,
      createdAt: this.#nowSeconds(),
    });
    return result(outcome, domain, { name: domain });
  }

  /** Makes an account and, before its first message, its key pair (LIF-6). */
  async addAccount(options: NewAccountOptions): Promise<Outcome<{ account: AccountRecord; kid: string }>> {
    const addresses: string[] = [];
    for (const text of [options.address, ...(options.aliases ?? [])]) {
      const parsed = parseAddress(text);
      if (!parsed.ok) return { ok: false, problem: "syntax", detail: `"${text}": ${parsed.detail}` };
      addresses.push(addressText(parsed.address));
    }
    const [primaryAddress = "", ...aliases] = addresses;
    let passwordHash: string | null = null;
    if (options.password !== undefined) {
      const prepared = preparePassword(options.password);
      if (prepared === null) return badPassword;
      passwordHash = await hashPassword(prepared);
    }
    const id = randomBytes(12).toString("hex");
    const createdAt = this.#nowSeconds();
    const key = generateAccountKey(id, createdAt, this.#masterKey);
    const outcome = await this.#store.addAccount({
      id,
      primaryAddress,
      aliases,
      passwordHash,
      key,
      createdAt,
    });
    const account: AccountRecord = { id, primaryAddress, state: "active", createdAt };
    return result(outcome, primaryAddress, { account, kid: key.kid });
  }

  async addAlias(accountId: string, alias: string): Promise<Outcome> {
    const parsed = parseAddress(alias);
    if (!parsed.ok) return { ok: false, problem: "syntax", detail: `"${alias}": ${parsed.detail}` };
    return result(await this.#store.addAddress(accountId, addressText(parsed.address)), alias, {});
  }

  async removeAlias(alias: string): Promise<Outcome> {
    const parsed = parseAddress(alias);
    if (!parsed.ok) return { ok: false, problem: "syntax", detail: `"${alias}": ${parsed.detail}` };
    return result(await this.#store.removeAddress(addressText(parsed.address)), alias, {});
  }

  async grant(accountId: string, options: GrantOptions): Promise<Outcome> {
    const grant = parseGrant(options);
    if ("problem" in grant) return grant;
    return result(await this.#store.addGrant(accountId, grant), options.target, {});
  }

  async withdraw(accountId: string, options: GrantOptions): Promise<Outcome> {
    const grant = parseGrant(options);
    if ("problem" in grant) return grant;
    return result(await this.#store.removeGrant(accountId, grant), options.target, {});
  }

  async setPassword(accountId: string, password: string): Promise<Outcome> {
    const prepared = preparePassword(password);
    if (prepared === null) return badPassword;
    const hash = await hashPassword(prepared);
    return result(await this.#store.setPassword(accountId, hash, this.#nowSeconds()), accountId, {});
  }

  /** From now on the account can neither log in nor sign, and its keys answer `suspended` (LIF-10, LIF-11). */
  async suspend(accountId: string): Promise<Outcome> {
    const outcome = await this.#store.suspend(accountId, this.#nowSeconds());
    this.#signingKeys.forget(accountId);
    return result(outcome, accountId, {});
  }

  /** Ends a suspension. It re-keys: whoever had the old key must not get the use of it back (LIF-13). */
  resume(accountId: string): Promise<Outcome<{ kid: string }>> {
    return this.#replaceKeys(accountId, "resume", { become: "revoked" });
  }

  /** Immediate re-key after theft or hijack: every older key is revoked at once (LIF-9). */
  rekey(accountId: string): Promise<Outcome<{ kid: string }>> {
    return this.#replaceKeys(accountId, "re-key", { become: "revoked" });
  }

  /** Planned rotation: the old key goes on verifying what it signed (LIF-8). */
  rotate(accountId: string): Promise<Outcome<{ kid: string }>> {
    return this.#replaceKeys(accountId, "rotate", {
      become: "retired",
      notAfter: this.#nowSeconds() + RETIREMENT_S,
    });
  }

  /** All accounts, or those whose primary address is in one domain. */
  accounts(domain: string | null = null): Promise<readonly AccountRecord[]> {
    return this.#store.accounts(domain);
  }

  domains(): ReturnType<KeyringStore["domains"]> {
    return this.#store.domains();
  }

  /** The account that owns an address. */
  owner(address: Address): Promise<AccountRecord | null> {
    return this.#store.owner(addressText(address));
  }

  keyHistory(accountId: string): Promise<readonly PublicKeyRecord[]> {
    return this.#store.keyHistory(accountId);
  }

  /** @param login any address of the account */
  async authenticate(login: string, password: string): Promise<Authentication> {
    const parsed = parseAddress(login);
    const credential = parsed.ok ? await this.#store.credential(addressText(parsed.address)) : null;
    const hash = credential?.passwordHash ?? null;
    const known = credential && hash !== null ? { accountId: credential.account.id, hash } : null;
    const check = await this.#passwords.check(known, password);
    if (check === "busy") return { kind: "busy" };
    if (check === "mismatch" || credential === null) return { kind: "rejected" };
    if (credential.account.state === "suspended") return { kind: "suspended" };
    return { kind: "authenticated", account: credential.account };
  }

  /** The account with its addresses and grants, as they are now; null when there is no such account. */
  rights(accountId: string): Promise<AccountRights | null> {
    return this.#rights.get(accountId);
  }

  /**
   * The key with which an account signs as an identity: its own, or for an address that it may *send as* the
   * owner's (a statement says which account's key it is, so no other key would verify).
   */
  async signingKey(accountId: string, identity: Address): Promise<SigningKeyAnswer> {
    const rights = await this.rights(accountId);
    if (rights === null) return { kind: "refused", reason: "not-granted" };
    if (rights.account.state === "suspended") return { kind: "refused", reason: "suspended" };
    if (!maySignAs(rights, identity)) return { kind: "refused", reason: "not-granted" };
    let signer = accountId;
    if (!ownsAddress(rights, identity)) {
      const owner = await this.owner(identity);
      if (owner === null) return { kind: "refused", reason: "no-key" };
      if (owner.state === "suspended") return { kind: "refused", reason: "suspended" };
      signer = owner.id;
    }
    const key = await this.#signingKeys.get(signer);
    return key === null ? { kind: "refused", reason: "no-key" } : { kind: "key", key };
  }

  /** A domain's statement key with its public half; null when its statements are not signed. */
  async statementKey(
    domain: string,
  ): Promise<{ spki: Uint8Array; privateKey: SigningKey["privateKey"] } | null> {
    const pair = (await this.#store.domain(domain))?.statementKey;
    return pair ? { spki: pair.spki, privateKey: openStatementKey(pair, domain, this.#masterKey) } : null;
  }

  async #replaceKeys(
    accountId: string,
    operation: "rotate" | "re-key" | "resume",
    oldKeys: KeyReplacement["oldKeys"],
  ): Promise<Outcome<{ kid: string }>> {
    const at = this.#nowSeconds();
    const newKey = generateAccountKey(accountId, at, this.#masterKey);
    const outcome = await this.#store.replaceKeys({
      accountId,
      newKey,
      oldKeys,
      requiredState: ACCOUNT_STATE_NEEDED[operation],
      at,
      reason: operation === "rotate" ? "rotation" : operation,
    });
    this.#signingKeys.forget(accountId);
    return result(outcome, accountId, { kid: newKey.kid });
  }

  #nowSeconds(): number {
    return Math.floor(this.#clock.now() / 1000);
  }
}
