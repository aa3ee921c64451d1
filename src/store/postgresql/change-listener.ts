import pg from "pg";
import { ChangeLog } from "../change-log.ts";
import { journalAfter, journalEnd } from "../keyring/journal.ts";
import { runProgram } from "../sql/program.ts";
import { connectionConfig, execute } from "./connection.ts";
import { CHANGE_CHANNEL } from "./dialect.ts";

/** The journal is read this often even when nothing is announced. */
const POLL_MS = 500;
/** Older knowledge is none: a suspension must be seen within a second, whatever became of the connection. */
const STALE_MS = 900;
const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 5_000;
const ANSWER_MS = 5_000;

/**
 * Hears on a connection of its own what other processes change. While it hears nothing, not even that there is
 * nothing, everything that is remembered counts as changed in each turn of the event loop.
 */
export class ChangeListener {
  readonly log = new ChangeLog();
  readonly #url: string;
  #client: pg.Client | null = null;
  #journalEnd: number | null = null;
  /** When the answer that is known now was asked for. */
  #knownAt = Number.NEGATIVE_INFINITY;
  #forgotThisTurn = false;
  #reading: Promise<void> | null = null;
  #readAgain = false;
  #retryMs = FIRST_RETRY_MS;
  #timer: NodeJS.Timeout | null = null;
  #closed = false;

  constructor(url: string) {
    this.#url = url;
  }

  /** Resolves when it hears. @throws when the database cannot be reached: it goes on trying unless it is closed */
  async start(): Promise<void> {
    const client = new pg.Client({
      ...connectionConfig(this.#url),
      application_name: "vsmtp changes",
      query_timeout: ANSWER_MS,
    });
    client.on("error", () => this.#lost(client));
    client.on("end", () => this.#lost(client));
    client.on("notification", () => void this.#read());
    try {
      await client.connect();
      await client.query(`LISTEN ${CHANGE_CHANNEL}`);
      if (this.#closed) return await client.end();
      this.#client = client;
      await this.#read();
      if (this.#client !== client) throw new Error("the connection was lost at once");
      this.#retryMs = FIRST_RETRY_MS;
    } catch (error) {
      this.#lost(client);
      throw error;
    }
  }

  changeCount(): number {
    if (performance.now() - this.#knownAt > STALE_MS && !this.#forgotThisTurn) {
      this.#forgotThisTurn = true;
      setImmediate(() => {
        this.#forgotThisTurn = false;
      });
      this.log.forgetAll();
    }
    return this.log.count;
  }

  async close(): Promise<void> {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    const client = this.#client;
    this.#client = null;
    await this.#reading;
    await client?.end().catch(() => {});
  }

  /** Reads what is new in the journal; what is announced while it reads is read after that. */
  #read(): Promise<void> {
    if (this.#reading !== null) this.#readAgain = true;
    else {
      this.#reading = this.#readJournal().finally(() => {
        this.#reading = null;
        if (this.#readAgain) {
          this.#readAgain = false;
          void this.#read();
        }
      });
    }
    return this.#reading as Promise<void>;
  }

  async #readJournal(): Promise<void> {
    const client = this.#client;
    if (client === null) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    const askedAt = performance.now();
    try {
      if (this.#journalEnd === null) {
        this.#journalEnd = await runProgram(journalEnd(), (statement) => execute(client, statement));
        this.log.forgetAll();
      } else {
        const { end, subjects } = await runProgram(journalAfter(this.#journalEnd), (statement) =>
          execute(client, statement),
        );
        if (subjects === null) this.log.forgetAll();
        else this.log.add(subjects);
        this.#journalEnd = end;
      }
    } catch {
      this.#lost(client);
      return;
    }
    this.#knownAt = askedAt;
    if (this.#client === client) this.#timer = setTimeout(() => void this.#read(), POLL_MS).unref();
  }

  #lost(client: pg.Client): void {
    client.removeAllListeners().on("error", () => {});
    client.end().catch(() => {});
    if (this.#closed) return;
    this.#client = null;
    // The next connection may lead to another server, whose journal is not quite as far.
    this.#journalEnd = null;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(
      () => this.start().catch(() => {}),
      this.#retryMs * (0.5 + Math.random()),
    ).unref();
    this.#retryMs = Math.min(this.#retryMs * 2, LAST_RETRY_MS);
  }
}
