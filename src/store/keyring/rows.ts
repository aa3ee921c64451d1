// How rows of the keyring's tables become records.
import type {
  AccountRecord,
  AccountState,
  AuditRecord,
  CredentialRecord,
  DomainRecord,
  EnrolmentMode,
  EnrolmentRecord,
  GrantKind,
  GrantRecord,
  KeyReason,
  KeyRecord,
  KeyState,
  PublicDomain,
  PublicKeyRecord,
} from "../../keyring/index.ts";
import { integer, text } from "../sql/columns.ts";
import type { Row } from "../sql/program.ts";

export function publicDomainOf(row: Row): PublicDomain {
  return {
    name: text(row, "name"),
    epoch: row.epoch as number | null,
    statementKey: row.statement_spki as Uint8Array | null,
  };
}

export function domainOf(row: Row): DomainRecord {
  const spki = row.statement_spki as Uint8Array | null;
  const sealed = row.statement_sealed as Uint8Array | null;
  return {
    name: text(row, "name"),
    epoch: row.epoch as number | null,
    statementKey: spki && sealed ? { spki, sealed } : null,
    releasesKeys: row.releases_keys === 1,
    createdAt: integer(row, "created_at"),
  };
}

/** The columns that {@link accountOf} reads. */
export const ACCOUNT = `account.id, account.primary_address, account.state, account.created_at, account.state_since,
  account.recipient_limit, account.key_lock`;

export function accountOf(row: Row): AccountRecord {
  return {
    id: text(row, "id"),
    primaryAddress: text(row, "primary_address"),
    state: text(row, "state") as AccountState,
    createdAt: integer(row, "created_at"),
    stateSince: integer(row, "state_since"),
    recipientLimit: row.recipient_limit as number | null,
    keyLock: row.key_lock as Uint8Array | null,
  };
}

export function grantOf(row: Row): GrantRecord {
  const address = row.address as string | null;
  return {
    kind: text(row, "kind") as GrantKind,
    target: address === null ? { domain: text(row, "domain") } : { address },
  };
}

/** The columns that {@link credentialOf} reads, none of them named like one of an account. */
export const CREDENTIAL = `credential.id AS credential, credential.kind, credential.name, credential.hash,
  credential.scram, credential.lock_by_password, credential.lock_by_scram, credential.addresses,
  credential.created_at AS credential_created_at, credential.not_after, credential.last_used_at`;

export function credentialOf(row: Row): CredentialRecord {
  const addresses = row.addresses as string | null;
  return {
    id: text(row, "credential"),
    kind: text(row, "kind") as CredentialRecord["kind"],
    name: text(row, "name"),
    hash: text(row, "hash"),
    scram: row.scram as Uint8Array | null,
    lockByPassword: row.lock_by_password as Uint8Array | null,
    lockByScram: row.lock_by_scram as Uint8Array | null,
    addresses: addresses === null ? null : (JSON.parse(addresses) as string[]),
    createdAt: integer(row, "credential_created_at"),
    notAfter: row.not_after as number | null,
    lastUsedAt: row.last_used_at as number | null,
  };
}

export function publicKeyOf(row: Row): PublicKeyRecord {
  return {
    kid: text(row, "kid"),
    algorithm: "ed25519-sha256",
    state: text(row, "state") as KeyState,
    spki: row.spki as Uint8Array,
    notBefore: integer(row, "not_before"),
    notAfter: row.not_after as number | null,
  };
}

/** The columns that {@link keyOf} reads; the private half itself is not among them. */
export const KEY = `kid, account, algorithm, state, spki, not_before, not_after, state_since, reason, released_at,
  CASE WHEN sealed IS NULL THEN 0 ELSE 1 END AS has_private_key`;

export function keyOf(row: Row): KeyRecord {
  return {
    ...publicKeyOf(row),
    accountId: text(row, "account"),
    stateSince: integer(row, "state_since"),
    reason: row.reason as KeyReason | null,
    hasPrivateKey: row.has_private_key === 1,
    releasedAt: row.released_at as number | null,
  };
}

export function enrolmentOf(row: Row): EnrolmentRecord {
  const spkiSha256 = row.spki_sha256 as string | null;
  return {
    name: text(row, "name"),
    proof:
      spkiSha256 === null
        ? {
            kind: "unix-socket",
            user: row.unix_user as string | null,
            group: row.unix_group as string | null,
          }
        : { kind: "certificate", spkiSha256 },
    scope: JSON.parse(text(row, "scope")) as string[],
    modes: JSON.parse(text(row, "modes")) as EnrolmentMode[],
    mayAssert: row.may_assert === 1,
    createdAt: integer(row, "created_at"),
  };
}

export function auditRecordOf(row: Row): AuditRecord {
  return {
    sequence: integer(row, "sequence"),
    at: integer(row, "at"),
    actor: text(row, "actor"),
    action: text(row, "action"),
    account: row.account as string | null,
    subject: row.subject as string | null,
    kid: row.kid as string | null,
    messageIdHash: row.message_id_hash as string | null,
    recipients: row.recipients as number | null,
    client: row.client as string | null,
    outcome: text(row, "outcome"),
    detail: row.detail as string | null,
    chain: row.chain as Uint8Array,
  };
}
