import type { Migration } from "../sql/dialect.ts";
import { quarantineSchema } from "./quarantine-schema.ts";

// Times are Unix milliseconds, flags 0 or 1, lists JSON. A message's id is the key of its rows everywhere: it sorts by
// arrival, and is known before anything is inserted. There are no foreign keys, which would be checked for each row of
// each message; the programs beside this file delete what belongs to a message with it (decision 0083).

export const queueMigrations: readonly Migration[] = [
  (dialect) => {
    const { text, integer, octets, keyed } = dialect;
    return `
    ${dialect.preparation}
    -- Queued: it waits for \`due_at\`, and needs attention at \`wake_at\` even while its destination rests.
    -- Leased: \`lease_owner\` has it; \`wake_at\` is null where it is to be bounced.
    -- \`shared_content\` is what it shares with others, after its own.
    CREATE TABLE message (
      id               ${text} PRIMARY KEY,
      state            ${text} NOT NULL CHECK (state IN ('queued', 'leased', 'held')),
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
      CHECK (state <> 'held' OR held_because IS NOT NULL)
    ) ${keyed};
    -- A message that is handed over as it comes, and delivered, is in the last of these only.
    CREATE INDEX message_due ON message (destination, due_at) WHERE state = 'queued';
    CREATE INDEX message_wake ON message (wake_at) WHERE state = 'queued';
    CREATE INDEX message_leased ON message (lease_owner) WHERE state = 'leased';

    CREATE TABLE recipient (
      message            ${text} NOT NULL,
      position           ${integer} NOT NULL,
      state              ${text} NOT NULL CHECK (state IN ('pending', 'deferred', 'delivered', 'failed')),
      address            ${text} NOT NULL,
      notify             ${text},
      original_recipient ${text},
      detail             ${text},
      PRIMARY KEY (message, position)
    ) ${keyed};

    -- A message's own is under its id, what messages share under another. What of it is not in octets is in the file
    -- of that name in the spool folder, or in its rows of content_chunk.
    CREATE TABLE content (
      id          ${text} PRIMARY KEY,
      holders     ${integer} NOT NULL CHECK (holders >= 0),
      file        ${text},
      rest_octets ${integer} NOT NULL,
      octets      ${octets} NOT NULL
    ) ${keyed};
    CREATE UNIQUE INDEX content_file ON content (file) WHERE file IS NOT NULL;
    ${dialect.rawOctets("content", "octets")}

    ${
      dialect.largeContents === "files"
        ? ""
        : `CREATE TABLE content_chunk (
      file     ${text} NOT NULL,
      position ${integer} NOT NULL,
      octets   ${octets} NOT NULL,
      PRIMARY KEY (file, position)
    ) ${keyed};
    ${dialect.rawOctets("content_chunk", "octets")}`
    }

    -- \`due_at\` is never later than the earliest of its queued messages, and null only where there is none.
    CREATE TABLE destination (
      name        ${text} PRIMARY KEY,
      due_at      ${integer},
      rests_until ${integer} NOT NULL DEFAULT 0,
      failures    ${integer} NOT NULL DEFAULT 0,
      failure     ${text},
      ready_at    ${integer} GENERATED ALWAYS AS (CASE WHEN due_at < rests_until THEN rests_until ELSE due_at END) STORED
    ) ${keyed};
    CREATE INDEX destination_ready ON destination (ready_at, name) WHERE ready_at IS NOT NULL;

    -- Until when whoever takes leases is taken for alive: one sign of life for all that it holds.
    CREATE TABLE lease_holder (
      owner ${text} PRIMARY KEY,
      until ${integer} NOT NULL
    ) ${keyed};

    ${dialect.refuse({
      name: "recipient_transitions",
      change: "UPDATE OF state",
      table: "recipient",
      when: "OLD.state IN ('delivered', 'failed') OR NEW.state = 'pending'",
      because: "this recipient transition does not exist",
    })}`;
  },
  quarantineSchema,
];
