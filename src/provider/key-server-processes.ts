import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { extname } from "node:path";
import type { Config } from "../config/index.ts";
import type { FromKeyServer, ToKeyServer } from "./key-server-messages.ts";
import type { KeyServerSecrets } from "./key-server-role.ts";
import type { Log } from "./log.ts";
import type { Place, Running } from "./role.ts";

export interface KeyServerProcessesContext {
  readonly config: Config;
  readonly log: Log;
  readonly secrets: KeyServerSecrets;
}

/** How long a process may take to stop before it is killed. */
const STOP_MS = 5000;
const RESTART_MS = 1000;

/**
 * The public interface in several processes that share its ports; the kernel gives each its part of the connections.
 * This process answers none of them: it hands out what is not public, and starts again what ends by itself.
 */
export async function startKeyServerProcesses(context: KeyServerProcessesContext): Promise<Running> {
  const { config } = context;
  const servers = [new ServerProcess(context)];
  const stop = async (): Promise<void> => {
    await Promise.all(servers.map((server) => server.stop()));
  };
  try {
    const places = await (servers[0] as ServerProcess).start();
    // The others listen where the first does, also where the system has chosen the port.
    const listeners = config.keyServer.listeners.map((listener, n) => ({
      ...listener,
      port: places[n]?.port ?? listener.port,
    }));
    const same = { ...context, config: { ...config, keyServer: { ...config.keyServer, listeners } } };
    for (let n = 1; n < config.keyServer.processes; n++) servers.push(new ServerProcess(same));
    await Promise.all(servers.slice(1).map((server) => server.start()));
    return { places, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

class ServerProcess {
  readonly #context: KeyServerProcessesContext;
  #child: ChildProcess | null = null;
  #stopped = false;
  #restart: NodeJS.Timeout | undefined;

  constructor(context: KeyServerProcessesContext) {
    this.#context = context;
  }

  /** @throws Error as the key server's role in this process would */
  async start(): Promise<readonly Place[]> {
    const { config, secrets, log } = this.#context;
    const file = new URL(`./key-server-child${extname(import.meta.filename)}`, import.meta.url);
    const child = fork(file, { serialization: "advanced", stdio: "inherit", env: environmentOf(config) });
    this.#child = child;
    const answer = new Promise<readonly Place[]>((resolve, reject) => {
      child.on("error", reject);
      child.once("exit", (code, signal) => reject(new Error(`a process ended at once: ${signal ?? code}`)));
      child.on("message", (message: FromKeyServer) => {
        if (message.kind === "started") resolve(message.places);
        else if (message.kind === "failed")
          reject(Object.assign(new Error(message.message), message.details));
        else void this.#answer(child, message.question, message.domain);
      });
    });
    this.#tell(child, { kind: "start", config, decoys: secrets.decoys, tickets: secrets.tickets });
    const places = await answer;
    child.once("exit", (code, signal) => {
      if (this.#stopped) return;
      log.error({ role: "key-server", pid: child.pid, code, signal }, "a process has ended");
      this.#restartLater();
    });
    return places;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#restart);
    const child = this.#child;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
    const exit = once(child, "exit");
    if (child.connected) child.disconnect();
    await exit;
    clearTimeout(timer);
  }

  #restartLater(): void {
    const { log } = this.#context;
    this.#restart = setTimeout(() => {
      this.start().catch((err) => {
        log.error({ role: "key-server", err }, "a process cannot be started again");
        if (!this.#stopped) this.#restartLater();
      });
    }, RESTART_MS);
  }

  async #answer(child: ChildProcess, question: number, domain: string): Promise<void> {
    try {
      const key = await this.#context.secrets.statementKey(domain);
      const pkcs8 = key?.export({ format: "der", type: "pkcs8" }) ?? null;
      this.#tell(child, { kind: "statement-key", question, pkcs8 });
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      this.#tell(child, { kind: "statement-key", question, problem });
    }
  }

  #tell(child: ChildProcess, message: ToKeyServer): void {
    // A child that is gone meanwhile does not read it; its end is noticed by itself.
    child.send(message, () => {});
  }
}

/** Ours, but for the master key where it is given that way. */
function environmentOf({ store }: Config): NodeJS.ProcessEnv {
  const environment = { ...process.env };
  if (store.masterKey.kind === "variable") delete environment[store.masterKey.name];
  return environment;
}
