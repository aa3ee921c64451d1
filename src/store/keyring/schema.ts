import type { Dialect, Migration } from "../sql/dialect.ts";

// Times are Unix seconds, in the audit log and of limits milliseconds. Addresses are canonical and unencoded; domains
// are A-labels in lower case. Flags are 0 or 1, lists are JSON.

/** The actions that log what users do. */
export const USES = ["auth", "sign", "spend", "getkey", "assert"] as const;

/**
 * What is no use of an account, which comes with every message. An act is found among hundreds of millions of uses, and
 * uses do not pay for it. A query has these words in it, too.
 */
export const IS_ACT = `action NOT IN (${USES.map((action) => `'${action}'`).join(", ")})`;

export const keyringMigrations: readonly Migration[] = [
  (dialect) => {
    const { text, integer, octets, counter, keyed, plain } = dialect;
    return `
    ${dialect.preparation}
    -- One row. Whoever changes anything holds it first, so that changes have one order and one audit chain.
    CREATE TABLE head (
      only_row         ${integer} PRIMARY KEY CHECK (only_row = 1),
      audit_sequence   ${integer} NOT NULL,
      audit_chain      ${octets} NOT NULL,
      master_key_check ${text}
    ) ${plain};

    CREATE TABLE domain (
      name             ${text} PRIMARY KEY,
      epoch            ${integer},
      statement_spki   ${octets},
      statement_sealed ${octets},
      releases_keys    ${integer} NOT NULL CHECK (releases_keys IN (0, 1)),
      created_at       ${integer} NOT NULL,
      CHECK ((statement_spki IS NULL) = (statement_sealed IS NULL))
    ) ${keyed};

    CREATE TABLE account (
      id              ${text} PRIMARY KEY,
      primary_address ${text} NOT NULL,
      state           ${text} NOT NULL CHECK (state IN ('active', 'suspended', 'removed')),
      created_at      ${integer} NOT NULL,
      state_since     ${integer} NOT NULL,
      recipient_limit ${integer} CHECK (recipient_limit >= 0),
      key_lock        ${octets}
    ) ${keyed};
    CREATE INDEX account_removed ON account (primary_address, id) WHERE state = 'removed';

    CREATE TABLE address (
      address    ${text} PRIMARY KEY,
      domain     ${text} NOT NULL REFERENCES domain (name),
      account    ${text} NOT NULL REFERENCES account (id),
      is_primary ${integer} NOT NULL CHECK (is_primary IN (0, 1))
    ) ${keyed};
    CREATE INDEX address_of_account ON address (account);
    CREATE INDEX address_in_domain ON address (domain, is_primary, address);

    -- A grant for one address ends with the address: its next owner has granted nothing.
    CREATE TABLE grant_held (
      sequence ${counter},
      account  ${text} NOT NULL REFERENCES account (id),
      kind     ${text} NOT NULL CHECK (kind IN ('send-as', 'on-behalf')),
      address  ${text} REFERENCES address (address) ON DELETE CASCADE,
      domain   ${text} NOT NULL REFERENCES domain (name) ON DELETE CASCADE
    ) ${plain};
    CREATE UNIQUE INDEX grant_once ON grant_held (account, kind, domain, coalesce(address, ''));
    CREATE INDEX grant_of_address ON grant_held (address) WHERE address IS NOT NULL;
    CREATE INDEX grant_in_domain ON grant_held (domain);

    CREATE TABLE credential (
      account          ${text} NOT NULL REFERENCES account (id),
      id               ${text} NOT NULL,
      kind             ${text} NOT NULL CHECK (kind IN ('password', 'app-password')),
      name             ${text} NOT NULL,
      hash             ${text} NOT NULL,
      scram            ${octets},
      lock_by_password ${octets},
      lock_by_scram    ${octets},
      addresses        ${text},
      created_at       ${integer} NOT NULL,
      not_after        ${integer},
      last_used_at     ${integer},
      PRIMARY KEY (account, id),
      CHECK ((kind = 'password') = (id = 'password'))
    ) ${keyed};

    CREATE TABLE key_pair (
      sequence    ${counter},
      kid         ${text} NOT NULL UNIQUE,
      account     ${text} NOT NULL REFERENCES account (id),
      algorithm   ${text} NOT NULL CHECK (algorithm IN ('ed25519-sha256')),
      state       ${text} NOT NULL CHECK (state IN ('active', 'retired', 'revoked')),
      spki        ${octets} NOT NULL UNIQUE,
      sealed      ${octets},
      not_before  ${integer} NOT NULL,
      not_after   ${integer},
      state_since ${integer} NOT NULL,
      reason      ${text},
      released_at ${integer},
      CHECK (state <> 'active' OR sealed IS NOT NULL),
      CHECK (state <> 'revoked' OR sealed IS NULL),
      CHECK ((state = 'active') = (not_after IS NULL)),
      CHECK ((state = 'active') = (reason IS NULL)),
      CHECK (released_at IS NULL OR (sealed IS NULL AND state <> 'active'))
    ) ${plain};
    CREATE INDEX key_of_account ON key_pair (account);
    CREATE UNIQUE INDEX one_active_key ON key_pair (account, algorithm) WHERE state = 'active';
    CREATE INDEX key_to_release ON key_pair (not_after, sequence) WHERE state = 'retired' AND sealed IS NOT NULL;

    CREATE TABLE enrolment (
      name        ${text} PRIMARY KEY,
      spki_sha256 ${text} UNIQUE,
      unix_user   ${text},
      unix_group  ${text},
      scope       ${text} NOT NULL,
      modes       ${text} NOT NULL,
      may_assert  ${integer} NOT NULL CHECK (may_assert IN (0, 1)),
      created_at  ${integer} NOT NULL
    ) ${keyed};

    CREATE TABLE recipient_use (
      account   ${text} PRIMARY KEY REFERENCES account (id),
      period_ms ${integer} NOT NULL,
      slots     ${text} NOT NULL
    ) ${keyed};

    CREATE TABLE audit (
      sequence        ${integer} PRIMARY KEY,
      at              ${integer} NOT NULL,
      actor           ${text} NOT NULL,
      action          ${text} NOT NULL,
      account         ${text},
      subject         ${text},
      kid             ${text},
      message_id_hash ${text},
      recipients      ${integer},
      client          ${text},
      outcome         ${text} NOT NULL,
      detail          ${text},
      chain           ${octets} NOT NULL
    ) ${plain};
    CREATE INDEX audit_of_account ON audit (account, sequence) WHERE account IS NOT NULL;
    CREATE INDEX audit_by_time ON audit (at);

    -- What caches must forget; the last rows only.
    CREATE TABLE change (
      sequence ${counter},
      subject  ${text} NOT NULL
    ) ${plain};

    INSERT INTO head (only_row, audit_sequence, audit_chain) VALUES (1, 0, ${dialect.zeroes(32)});
    ${dialect.announce("change")}
    ${rules(dialect)}`;
  },
  (dialect) => `
    -- Entries up to this one were archived, and may go (decision 0082).
    ALTER TABLE head ADD COLUMN archived_sequence ${dialect.integer} NOT NULL DEFAULT 0;
    CREATE INDEX audit_of_act ON audit (action, sequence) WHERE ${IS_ACT};
    ${archiveRules(dialect)}`,
  (dialect) => `
    -- What decoys are made from, sealed, since the master key was replaced; before it follows from that.
    ALTER TABLE head ADD COLUMN decoy_secret ${dialect.octets};`,
];

