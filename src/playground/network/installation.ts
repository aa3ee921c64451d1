import { randomInt } from "node:crypto";
import { createWriteStream, type WriteStream } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { finished } from "node:stream/promises";
import { type Config, formatProblem, loadConfig } from "../../config/index.ts";
import { auditKeyOf, Keyring, loadMasterKey } from "../../keyring/index.ts";
import { createLog, type Provider, startProvider } from "../../provider/index.ts";
import { RetrySchedule } from "../../queue/index.ts";
import { keyringLocation, openKeyringStore } from "../../store/index.ts";
import type { Authority } from "./authority.ts";
import type { Observer } from "./observer.ts";
import { type InstallationPlan, type Surroundings, settingsText } from "./settings.ts";

export interface User {
  readonly address: string;
  readonly password: string;
  readonly accountId: string;
  readonly kid: string;
  readonly provider: Installation;
}

/** Where installations are made, and who watches them. */
export interface Site extends Surroundings {
  readonly folder: string;
  readonly authority: Authority;
  readonly observer: Observer;
}

/** Nobody wants to watch the five minutes that a queue waits elsewhere before it tries again. */
const RETRY = { firstDelayMs: 400, factor: 1.5, maxDelayMs: 10_000, jitter: 0 };

/** One provider: what `vsmtp serve` runs from the same settings, in this process. */
export class Installation {
  readonly plan: InstallationPlan;
  readonly folder: string;
  readonly settingsFile: string;
  readonly #provider: Provider;
  readonly #log: WriteStream;

  private constructor(plan: InstallationPlan, folder: string, provider: Provider, log: WriteStream) {
    this.plan = plan;
    this.folder = folder;
    this.settingsFile = join(folder, "vsmtp.toml");
    this.#provider = provider;
    this.#log = log;
  }

  static async start(plan: InstallationPlan, site: Site): Promise<Installation> {
    const folder = join(site.folder, plan.name);
    await mkdir(folder, { mode: 0o700 });
    const settingsFile = join(folder, "vsmtp.toml");
    const settings = settingsText(plan, site);
    await Promise.all([
      writeFile(settingsFile, settings),
      site.authority.issue([plan.hostname, ...(plan.furtherNames ?? [])], folder),
    ]);
    const loaded = loadConfig(settings, settingsFile);
    if (!loaded.ok)
      throw new Error(loaded.problems.map((problem) => formatProblem(settingsFile, problem)).join("\n"));
    const { config } = loaded;
    if (plan.roles.includes("submission")) await hostDomains(config, plan);
    const log = createWriteStream(join(folder, "vsmtp.log"));
    try {
      const retry = new RetrySchedule(RETRY);
      const waits = { retry, rests: retry };
      const watchers = site.observer.watchersFor(plan.name);
      const provider = await startProvider(config, createLog("info", log), watchers, waits);
      return new Installation(plan, folder, provider, log);
    } catch (error) {
      log.destroy();
      throw error;
    }
  }

  get keyring(): Keyring {
    const { keyring } = this.#provider;
    if (keyring === null) throw new Error(`${this.plan.name} has no accounts`);
    return keyring;
  }

  /** `vsmtp account add`, and a mailbox. */
  async addUser(address: string): Promise<User> {
    const password = newPassword();
    const added = await this.keyring.addAccount({ address, password });
    if (!added.ok) throw new Error(added.detail);
    await this.addMailbox(address);
    return { address, password, accountId: added.account.id, kid: added.kid, provider: this };
  }

  /** `dk` of the main domain as its policy record has it. */
  async statementKey(): Promise<string> {
    const key = await this.keyring.statementKey(this.plan.name);
    if (key === null) throw new Error(`${this.plan.name} does not sign statements`);
    return Buffer.from(key.spki).toString("base64");
  }

  async addMailbox(address: string): Promise<void> {
    await mkdir(this.maildirOf(address), { recursive: true, mode: 0o700 });
  }

  maildirOf(address: string): string {
    const [localPart = "", domain = ""] = address.split("@");
    return join(this.folder, "mail", domain, localPart);
  }

  async stop(): Promise<void> {
    await this.#provider.stop();
    this.#log.end();
    await finished(this.#log);
  }
}

/** `vsmtp domain add`: before the start, as an operator sets up a new host. */
async function hostDomains({ store }: Config, { domains }: InstallationPlan): Promise<void> {
  const masterKey = await loadMasterKey(store.masterKey);
  const keyringStore = await openKeyringStore({
    location: await keyringLocation(store.keyring),
    auditKey: auditKeyOf(masterKey),
  });
  try {
    const keyring = await Keyring.open({ store: keyringStore, masterKey });
    for (const { name } of domains) {
      const added = await keyring.addDomain(name, { signStatements: true });
      if (!added.ok) throw new Error(added.detail);
    }
  } finally {
    await keyringStore.close();
  }
}

/** 60 bits in letters that survive being read out and pasted into any shell. */
function newPassword(): string {
  const letters = "abcdefghjkmnpqrstuvwxyz23456789";
  return Array.from({ length: 12 }, () => letters[randomInt(letters.length)]).join("");
}
