import type { Migration } from "../sql/dialect.ts";

// Times are Unix milliseconds, flags 0 or 1, lists JSON. Ids are the queue's and sort by time, so entries lie in the order
// in which they are written, read and forgotten. Names begin with `log_`, since the queue may be in the same database.

export const mailLogMigrations: readonly Migration[] = [
  (dialect) => {
    const { text, integer, keyed } = dialect;
    return `
    CREATE TABLE log_received (
      id              ${text} PRIMARY KEY,
      at              ${integer} NOT NULL,
      session         ${text} NOT NULL,
      client          ${text} NOT NULL,
      helo            ${text} NOT NULL,
      reverse_path    ${text} NOT NULL,
      recipients      ${text} NOT NULL,
      recipient_count ${integer} NOT NULL,
      from_addresses  ${text} NOT NULL,
      message_id      ${text},
      octets          ${integer} NOT NULL,
      result          ${text} NOT NULL,
      reason          ${text},
      identity        ${text},
      kid             ${text},
      align           ${text},
      rcpt            ${text},
      trust           ${text},
      forwarder       ${text},
      stapled         ${integer} NOT NULL CHECK (stapled IN (0, 1)),
      detail          ${text} NOT NULL,
      spf             ${text},
      dkim            ${text},
      dmarc           ${text},
      arc             ${text},
      policy          ${text} NOT NULL,
      policy_domain   ${text},
      stage           ${text} NOT NULL,
      action          ${text} NOT NULL,
      decided_by      ${text} NOT NULL,
      because         ${text},
      repeated        ${integer} NOT NULL CHECK (repeated IN (0, 1)),
      code            ${integer} NOT NULL,
      enhanced        ${text} NOT NULL,
      receiving_ms    ${integer} NOT NULL,
      verifying_ms    ${integer} NOT NULL,
      queueing_ms     ${integer}
    ) ${keyed};

    CREATE TABLE log_submitted (
      id              ${text} PRIMARY KEY,
      at              ${integer} NOT NULL,
      session         ${text} NOT NULL,
      client          ${text} NOT NULL,
      account         ${text} NOT NULL,
      identity        ${text} NOT NULL,
      kids            ${text} NOT NULL,
      message_id_hash ${text},
      copies          ${text} NOT NULL,
      recipient_count ${integer} NOT NULL,
      octets          ${integer} NOT NULL
    ) ${keyed};

    -- Further ids of a message to several domains, each with deliveries of its own.
    CREATE TABLE log_copy (
      copy    ${text} PRIMARY KEY,
      message ${text} NOT NULL
    ) ${keyed};
    CREATE INDEX log_copy_of ON log_copy (message);

    CREATE TABLE log_delivered (
      message   ${text} NOT NULL,
      at        ${integer} NOT NULL,
      recipient ${text} NOT NULL,
      outcome   ${text} NOT NULL,
      detail    ${text} NOT NULL,
      PRIMARY KEY (message, at, recipient, outcome)
    ) ${keyed};

    -- What messages can be found by: hashes of addresses, domains, key ids, ids of copies and so on (decision 0111).
    CREATE TABLE log_term (
      part ${integer} NOT NULL,
      term ${integer} NOT NULL,
      id   ${text} NOT NULL,
      PRIMARY KEY (part, term, id)
    ) ${keyed};

    -- The parts that there are.
    CREATE TABLE log_part (
      part ${integer} PRIMARY KEY
    ) ${keyed};

    CREATE TABLE log_claim (
      task ${text} NOT NULL,
      day  ${text} NOT NULL,
      PRIMARY KEY (task, day)
    ) ${keyed};`;
  },
];