/** What key-lifecycle.ts and the table of states do not have, the database itself refuses, whoever asks. */
function rules(dialect: Dialect): string {
  return [
    dialect.refuse({
      name: "account_transitions",
      change: "UPDATE OF state",
      table: "account",
      when: "OLD.state = 'removed'",
      because: "a removed account stays removed",
    }),
    dialect.refuse({
      name: "account_identity",
      change: "UPDATE OF id, primary_address, created_at",
      table: "account",
      because: "an account id names one account for ever",
    }),
    dialect.refuse({
      name: "account_history",
      change: "DELETE",
      table: "account",
      because: "accounts stay, at least as removed",
    }),
    dialect.refuse({
      name: "key_transitions",
      change: "UPDATE OF state",
      table: "key_pair",
      when: `NOT ((OLD.state = 'active' AND NEW.state IN ('retired', 'revoked'))
               OR (OLD.state = 'retired' AND NEW.state = 'revoked'))`,
      because: "this key transition does not exist",
    }),
    dialect.refuse({
      name: "key_identity",
      change: "UPDATE OF sequence, kid, account, algorithm, spki, not_before",
      table: "key_pair",
      because: "a key id names one key of one account for ever",
    }),
    dialect.refuse({
      name: "key_destroyed",
      change: "UPDATE OF sealed",
      table: "key_pair",
      when: "OLD.sealed IS NULL AND NEW.sealed IS NOT NULL",
      because: "a destroyed private key stays destroyed",
    }),
    dialect.refuse({
      name: "key_released",
      change: "UPDATE OF released_at",
      table: "key_pair",
      when: "OLD.released_at IS NOT NULL",
      because: "a key is released once",
    }),
    dialect.refuse({
      name: "key_history",
      change: "DELETE",
      table: "key_pair",
      because: "the history of keys stays",
    }),
    dialect.refuse({
      name: "audit_unchanged",
      change: "UPDATE",
      table: "audit",
      because: "the audit log is appended to only",
    }),
    dialect.refuse({
      name: "audit_kept",
      change: "DELETE",
      table: "audit",
      because: "the audit log is appended to only",
    }),
  ].join("\n");
}

/** Only the beginning of the audit log may go, and only what one of its entries names as archived. */
function archiveRules(dialect: Dialect): string {
  const named = `SELECT 1 FROM audit WHERE action = 'audit.archive' AND ${IS_ACT}
    AND sequence > NEW.archived_sequence AND detail LIKE 'entries % to ' || NEW.archived_sequence || ',%'`;
  return [
    dialect.allow({ name: "audit_kept", change: "DELETE", table: "audit" }),
    dialect.refuse({
      name: "audit_kept",
      change: "DELETE",
      table: "audit",
      when: "OLD.sequence > (SELECT archived_sequence FROM head)",
      reads: true,
      because: "the audit log is appended to only, and what was archived removed",
    }),
    dialect.refuse({
      name: "audit_archived",
      change: "UPDATE OF archived_sequence",
      table: "head",
      when: `NEW.archived_sequence <> OLD.archived_sequence
        AND (NEW.archived_sequence < OLD.archived_sequence OR NOT EXISTS (${named}))`,
      reads: true,
      because: "no entry of the audit log says that this was archived",
    }),
    dialect.refuse({
      name: "head_kept",
      change: "DELETE",
      table: "head",
      because: "there is one head row",
    }),
  ].join("\n");
}
