import type { KeyServer, ServerMode } from "../key-server/index.ts";
import type { Drain, KeyServerControl } from "./key-server-control.ts";

export interface DrainWatchOptions {
  readonly server: KeyServer;
  readonly control: KeyServerControl;
  /** What is done while there is no drain. */
  readonly usualMode: ServerMode;
  readonly onChange: (drain: Drain | null) => void;
  readonly onFailure: (cause: unknown) => void;
}

const LOOK_MS = 250;
/** A process says that it is there at least this often. */
const REPORT_MS = 5000;

/** Makes a key server obey `vsmtp key-server drain` and `resume`, and tells how many clients are still there. */
export class DrainWatch {
  readonly #options: DrainWatchOptions;
  readonly #timer: NodeJS.Timeout;
  #drain: Drain | null = null;
  #reported = { connections: -1, drainedSince: null as number | null, at: 0 };
  /** The look that is under way. */
  #looking: Promise<void> | null = null;
  #failed = false;

  private constructor(options: DrainWatchOptions) {
    this.#options = options;
    this.#timer = setInterval(() => {
      this.#looking ??= this.#look().finally(() => (this.#looking = null));
    }, LOOK_MS);
  }

  /** Resolves once a drain that is in force already has been obeyed: to be awaited before the server listens. */
  static async start(options: DrainWatchOptions): Promise<DrainWatch> {
    options.server.setMode(options.usualMode);
    await options.control.tidy().catch(options.onFailure);
    const watch = new DrainWatch(options);
    await watch.#look();
    return watch;
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#looking;
    await this.#options.control.withdraw(process.pid).catch(this.#options.onFailure);
  }

  async #look(): Promise<void> {
    try {
      const drain = await this.#options.control.current();
      if (JSON.stringify(drain) !== JSON.stringify(this.#drain)) this.#obey(drain);
      await this.#report();
      this.#failed = false;
    } catch (cause) {
      // Once, not four times a second; the mode stays as it is.
      if (!this.#failed) this.#options.onFailure(cause);
      this.#failed = true;
    }
  }

  #obey(drain: Drain | null): void {
    const { server, usualMode, onChange } = this.#options;
    if (drain === null) server.setMode(usualMode);
    else server.setMode(drain.to === null ? { kind: "maintenance" } : { kind: "redirect", target: drain.to });
    this.#drain = drain;
    onChange(drain);
  }

  async #report(): Promise<void> {
    const { server, control } = this.#options;
    const now = { connections: server.connections, drainedSince: this.#drain?.since ?? null, at: Date.now() };
    const told = this.#reported;
    const isNews = now.connections !== told.connections || now.drainedSince !== told.drainedSince;
    if (!isNews && now.at - told.at < REPORT_MS) return;
    await control.report({ pid: process.pid, ...now });
    this.#reported = now;
  }
}
