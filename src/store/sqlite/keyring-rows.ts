// How rows of the keyring's tables become records.
import type {
  AccountRecord,
  AccountState,
  DomainRecord,
  GrantKind,
  GrantRecord,
  KeyState,
  PublicDomain,
  PublicKeyRecord,
} from "../../keyring/index.ts";
import type { Row } from "./database.ts";

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
    createdAt: integer(row, "created_at"),
  };
}

export function accountOf(row: Row): AccountRecord {
  return {
    id: text(row, "id"),
    primaryAddress: text(row, "primary_address"),
    state: text(row, "state") as AccountState,
    createdAt: integer(row, "created_at"),
  };
}

export function keyOf(row: Row): PublicKeyRecord {
  return {
    kid: text(row, "kid"),
    algorithm: "ed25519-sha256",
    state: text(row, "state") as KeyState,
    spki: row.spki as Uint8Array,
    notBefore: integer(row, "not_before"),
    notAfter: row.not_after as number | null,
  };
}

export function grantOf(row: Row): GrantRecord {
  const address = row.address as string | null;
  return {
    kind: text(row, "kind") as GrantKind,
    target: address === null ? { domain: text(row, "domain") } : { address },
  };
}

export function text(row: Row, column: string): string {
  return row[column] as string;
}

export function integer(row: Row, column: string): number {
  return row[column] as number;
}
