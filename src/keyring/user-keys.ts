import { type Address, addressText } from "../message/index.ts";
import { type Algorithm, type SigningKey, signInput } from "../signature/index.ts";
import { addAccount } from "./administration/accounts.ts";
import { Administration } from "./administration/administration.ts";
import { type AuditEntry, auditEntry } from "./audit/audit-entry.ts";
import type { AuditWriter } from "./audit/audit-writer.ts";
import { FreshCache } from "./fresh-cache.ts";
import { type KeyringStore, KeyringStoreError, type Use, type UseAnswer } from "./keyring-store.ts";
import type { MasterKey } from "./master-key.ts";
import { DEFAULT_LIMITS, type LimitSettings, usualLimit } from "./recipient-limits.ts";
import type { AccountRecord, AccountRights, UserRights } from "./records.ts";
import { agentFor, maySignAs, mayWriteFrom, ownsAddress } from "./rights.ts";
import { SigningKeys } from "./signing-keys.ts";
import type { User } from "./user.ts";

/** Who writes the reports of a domain: a role account that nobody can log in to (PRV-9). */
export const SYSTEM_SENDER = "mailer-daemon";

export interface UserKeysOptions {
  readonly store: KeyringStore;
  readonly masterKey: MasterKey;
  readonly audit: AuditWriter;
  readonly limits?: LimitSettings;
  readonly clock?: { now(): number };
  /** How many accounts' rights and unsealed private keys are held in memory. */
  readonly activeAccounts?: number;
}

export type Refused =
  /** Neither owned nor granted (SUB-1), or outside the app password's scope. */
  | { readonly kind: "not-granted" }
  /** The account is suspended or removed, or the one whose key would sign is. */
  | { readonly kind: "suspended" }
  /** What the user logged in by is gone, or the account was suspended meanwhile: log in again. */
  | { readonly kind: "ended" }
  /** The account's key opens by its own password only, and this user logged in without, or before it was reset. */
  | { readonly kind: "locked" };

export type Identified =
  | {
      readonly kind: "granted";
      /** Who signs: the address asked for, or for one that is written on behalf of, the address for Sender (SUB-3). */
      readonly identity: Address;
      /** The active keys of `identity`. */
      readonly keys: readonly { readonly kid: string; readonly algorithm: Algorithm }[];
    }
  | Refused;

export type Limited = UseAnswer & { readonly kind: "limited" };

export type SignedByUser =
  | { readonly kind: "signed"; readonly signature: Uint8Array }
  /** Another key signs for the identity by now. */
  | { readonly kind: "replaced" }
  | Limited
  | Refused;

export type PrivateKeysOfUser = { readonly kind: "keys"; readonly keys: readonly SigningKey[] } | Refused;

type KeyOfIdentity = { readonly kind: "key"; readonly key: SigningKey } | Refused;

/**
 * What somebody who logged in may do with private keys. Rights are those of the store at the moment of each question,
 * so that suspending bites at once; each use is logged, and counted, before anything is signed. All methods reject
 * with a {@link KeyringStoreError} or MasterKeyError when the store cannot answer.
 */
export class UserKeys {
  readonly #store: KeyringStore;
  readonly #masterKey: MasterKey;
  readonly #audit: AuditWriter;
  readonly #limits: LimitSettings;
  readonly #clock: { now(): number };
  readonly #rights: FreshCache<UserRights>;
  readonly #signingKeys: SigningKeys;

