import type { AccountRights, PublicRecord, UserRights } from "../../keyring/index.ts";
import { integer, text } from "../sql/columns.ts";
import { all, type Program, type Row } from "../sql/program.ts";
import { accountOf, grantOf, publicKeyOf } from "./rows.ts";

// An account with its addresses, grants, and keys or credentials, in one statement: this is what a key server reads for each address
// that it does not remember, and on PostgreSQL each statement is a journey. The parts of the answer share columns.

const PARTS = { account: 0, address: 1, grant: 2, key: 3, credential: 4 } as const;

const ACCOUNT_PART = `
  SELECT ${PARTS.account} AS part, 0 AS place, id AS text1, primary_address AS text2, state AS text3,
    key_lock AS octets, created_at AS number1, state_since AS number2, recipient_limit AS number3
  FROM owner`;
const ADDRESS_PART = `
  SELECT ${PARTS.address}, 1 - is_primary, address, NULL, NULL, NULL, NULL, NULL, NULL
  FROM address WHERE account = (SELECT id FROM owner)`;
const GRANT_PART = `
  SELECT ${PARTS.grant}, sequence, kind, address, domain, NULL, NULL, NULL, NULL
  FROM grant_held WHERE account = (SELECT id FROM owner)`;
const KEY_PART = `
  SELECT ${PARTS.key}, -sequence, kid, algorithm, state, spki, not_before, not_after, NULL
  FROM key_pair WHERE account = (SELECT id FROM owner)`;
const CREDENTIAL_PART = `
  SELECT ${PARTS.credential}, 0, id, NULL, NULL, NULL, created_at, not_after, NULL
  FROM credential WHERE account = (SELECT id FROM owner)`;
const RECORD_OF_ADDRESS = `
  WITH owner AS MATERIALIZED (
    SELECT account.* FROM address JOIN account ON account.id = address.account WHERE address.address = ?
  )
  ${[ACCOUNT_PART, ADDRESS_PART, GRANT_PART, KEY_PART].join(" UNION ALL ")}`;
const RIGHTS_OF_ACCOUNT = `
  WITH owner AS MATERIALIZED (SELECT * FROM account WHERE id = ? AND state <> 'removed')
  ${[ACCOUNT_PART, ADDRESS_PART, GRANT_PART, CREDENTIAL_PART].join(" UNION ALL ")}`;

export function* publicRecord(address: string): Program<PublicRecord | null> {
  const rows = yield* all(RECORD_OF_ADDRESS, address);
  const rights = rightsOf(rows);
  if (rights === null) return null;
  const keys = part(rows, PARTS.key).map((row) =>
    publicKeyOf({
      kid: row.text1,
      state: row.text3,
      spki: row.octets,
      not_before: row.number1,
      not_after: row.number2,
    }),
  );
  return { ...rights, keys };
}

export function* rights(accountId: string): Program<UserRights | null> {
  const rows = yield* all(RIGHTS_OF_ACCOUNT, accountId);
  const rights = rightsOf(rows);
  if (rights === null) return null;
  const credentials = part(rows, PARTS.credential).map((row) => {
    return {
      id: text(row, "text1"),
      createdAt: integer(row, "number1"),
      notAfter: row.number2 as number | null,
    };
  });
  return { ...rights, credentials };
}

function rightsOf(rows: readonly Row[]): AccountRights | null {
  const [account] = part(rows, PARTS.account);
  if (account === undefined) return null;
  return {
    account: accountOf({
      id: account.text1,
      primary_address: account.text2,
      state: account.text3,
      key_lock: account.octets,
      created_at: account.number1,
      state_since: account.number2,
      recipient_limit: account.number3,
    }),
    addresses: part(rows, PARTS.address).map((row) => text(row, "text1")),
    grants: part(rows, PARTS.grant).map((row) =>
      grantOf({ kind: row.text1, address: row.text2, domain: row.text3 }),
    ),
  };
}

/** In order: there are one or two as a rule, which the database would sort in a table of its own. */
function part(rows: readonly Row[], which: number): readonly Row[] {
  return rows
    .filter((row) => integer(row, "part") === which)
    .sort(
      (a, b) => integer(a, "place") - integer(b, "place") || (text(a, "text1") < text(b, "text1") ? -1 : 1),
    );
}
