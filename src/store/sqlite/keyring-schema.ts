import type { Migrations } from "./database.ts";

/** "VSMK" */
export const KEYRING_APPLICATION_ID = 0x56534d4b;

// Times are Unix seconds; addresses are canonical and unencoded; domains are A-labels in lower case.
export const keyringMigrations: Migrations = [
  `
  CREATE TABLE master_key (check_value TEXT NOT NULL) STRICT;

  CREATE TABLE domain (
    name             TEXT PRIMARY KEY,
    epoch            INTEGER,
    statement_spki   BLOB,
    statement_sealed BLOB,
    created_at       INTEGER NOT NULL,
    CHECK ((statement_spki IS NULL) = (statement_sealed IS NULL))
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE account (
    id              TEXT PRIMARY KEY,
    primary_address TEXT NOT NULL UNIQUE REFERENCES address (address) DEFERRABLE INITIALLY DEFERRED,
    state           TEXT NOT NULL CHECK (state IN ('active', 'suspended')),
    created_at      INTEGER NOT NULL,
    state_since     INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE address (
    address TEXT PRIMARY KEY,
    domain  TEXT NOT NULL REFERENCES domain (name),
    account TEXT NOT NULL REFERENCES account (id) DEFERRABLE INITIALLY DEFERRED
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX address_of_account ON address (account);

  -- A grant for one address ends with the address: its next owner has granted nothing.
  CREATE TABLE grant_held (
    account TEXT NOT NULL REFERENCES account (id),
    kind    TEXT NOT NULL CHECK (kind IN ('send-as', 'on-behalf')),
    address TEXT REFERENCES address (address) ON DELETE CASCADE,
    domain  TEXT NOT NULL REFERENCES domain (name)
  ) STRICT;
  CREATE UNIQUE INDEX grant_once ON grant_held (account, kind, domain, coalesce(address, ''));
  CREATE INDEX grant_of_address ON grant_held (address) WHERE address IS NOT NULL;

  CREATE TABLE password (
    account    TEXT PRIMARY KEY REFERENCES account (id),
    hash       TEXT NOT NULL,
    changed_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE key_pair (
    sequence    INTEGER PRIMARY KEY,
    kid         TEXT NOT NULL UNIQUE,
    account     TEXT NOT NULL REFERENCES account (id),
    algorithm   TEXT NOT NULL CHECK (algorithm IN ('ed25519-sha256')),
    state       TEXT NOT NULL CHECK (state IN ('active', 'retired', 'revoked')),
    spki        BLOB NOT NULL UNIQUE,
    sealed      BLOB,
    not_before  INTEGER NOT NULL,
    not_after   INTEGER,
    state_since INTEGER NOT NULL,
    reason      TEXT,
    CHECK ((state = 'active') = (sealed IS NOT NULL)),
    CHECK ((state = 'active') = (not_after IS NULL))
  ) STRICT;
  CREATE INDEX key_of_account ON key_pair (account);
  CREATE UNIQUE INDEX one_active_key ON key_pair (account, algorithm) WHERE state = 'active';

  CREATE TRIGGER key_transitions BEFORE UPDATE OF state ON key_pair
    WHEN NOT ((OLD.state = 'active' AND NEW.state IN ('retired', 'revoked'))
           OR (OLD.state = 'retired' AND NEW.state = 'revoked'))
    BEGIN SELECT raise(ABORT, 'this key transition does not exist'); END;
  CREATE TRIGGER key_identity BEFORE UPDATE OF kid, account, algorithm, spki, not_before ON key_pair
    BEGIN SELECT raise(ABORT, 'a key id names one key of one account for ever'); END;
  `,
];