  constructor(options: UserKeysOptions) {
    const activeAccounts = options.activeAccounts ?? 10_000;
    this.#store = options.store;
    this.#masterKey = options.masterKey;
    this.#audit = options.audit;
    this.#limits = options.limits ?? DEFAULT_LIMITS;
    this.#clock = options.clock ?? Date;
    this.#rights = new FreshCache<UserRights>(
      options.store,
      activeAccounts,
      (id) => options.store.rights(id),
      (_rights, id) => [id],
    );
    this.#signingKeys = new SigningKeys(options.store, options.masterKey, activeAccounts);
  }

  /** May the user write From an address, and as whom is that signed? (SUB-1 to SUB-3) */
  async identify(user: User, address: Address): Promise<Identified> {
    const rights = await this.#rightsOf(user);
    if ("kind" in rights) return rights;
    if (!inScope(user, address) || !mayWriteFrom(rights, address)) return { kind: "not-granted" };
    if (maySignAs(rights, address)) {
      const answer = await this.#keyOf(user, rights, address);
      // A key under its owner's lock serves nobody else: whoever may send as that address writes on its behalf.
      if (answer.kind !== "locked" || ownsAddress(rights, address)) return identified(address, answer);
    }
    const agent = agentFor(rights, address, user.addresses);
    if (agent === null) return { kind: "not-granted" };
    return identified(agent, await this.#keyOf(user, rights, agent));
  }

  /** Counts a submission's recipients, all or none (LIF-14). */
  async spend(user: User, recipients: number): Promise<{ readonly kind: "spent" } | Limited | Refused> {
    const entry = this.#entry(user, "spend", { subject: user.account.primaryAddress, recipients });
    const rights = await this.#rightsOf(user);
    if ("kind" in rights) return this.#refused(entry, rights);
    const answer = await this.#audit.write({ entry, take: this.#take(user, recipients), touch: null });
    return answer.kind === "limited" ? answer : { kind: "spent" };
  }

  /** @param order `input`: M of SIG-51; `take`: the recipients are not counted yet */
  async sign(
    user: User,
    order: {
      readonly identity: Address;
      readonly kid: string;
      readonly input: Uint8Array;
      readonly recipientCount: number;
      /** For the audit log. */
      readonly messageIdHash: string | null;
      readonly take: boolean;
    },
  ): Promise<SignedByUser> {
    const { identity, kid, recipientCount, messageIdHash } = order;
    const entry = this.#entry(user, "sign", {
      subject: addressText(identity),
      kid,
      messageIdHash,
      recipients: recipientCount,
    });
    const answer = await this.#keyFor(user, identity);
    if (answer.kind !== "key") return this.#refused(entry, answer);
    if (answer.key.kid !== kid) return this.#refused(entry, { kind: "replaced" });
    const take = order.take ? this.#take(user, recipientCount) : null;
    const used = await this.#audit.write({ entry, take, touch: null });
    if (used.kind === "limited") return used;
    return { kind: "signed", signature: signInput(answer.key, order.input) };
  }

  /** The private keys themselves, for a submission server that signs by itself (GETKEY, PRV-12). */
  async privateKeys(user: User, identity: Address): Promise<PrivateKeysOfUser> {
    const answer = await this.#keyFor(user, identity);
    const kid = answer.kind === "key" ? answer.key.kid : null;
    const entry = this.#entry(user, "getkey", { subject: addressText(identity), kid });
    if (answer.kind !== "key") return this.#refused(entry, answer);
    await this.#audit.log(entry);
    return { kind: "keys", keys: [answer.key] };
  }

  /**
   * A user without a password: for submission servers that authenticate by themselves, and for the system's own mail
   * (PRV-9). Null when the address is nobody's; `mailer-daemon` of a hosted domain is made when there is none.
   */
  async assertUser(
    address: Address,
    { actor, client }: { readonly actor: string; readonly client: string },
  ): Promise<User | null> {
    const subject = addressText(address);
    const account = (await this.#store.owner(subject)) ?? (await this.#makeSystemSender(address));
    await this.#audit.log(
      auditEntry({
        at: this.#clock.now(),
        actor,
        action: "assert",
        account: account?.id ?? null,
        subject,
        client,
        outcome: account === null ? "no-account" : "ok",
      }),
    );
    const user = { credential: null, asserted: true, addresses: null, keyLock: null, actor, client };
    return account && { account, ...user };
  }

  async #makeSystemSender(address: Address): Promise<AccountRecord | null> {
    if (address.localPart !== SYSTEM_SENDER) return null;
    const administration = new Administration({
      store: this.#store,
      masterKey: this.#masterKey,
      clock: this.#clock,
      actor: "system",
      scram: false,
    });
    const made = await addAccount(administration, { address: `${SYSTEM_SENDER}@${address.domain}` });
    return made.ok ? made.account : this.#store.owner(addressText(address));
  }

  /** The key that signs as exactly this identity. */
  async #keyFor(user: User, identity: Address): Promise<KeyOfIdentity> {
    const rights = await this.#rightsOf(user);
    if ("kind" in rights) return rights;
    if (!inScope(user, identity) || !maySignAs(rights, identity)) return { kind: "not-granted" };
    return this.#keyOf(user, rights, identity);
  }

  /**
   * The account's own key, or for an address that it may *send as* the owner's (a statement says which account's
   * key it is, so no other key would verify).
   */
  async #keyOf(user: User, rights: AccountRights, identity: Address): Promise<KeyOfIdentity> {
    let signer = rights.account;
    if (!ownsAddress(rights, identity)) {
      const owner = await this.#store.owner(addressText(identity));
      if (owner === null) return { kind: "not-granted" };
      if (owner.state !== "active") return { kind: "suspended" };
      signer = owner;
    }
    const key = await this.#signingKeys.get(signer.id, user);
    if (key === null) {
      throw new KeyringStoreError("broken", new Error(`account ${signer.id} has no active key`));
    }
    return key === "locked" ? { kind: "locked" } : { kind: "key", key };
  }

  /** A login ends with the password that it was made by, and does not outlast a suspension (PRV-35). */
  async #rightsOf({ account, credential }: User): Promise<UserRights | Refused> {
    const rights = await this.#rights.get(account.id);
    if (rights?.account.state !== "active") return { kind: "suspended" };
    if (rights.account.stateSince !== account.stateSince) return { kind: "ended" };
    if (credential === null) return rights;
    const { id, createdAt } = credential;
    const term = rights.credentials.find((one) => one.id === id && one.createdAt === createdAt);
    const endsAt = term?.notAfter ?? Number.POSITIVE_INFINITY;
    return term && this.#clock.now() < endsAt * 1000 ? rights : { kind: "ended" };
  }

  /** Reports, for which nobody logged in with a password, are as many as they are. */
  #take(user: User, recipients: number): Use["take"] {
    const { account, credential } = user;
    if (credential === null && account.primaryAddress.startsWith(`${SYSTEM_SENDER}@`)) return null;
    const limit = usualLimit(account, this.#limits, this.#clock.now());
    return { accountId: account.id, recipients, limit, periodMs: this.#limits.periodMs };
  }

  async #refused<R extends { readonly kind: string }>(entry: AuditEntry, refusal: R): Promise<R> {
    await this.#audit.log({ ...entry, outcome: refusal.kind });
    return refusal;
  }

  #entry(user: User, action: string, details: Partial<AuditEntry>): AuditEntry {
    const { actor, client, account } = user;
    return auditEntry({ ...details, at: this.#clock.now(), actor, client, account: account.id, action });
  }
}

/** An app password may write From, and sign as, its own addresses only (PRV-6). */
function inScope({ addresses }: User, address: Address): boolean {
  return addresses === null || addresses.includes(addressText(address));
}

function identified(identity: Address, answer: KeyOfIdentity): Identified {
  if (answer.kind !== "key") return answer;
  const { kid, algorithm } = answer.key;
  return { kind: "granted", identity, keys: [{ kid, algorithm }] };
}
