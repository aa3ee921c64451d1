import {
  type LeasedMessage,
  type LeaseRequest,
  type MessageId,
  type QueueChange,
  type QueueCounts,
  type QueuedRecipient,
  type QueueStore,
  QueueStoreError,
  type Settlement,
  type StoredMessage,
} from "../../queue/index.ts";
import type { Row } from "../sql/program.ts";
import { Database, storageProblem } from "./database.ts";
import { QUEUE_APPLICATION_ID, queueMigrations } from "./queue-schema.ts";

/** The queue in one SQLite file of its own: its commits never wait for the keyring's, nor the keyring's for them. */
export class SqliteQueueStore implements QueueStore {
  readonly #db: Database;

  /** @param options.maxOctets the file's greatest size; beyond it the queue is `full` */
  constructor(path: string, options: { readonly busyTimeoutMs?: number; readonly maxOctets?: number } = {}) {
    this.#db = new Database({
      path,
      applicationId: QUEUE_APPLICATION_ID,
      migrations: queueMigrations,
      busyTimeoutMs: options.busyTimeoutMs ?? 2_000,
      ...(options.maxOctets === undefined ? {} : { maxOctets: options.maxOctets }),
    });
  }

  async close(): Promise<void> {
    await this.#db.close();
  }

  async commit(changes: readonly QueueChange[]): Promise<readonly ("done" | "lease-lost")[]> {
    const answers = this.#change(() =>
      changes.map((change) => {
        if (change.kind === "settle") return this.#settle(change.settlement);
        this.#insert(change.messages);
        return "done" as const;
      }),
    );
    await this.#db.synced();
    return answers;
  }

  async lease({ now, until, owner, limit }: LeaseRequest): Promise<readonly LeasedMessage[]> {
    // Most waits end with nothing to do: finding that out takes no write lock and no sync.
    const due = "FROM message WHERE due_at <= ? AND lease_owner IS NOT ?";
    if (!this.#attempt(() => this.#db.get(`SELECT 1 ${due} LIMIT 1`, now, owner))) return [];
    return this.#change(() => {
      const rows = this.#db.all(`SELECT * ${due} ORDER BY due_at LIMIT ?`, now, owner, limit);
      return rows.map((row) => {
        const sequence = row.sequence as number;
        this.#db.run(
          "UPDATE message SET lease_owner = ?, due_at = ?, attempts = attempts + 1 WHERE sequence = ?",
          owner,
          until,
          sequence,
        );
        const recipients = this.#db.all(
          `SELECT position, address, state, detail FROM recipient
           WHERE message = ? AND state IN ('pending', 'deferred') ORDER BY position`,
          sequence,
        );
        return leasedMessage(row, recipients);
      });
    });
  }

  async renew(owner: string, until: number): Promise<void> {
    this.#change(() => this.#db.run("UPDATE message SET due_at = ? WHERE lease_owner = ?", until, owner));
  }

  async release(owner: string, now: number): Promise<void> {
    this.#change(() =>
      this.#db.run("UPDATE message SET lease_owner = NULL, due_at = ? WHERE lease_owner = ?", now, owner),
    );
  }

  async content(id: MessageId): Promise<readonly Uint8Array[] | null> {
    return this.#attempt(() => {
      const row = this.#db.get(
        "SELECT prefix, octets FROM message JOIN content ON content.id = message.content WHERE message.id = ?",
        id,
      );
      return row ? [row.prefix as Uint8Array, row.octets as Uint8Array] : null;
    });
  }

  async nextDueAt(): Promise<number | null> {
    return this.#attempt(
      () => this.#db.get("SELECT min(due_at) AS due_at FROM message")?.due_at as number | null,
    );
  }

  async counts(): Promise<QueueCounts> {
    return this.#attempt(() => {
      const messages = this.#db.get(
        "SELECT count(*) AS total, count(lease_owner) AS leased, min(enqueued_at) AS oldest_at FROM message",
      );
      const recipients = this.#db.get("SELECT count(*) AS deferred FROM recipient WHERE state = 'deferred'");
      const leased = messages?.leased as number;
      return {
        queued: (messages?.total as number) - leased,
        leased,
        deferredRecipients: recipients?.deferred as number,
        oldestAt: messages?.oldest_at as number | null,
      };
    });
  }

  #insert(messages: readonly StoredMessage[]): void {
    const contents = new Map<Uint8Array, number>();
    for (const message of messages) {
      let content = contents.get(message.content);
      if (content === undefined) {
        content = this.#db.insert("INSERT INTO content (octets) VALUES (?)", message.content);
        contents.set(message.content, content);
      }
      const sequence = this.#db.insert(
        `INSERT INTO message (id, content, prefix, size, sender, body, smtputf8, account, quarantined,
                              enqueued_at, due_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        message.id,
        content,
        message.prefix,
        message.prefix.length + message.content.length,
        message.sender,
        message.body,
        message.smtputf8 ? 1 : 0,
        message.account,
        message.quarantined ? 1 : 0,
        message.enqueuedAt,
        message.enqueuedAt,
      );
      message.recipients.forEach((address, position) => {
        this.#db.run(
          "INSERT INTO recipient (message, position, address) VALUES (?, ?, ?)",
          sequence,
          position,
          address,
        );
      });
    }
  }

  #settle({ id, attempt, owner, changes, dueAt }: Settlement): "done" | "lease-lost" {
    const row = this.#db.get(
      "SELECT sequence, content FROM message WHERE id = ? AND attempts = ? AND lease_owner = ?",
      id,
      attempt,
      owner,
    );
    if (!row) return "lease-lost";
    const sequence = row.sequence as number;
    if (dueAt === null) {
      this.#db.run("DELETE FROM message WHERE sequence = ?", sequence);
      this.#db.run(
        "DELETE FROM content WHERE id = ? AND NOT EXISTS (SELECT 1 FROM message WHERE content = content.id)",
        row.content as number,
      );
      return "done";
    }
    for (const change of changes) {
      this.#db.run(
        "UPDATE recipient SET state = ?, detail = ? WHERE message = ? AND position = ?",
        change.state,
        change.detail,
        sequence,
        change.index,
      );
    }
    this.#db.run("UPDATE message SET lease_owner = NULL, due_at = ? WHERE sequence = ?", dueAt, sequence);
    return "done";
  }

  #attempt<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      const problem = storageProblem(error);
      throw problem === null ? error : new QueueStoreError(problem, error);
    }
  }

  #change<T>(work: () => T): T {
    return this.#attempt(() => this.#db.transaction(work));
  }
}

function leasedMessage(row: Row, recipients: readonly Row[]): LeasedMessage {
  return {
    id: row.id as string,
    sender: row.sender as string,
    recipients: recipients.map(
      (recipient): QueuedRecipient => ({
        index: recipient.position as number,
        address: recipient.address as string,
        state: recipient.state as "pending" | "deferred",
        detail: recipient.detail as string | null,
      }),
    ),
    body: row.body as "7bit" | "8bitmime",
    smtputf8: row.smtputf8 === 1,
    account: row.account as string | null,
    quarantined: row.quarantined === 1,
    size: row.size as number,
    enqueuedAt: row.enqueued_at as number,
    attempt: (row.attempts as number) + 1,
  };
}
