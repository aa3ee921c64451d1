import { type KeyObject, randomBytes } from "node:crypto";
import { makeScramVerifier, SCRAM_SALT_OCTETS } from "../../sasl/index.ts";
import type { MasterKey } from "../master-key.ts";
import type { CredentialRecord } from "../records.ts";
import { formatAppPassword, generateAppPassword } from "./app-password.ts";
import { sealCredentialSecret } from "./credential-secret.ts";
import { wrapLock } from "./lock-wrapping.ts";
import { hashPassword, isPasswordHash, preparePassword } from "./password-hash.ts";
import { SCRAM_ITERATIONS, sealScramVerifier } from "./scram-credential.ts";

/** The id of the credential that is an account's own password. */
const PASSWORD_ID = "password";

interface CredentialOwner {
  readonly accountId: string;
  /** Unix seconds. */
  readonly at: number;
  readonly masterKey: MasterKey;
  /** The private half of the account's key lock, which the credential will open; null where there is none. */
  readonly keyLock: KeyObject | null;
}

/**
 * @param options `scram`: also makes what a login by SCRAM-SHA-256 is checked with
 * @returns null when it cannot be a password; see {@link preparePassword}
 */
export async function newPassword(
  password: string,
  options: CredentialOwner & { readonly scram: boolean },
): Promise<CredentialRecord | null> {
  const prepared = preparePassword(password);
  if (prepared === null) return null;
  const credential = await makeCredential(PASSWORD_ID, prepared, options);
  return { ...credential, ...(options.scram && (await scramOf(prepared, options))) };
}

/**
 * The password of an account that comes from another system, which kept its hash; without SCRAM or key lock, for which
 * the password itself is needed.
 *
 * @returns null when it is not an argon2id hash in PHC form that can be checked
 */
export function passwordFromHash(hash: string, at: number): CredentialRecord | null {
  return isPasswordHash(hash) ? { ...withoutSecrets(PASSWORD_ID, at), hash } : null;
}

/** Makes an app password. Its secret is shown to the user this once and kept nowhere. */
export async function newAppPassword(
  options: CredentialOwner & {
    /** For people: "phone". */
    readonly name: string;
    /** Canonical; null: whatever the account may. */
    readonly addresses: readonly string[] | null;
    /** Unix seconds; null: never ends. */
    readonly notAfter: number | null;
  },
): Promise<{ credential: CredentialRecord; secret: string }> {
  const made = generateAppPassword();
  const credential = await makeCredential(made.id, made.password, options);
  const { name, addresses, notAfter } = options;
  return {
    credential: { ...credential, kind: "app-password", name, addresses, notAfter },
    secret: formatAppPassword(made),
  };
}

async function makeCredential(
  id: string,
  prepared: string,
  { accountId, at, masterKey, keyLock }: CredentialOwner,
): Promise<CredentialRecord> {
  const name = { accountId, credentialId: id };
  const wrapped = keyLock && (await wrapLock(keyLock, { password: prepared }, name));
  return {
    ...withoutSecrets(id, at),
    hash: await hashPassword(prepared),
    lockByPassword: wrapped && sealCredentialSecret(wrapped, "lock-by-password", accountId, masterKey),
  };
}

function withoutSecrets(id: string, at: number): Omit<CredentialRecord, "hash"> {
  return {
    id,
    kind: "password",
    name: "",
    scram: null,
    lockByPassword: null,
    lockByScram: null,
    addresses: null,
    createdAt: at,
    notAfter: null,
    lastUsedAt: null,
  };
}

async function scramOf(
  prepared: string,
  { accountId, masterKey, keyLock }: CredentialOwner,
): Promise<Pick<CredentialRecord, "scram" | "lockByScram">> {
  const salt = randomBytes(SCRAM_SALT_OCTETS);
  const { verifier, clientKey } = await makeScramVerifier(prepared, salt, SCRAM_ITERATIONS);
  const name = { accountId, credentialId: PASSWORD_ID };
  const wrapped = keyLock && (await wrapLock(keyLock, { clientKey }, name));
  clientKey.fill(0);
  return {
    scram: sealScramVerifier(verifier, accountId, masterKey),
    lockByScram: wrapped && sealCredentialSecret(wrapped, "lock-by-scram", accountId, masterKey),
  };
}
