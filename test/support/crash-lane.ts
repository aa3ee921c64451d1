import { randomInt } from "node:crypto";
import { mkdirSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { createAuthority } from "./certificates.ts";
import { CrashClient } from "./crash-client.ts";
import { CrashJudge } from "./crash-judge.ts";
import { deadDomain, lateDomain } from "./crash-messages.ts";
import { type KillPlan, steps } from "./crash-points.ts";
import { CrashProcess } from "./crash-process.ts";
import { CrashSink, type KillMoment } from "./crash-sink.ts";

type Death = KillPlan | { readonly moment: KillMoment } | "at random";

export interface LaneResult {
  readonly problems: readonly string[];
  readonly accepted: number;
  readonly arrived: number;
  readonly twice: number;
  /** Kills by where they struck. */
  readonly kills: ReadonlyMap<string, number>;
}

/** One installation that is killed again and again while clients send, and that starts again on its files each time. */
export class CrashLane {
  readonly #folder: string;
  readonly #sink = new CrashSink();
  readonly #judge = new CrashJudge();
  readonly #clients: CrashClient[] = [];
  readonly #kills = new Map<string, number>();
  #life = 0;
  #standby: CrashProcess;

  private constructor(folder: string) {
    this.#folder = folder;
    this.#standby = this.#nextLife();
  }

  /** @param queue a file or the address of a database, as in the settings */
  static async start(folder: string, queue: string, clients: number): Promise<CrashLane> {
    mkdirSync(join(folder, "data"), { recursive: true });
    const lane = new CrashLane(folder);
    await lane.#sink.start();
    const { cert, key } = await (await createAuthority()).issue(["localhost"]);
    const port = await freePort();
    const file = (name: string, text: string): void =>
      writeFileSync(join(folder, name), text, { mode: 0o600 });
    file("cert.pem", cert);
    file("key.pem", key);
    file("vsmtp.toml", settings(queue, port, lane.#sink));
    for (let i = 0; i < clients; i++) lane.#clients.push(new CrashClient(port, cert));
    return lane;
  }

  async run(kills: number): Promise<LaneResult> {
    const sending = this.#clients.map((client) => client.run());
    for (const death of deaths(kills)) await this.#live(death);
    const last = await this.#begin(null);
    await this.#sink.openLate();
    for (const client of this.#clients) client.stop();
    await Promise.all(sending);
    last.tell({ do: "drain" });
    await last.answer("drained");
    await stopped(last);
    const acknowledged = this.#clients.flatMap((client) => client.acknowledged);
    const { arrivals } = this.#sink;
    const { problems, twice } = this.#judge.judge(acknowledged, arrivals);
    problems.push(...(await this.#leftFiles()));
    this.#standby.kill();
    await this.#sink.stop();
    return { problems, accepted: acknowledged.length, arrived: arrivals.length, twice, kills: this.#kills };
  }

  async #live(death: Death): Promise<void> {
    await (randomInt(2) === 0 ? this.#sink.openLate() : this.#sink.closeLate());
    const planned = death !== "at random" && "step" in death ? death : null;
    const child = await this.#begin(planned);
    if (death !== "at random" && "moment" in death) {
      this.#sink.killAt = { moment: death.moment, kill: () => child.kill() };
    }
    if (randomInt(3) === 0 || planned?.step.startsWith("order")) child.tell({ do: "meddle" });
    const struck = await child.diesWithin(death === "at random" ? randomInt(5, 400) : 2_000);
    this.#sink.killAt = null;
    child.kill();
    await child.ended();
    const name = struck && death !== "at random" ? nameOf(death) : "at random";
    this.#kills.set(name, (this.#kills.get(name) ?? 0) + 1);
  }

  async #begin(plan: KillPlan | null): Promise<CrashProcess> {
    const child = this.#standby;
    this.#sink.life = this.#life;
    this.#life++;
    this.#standby = this.#nextLife();
    child.tell({ do: "start", settings: join(this.#folder, "vsmtp.toml"), plan });
    await child.answer("started");
    return child;
  }

  #nextLife(): CrashProcess {
    const life = this.#life;
    return new CrashProcess((report) => this.#judge.record(report, life));
  }

  /** What a crash leaves in the spool is gone after some hours. */
  async #leftFiles(): Promise<string[]> {
    const spool = join(this.#folder, "data", "spool");
    const longAgo = new Date(Date.now() - 86_400_000);
    for (const name of readdirSync(spool)) utimesSync(join(spool, name), longAgo, longAgo);
    const child = await this.#begin(null);
    child.tell({ do: "tidy" });
    await child.answer("tidied");
    await stopped(child);
    return readdirSync(spool).map((name) => `the file ${name} was left`);
  }
}

function* deaths(count: number): Generator<Death> {
  const planned: Death[] = [
    ...steps.flatMap((step) => [
      { step, when: "before" as const, occurrence: 1 },
      { step, when: "after" as const, occurrence: 1 },
    ]),
    { moment: "before 250" },
    { moment: "after 250" },
  ];
  for (let i = 0; i < count; i++) {
    const death = planned[Math.floor(i / 2) % planned.length] ?? "at random";
    if (i % 2 === 1) yield "at random";
    else
      yield typeof death === "object" && "step" in death ? { ...death, occurrence: randomInt(1, 4) } : death;
  }
}

function nameOf(death: Exclude<Death, "at random">): string {
  return "step" in death ? `${death.when} ${death.step}` : `${death.moment} is read`;
}

async function stopped(child: CrashProcess): Promise<void> {
  child.tell({ do: "stop" });
  await child.ended();
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}

function settings(queue: string, port: number, sink: CrashSink): string {
  return `roles = ["submission", "delivery"]
hostname = "mail.someisp.test"
data_directory = "data"
[store]
queue = "${queue}"
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
