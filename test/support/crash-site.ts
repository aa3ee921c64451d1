import { mkdirSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { createAuthority } from "./certificates.ts";
import { CrashClient } from "./crash-client.ts";
import { CrashJudge } from "./crash-judge.ts";
import { deadDomain, lateDomain, rekeyed, steady } from "./crash-messages.ts";
import type { KillPlan } from "./crash-points.ts";
import { CrashProcess } from "./crash-process.ts";
import { CrashSink } from "./crash-sink.ts";

export interface SiteOptions {
  /** For the settings, the key store and all else. */
  readonly folder: string;
  /** A file, or the address of a database. */
  readonly queue: string;
  /** By default below `folder`. */
  readonly spool?: string;
  readonly clients: number;
}

export interface SiteResult {
  /** What is wrong, for people. */
  readonly problems: readonly string[];
  /** Messages that clients heard 250 for. */
  readonly accepted: number;
  readonly arrived: number;
  /** Deliveries made again, since the first one was not recorded when the process died. */
  readonly again: number;
}

/** One installation, its clients, and the servers that it sends to; it can be killed and started again on its files. */
export class CrashSite {
  readonly sink = new CrashSink();
  readonly clients: readonly CrashClient[];
  readonly #options: SiteOptions;
  readonly #judge = new CrashJudge();
  #sending: Promise<unknown> | null = null;
  #life = 0;
  #running: CrashProcess | null = null;
  #standby: CrashProcess;

  private constructor(options: SiteOptions, port: number, ca: string) {
    this.#options = options;
    this.clients = Array.from({ length: options.clients }, (_, index) => {
      return new CrashClient(port, ca, index % 3 === 2 ? rekeyed : steady);
    });
    this.#standby = this.#nextLife();
  }

  static async prepare(options: SiteOptions): Promise<CrashSite> {
    const { folder } = options;
    mkdirSync(join(folder, "data"), { recursive: true });
    const authority = await createAuthority();
    const { cert, key } = await authority.issue(["localhost"]);
    const port = await freePort();
    const site = new CrashSite(options, port, authority.cert);
    await site.sink.start();
    writeFileSync(join(folder, "cert.pem"), cert);
    writeFileSync(join(folder, "key.pem"), key, { mode: 0o600 });
    writeFileSync(join(folder, "vsmtp.toml"), settings(options, port, site.sink));
    return site;
  }

  /** How many messages clients heard 250 for so far. */
  get accepted(): number {
    return this.clients.reduce((sum, { acknowledged }) => sum + acknowledged.length, 0);
  }

  /** How often a message was refused so far, with a reply that begins so. */
  refusals(code: string): number {
    return this.clients.reduce((sum, { refusals }) => sum + (refusals.get(code) ?? 0), 0);
  }

  startClients(): void {
    this.#sending = Promise.all(this.clients.map((client) => client.run()));
  }

  /**
   * Starts the process. It may be dead already when this resolves, where that is the plan.
   *
   * @param under a program and its arguments that run it
   */
  async begin(plan: KillPlan | null, under: readonly string[] = []): Promise<CrashProcess> {
    let child = this.#standby;
    if (under.length > 0) {
      await child.discard();
      child = this.#nextLife(under);
    }
    this.sink.life = this.#life;
    this.#life++;
    this.#standby = this.#nextLife();
    this.#running = child;
    child.tell({ do: "start", settings: join(this.#options.folder, "vsmtp.toml"), plan });
    await child.answer("started");
    return child;
  }

  /** Lets all arrive that is in the queue, ends everything and compares. @param child that runs */
  async finish(child: CrashProcess): Promise<SiteResult> {
    for (const client of this.clients) client.stop();
    await this.#sending;
    child.tell({ do: "drain" });
    const drained = await child.answer("drained");
    await child.stop();
    const acknowledged = this.clients.flatMap((client) => client.acknowledged);
    const { arrivals } = this.sink;
    const { problems, again } = this.#judge.judge(acknowledged, arrivals, drained?.held ?? []);
    problems.push(...(await this.#leftFiles()));
    return { problems, accepted: acknowledged.length, arrived: arrivals.length, again };
  }

  /** Ends whatever still runs. */
  async end(): Promise<void> {
    for (const client of this.clients) client.stop();
    await this.#running?.discard();
    await this.#standby.discard();
    await this.sink.stop();
  }

  #nextLife(under: readonly string[] = []): CrashProcess {
    const life = this.#life;
    return new CrashProcess((report) => this.#judge.record(report, life), under);
  }

  /** What a crash leaves in the spool is gone after some hours. */
  async #leftFiles(): Promise<string[]> {
    const { folder, spool = join(folder, "data", "spool") } = this.#options;
    const longAgo = new Date(Date.now() - 86_400_000);
    for (const name of readdirSync(spool)) utimesSync(join(spool, name), longAgo, longAgo);
    const child = await this.begin(null);
    child.tell({ do: "tidy" });
    await child.answer("tidied");
    await child.stop();
    return readdirSync(spool).map((name) => `the file ${name} was left`);
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}

function settings({ queue, spool = "spool" }: SiteOptions, port: number, sink: CrashSink): string {
  return `roles = ["submission", "delivery"]
hostname = "mail.someisp.test"
data_directory = "data"
[store]
queue = "${queue}"
spool = "${spool}"
[accounts]
recipients_per_period = 1000000
new_account_recipients = 1000000
[tls]
certificate = "cert.pem"
key = "key.pem"
[submission]
listen = [{ address = "127.0.0.1:${port}", tls = "implicit" }]
[routes]
"${deadDomain}" = "127.0.0.1:9"
"${lateDomain}" = "127.0.0.1:${sink.latePort}"
"*" = "127.0.0.1:${sink.port}"
[network]
resolvers = ["127.0.0.1:9"]
allow_private_addresses = true
`;
}
