import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Config, formatProblem, loadConfig } from "../../src/config/index.ts";
import { createLog, type Provider, startProvider, type Watchers } from "../../src/provider/index.ts";
import { RetrySchedule } from "../../src/queue/index.ts";
import type { Authority } from "./certificates.ts";

export type Places = Map<string, { host: string; port: number }>;

/** Nobody waits five minutes in a test. */
const retry = new RetrySchedule({ firstDelayMs: 100, factor: 1, maxDelayMs: 200, jitter: 0 });

export interface Surroundings {
  readonly authority: Authority;
  readonly dnsPort: number;
  /** "host:port" of the world, and where it is on loopback; may change while the provider runs. */
  readonly places: Places;
}

/** What `vsmtp serve` runs, in this process: its events are at hand, and it takes no second to start. */
export class ProviderHere {
  readonly folder: string;
  /** Lines of its log. */
  readonly log: Record<string, unknown>[];
  readonly #provider: Provider;

  private constructor(folder: string, provider: Provider, log: Record<string, unknown>[]) {
    this.folder = folder;
    this.#provider = provider;
    this.log = log;
  }

  /** @param settings the file, without hostname, data directory, TLS and network */
  static async start(
    hostname: string,
    settings: string,
    { authority, dnsPort, places }: Surroundings,
    watchers: Watchers = {},
    given: { readonly folder?: string; readonly config?: (config: Config) => Config } = {},
  ): Promise<ProviderHere> {
    const folder = given.folder ?? mkdtempSync(join(tmpdir(), "vsmtp-here-"));
    const { cert, key } = await authority.issue([hostname]);
    const text = `hostname = "${hostname}"
data_directory = "data"
${settings}
[tls]
certificate = "cert.pem"
key = "key.pem"
[network]
resolvers = ["127.0.0.1:${dnsPort}"]
ca_file = "ca.pem"
`;
    // Commands find the settings too; where the world's places are they need not know.
    const files = { "cert.pem": cert, "key.pem": key, "ca.pem": authority.cert, "vsmtp.toml": text };
    for (const [name, content] of Object.entries(files)) {
      writeFileSync(join(folder, name), content, { mode: 0o600 });
    }
    mkdirSync(join(folder, "data", "mail"), { recursive: true });
    const file = join(folder, "vsmtp.toml");
    const loaded = loadConfig(text, file);
    if (!loaded.ok)
      throw new Error(loaded.problems.map((problem) => formatProblem(file, problem)).join("\n"));
    const config = { ...loaded.config, network: { ...loaded.config.network, connect: places } };
    const log: Record<string, unknown>[] = [];
    const destination = { write: (line: string) => void log.push(JSON.parse(line)) };
    const provider = await startProvider(
      given.config?.(config) ?? config,
      createLog("info", destination),
      watchers,
      { retry, rests: retry },
    );
    return new ProviderHere(folder, provider, log);
  }

  get keyring(): NonNullable<Provider["keyring"]> {
    if (this.#provider.keyring === null) throw new Error("it has no accounts");
    return this.#provider.keyring;
  }

  /** Where a role listens. */
  port(role: Provider["places"][number]["role"]): number {
    const place = this.#provider.places.find((some) => some.role === role);
    if (place === undefined) throw new Error(`it has no ${role}`);
    return place.port;
  }

  /** Ends it; its folder stays. */
  end(): Promise<void> {
    return this.#provider.stop();
  }

  async stop(): Promise<void> {
    await this.end();
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
