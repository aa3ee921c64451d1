import type { Migrations } from "./database.ts";

/** "VSMQ" */
export const QUEUE_APPLICATION_ID = 0x56534d51;

// Times are Unix milliseconds. `due_at` is when something has to happen next: the next attempt of a queued
// message, the end of a leased one's lease. One index then finds both.
export const queueMigrations: Migrations = [
  `
  CREATE TABLE content (
    id     INTEGER PRIMARY KEY,
    octets BLOB NOT NULL
  ) STRICT;

  CREATE TABLE message (
    sequence    INTEGER PRIMARY KEY,
    id          TEXT NOT NULL UNIQUE,
    content     INTEGER NOT NULL REFERENCES content (id),
    prefix      BLOB NOT NULL,
    size        INTEGER NOT NULL,
    sender      TEXT NOT NULL,
    body        TEXT NOT NULL CHECK (body IN ('7bit', '8bitmime')),
    smtputf8    INTEGER NOT NULL CHECK (smtputf8 IN (0, 1)),
    account     TEXT,
    quarantined INTEGER NOT NULL CHECK (quarantined IN (0, 1)),
    enqueued_at INTEGER NOT NULL,
    attempts    INTEGER NOT NULL DEFAULT 0,
    due_at      INTEGER NOT NULL,
    lease_owner TEXT
  ) STRICT;
  CREATE INDEX message_due ON message (due_at);
  CREATE INDEX message_of_content ON message (content);
  CREATE INDEX message_leased ON message (lease_owner) WHERE lease_owner IS NOT NULL;

  CREATE TABLE recipient (
    message  INTEGER NOT NULL REFERENCES message (sequence) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    address  TEXT NOT NULL,
    state    TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'deferred', 'delivered', 'failed')),
    detail   TEXT,
    PRIMARY KEY (message, position)
  ) STRICT, WITHOUT ROWID;

  CREATE TRIGGER recipient_transitions BEFORE UPDATE OF state ON recipient
    WHEN OLD.state IN ('delivered', 'failed') OR NEW.state = 'pending'
    BEGIN SELECT raise(ABORT, 'this recipient transition does not exist'); END;
  `,
];
