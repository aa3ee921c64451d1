import type { Migration } from "../sql/dialect.ts";

/**
 * Mail in quarantine, and what was queued once. SQLite cannot alter what a column may hold, so that the table of messages
 * is made anew on both databases.
 */
export const quarantineSchema: Migration = (dialect) => {
  const { text, integer, octets, keyed } = dialect;
  return `
    CREATE TABLE message_2 (
      id               ${text} PRIMARY KEY,
      state            ${text} NOT NULL CHECK (state IN ('queued', 'leased', 'held', 'quarantined')),
      destination      ${text} NOT NULL,
      due_at           ${integer} NOT NULL,
      wake_at          ${integer},
      lease_owner      ${text},
      lease            ${integer} NOT NULL,
      attempts         ${integer} NOT NULL,
      warned           ${integer} NOT NULL CHECK (warned IN (0, 1)),
      pending_order    ${text} CHECK (pending_order IN ('hold', 'bounce', 'remove')),
      held_because     ${text},
      retry_ordered_at ${integer},
      size             ${integer} NOT NULL,
      enqueued_at      ${integer} NOT NULL,
      expires_at       ${integer} NOT NULL,
      sender           ${text} NOT NULL,
      account          ${text},
      kids             ${text},
      body             ${text} NOT NULL CHECK (body IN ('7bit', '8bitmime')),
      smtputf8         ${integer} NOT NULL CHECK (smtputf8 IN (0, 1)),
      require_tls      ${integer} NOT NULL CHECK (require_tls IN (0, 1)),
      quarantined      ${integer} NOT NULL CHECK (quarantined IN (0, 1)),
      envelope_id      ${text},
      returned         ${text} CHECK (returned IN ('full', 'headers')),
      shared_content   ${text},
      CHECK ((state = 'leased') = (lease_owner IS NOT NULL)),
      CHECK (state <> 'queued' OR wake_at IS NOT NULL),
      CHECK (state <> 'held' OR held_because IS NOT NULL),
      CHECK (state <> 'quarantined' OR (wake_at IS NOT NULL AND pending_order IS NULL))
    ) ${keyed};
    INSERT INTO message_2 SELECT * FROM message;
    DROP TABLE message;
    ALTER TABLE message_2 RENAME TO message;
    CREATE INDEX message_due ON message (destination, due_at) WHERE state = 'queued';
    CREATE INDEX message_wake ON message (wake_at) WHERE state = 'queued';
    CREATE INDEX message_leased ON message (lease_owner) WHERE state = 'leased';
    -- With their sizes, so that their sum is found without them.
    CREATE INDEX message_quarantined ON message (id, size) WHERE state = 'quarantined';

    -- One row for each message in that state. \`authors\` are the mailboxes of From, each between line ends.
    CREATE TABLE quarantine (
      message    ${text} PRIMARY KEY,
      until      ${integer} NOT NULL,
      result     ${text} NOT NULL,
      reason     ${text},
      identity   ${text},
      kid        ${text},
      from_text  ${text} NOT NULL,
      authors    ${text} NOT NULL,
      subject    ${text} NOT NULL,
      message_id ${text},
      client     ${text} NOT NULL,
      decided_by ${text} NOT NULL,
      because    ${text}
    ) ${keyed};
    CREATE INDEX quarantine_until ON quarantine (until);

    -- \`until\` in Unix seconds. It comes first, since it is known to whoever asks: new rows are then beside each other, and
    -- old ones too.
    CREATE TABLE seen (
      until ${integer} NOT NULL,
      key   ${octets} NOT NULL,
      PRIMARY KEY (until, key)
    ) ${keyed};`;
};
