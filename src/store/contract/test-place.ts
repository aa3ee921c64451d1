import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { promisify } from "node:util";
import type {
  AccountRecord,
  AuditEntry,
  CredentialRecord,
  DomainRecord,
  KeyReplacement,
  KeyringStore,
  NewAccount,
  NewKey,
} from "../../keyring/index.ts";
import { auditEntry } from "../../keyring/index.ts";
import type { SqliteOptions } from "../sqlite/sqlite-driver.ts";

/** One empty database that the contract is tried on; it may be opened several times. */
export interface Place {
  readonly location: string;
  open(sqlite?: SqliteOptions): Promise<KeyringStore>;
  /** Statements past the store, as somebody with the database's password would send them. */
  sql(text: string): Promise<void>;
  /** Whether an error says that a rule of the schema was broken. */
  isRefusal(error: unknown): boolean;
}

export type MakePlace = () => Promise<Place>;

export const AUDIT_KEY = new Uint8Array(32).fill(9);
/** Unix seconds. */
export const NOW = 1_795_600_000;

export function entry(action = "test", rest: Partial<AuditEntry> = {}): AuditEntry {
  return auditEntry({ at: NOW * 1000, actor: "test", action, ...rest });
}

export function domainRecord(name: string, rest: Partial<DomainRecord> = {}): DomainRecord {
  return { name, epoch: null, statementKey: null, releasesKeys: false, createdAt: NOW, ...rest };
}

let keys = 0;

export function newKey(rest: Partial<NewKey> = {}): NewKey {
  const spki = createHash("sha256").update(`key ${process.pid} ${keys++}`).digest();
  const kid = createHash("sha256").update(spki).digest("base64url").slice(0, 22);
  return {
    kid,
    algorithm: "ed25519-sha256",
    spki: new Uint8Array(spki),
    sealed: new Uint8Array([1, 2, 3]),
    notBefore: NOW,
    keyLock: null,
    ...rest,
  };
}

export function newAccount(primaryAddress: string, rest: Partial<NewAccount> = {}): NewAccount {
  return {
    id: randomBytes(12).toString("hex"),
    primaryAddress,
    aliases: [],
    password: null,
    keyLock: null,
    key: newKey(),
    createdAt: NOW,
    ...rest,
  };
}

export function passwordRecord(rest: Partial<CredentialRecord> = {}): CredentialRecord {
  return {
    id: "password",
    kind: "password",
    name: "",
    hash: "$argon2id$",
    scram: null,
    lockByPassword: null,
    lockByScram: null,
    addresses: null,
    createdAt: NOW,
    notAfter: null,
    lastUsedAt: null,
    ...rest,
  };
}

export function appPassword(id: string, rest: Partial<CredentialRecord> = {}): CredentialRecord {
  return passwordRecord({ id, kind: "app-password", name: "phone", ...rest });
}

export function replacement(accountId: string, rest: Partial<KeyReplacement> = {}): KeyReplacement {
  return {
    accountId,
    newKey: newKey(),
    oldKeys: { become: "revoked" },
    requiredState: "active",
    stateAfter: "active",
    at: NOW + 10,
    reason: "re-key",
    ...rest,
  };
}

/** An account in a store that hosts its domain. */
export async function withAccount(
  store: KeyringStore,
  address: string,
  rest: Partial<NewAccount> = {},
): Promise<AccountRecord> {
  const domain = address.slice(address.lastIndexOf("@") + 1);
  if ((await store.domain(domain)) === null) await done(store.addDomain(domainRecord(domain), entry()));
  const added = newAccount(address, rest);
  await done(store.addAccount(added, entry("account.add", { account: added.id })));
  return (await store.account(added.id)) ?? assert.fail();
}

export async function done(outcome: Promise<string>): Promise<void> {
  assert.equal(await outcome, "done");
}

export async function assertRefused(place: Place, sql: string): Promise<void> {
  await assert.rejects(place.sql(sql), (error) => place.isRefusal(error), sql);
}

/** Runs a module text in a process of its own, with `store` open on this place. */
export async function elsewhere({ location }: Pick<Place, "location">, text: string): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, elsewhereArguments(location, text));
  return stdout;
}

/** The same for a process that goes on until it is killed. */
export function startElsewhere(location: string, text: string): ChildProcess {
  return spawn(process.execPath, elsewhereArguments(location, text), {
    stdio: ["ignore", "pipe", "inherit"],
  });
}

function elsewhereArguments(location: string, text: string): string[] {
  const program = `
    import * as place from ${JSON.stringify(import.meta.url)};
    import { openKeyringStore } from ${JSON.stringify(new URL("../index.ts", import.meta.url))};
    const { entry, newAccount, newKey, replacement, withAccount, domainRecord, NOW, done } = place;
    const store = await openKeyringStore({ location: ${JSON.stringify(location)}, auditKey: place.AUDIT_KEY });
    ${text}
    await store.close();`;
  return ["--input-type=module", "--eval", program];
}
