// A server that is measured from outside: a process on a core of its own, which tells what CPU time it has used.
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { type Contestant, onCore } from "./harness.ts";

export interface MeasuredServer {
  /** CPU time that it has used, all its threads. */
  cpuSeconds(): Promise<number>;
  /** Resolves when it has ended. */
  stop(): Promise<void>;
}

interface Usage {
  readonly cpuSeconds: number;
  readonly residentOctets: number;
  /** The most it ever was. */
  readonly peakResidentOctets: number;
}

/** @typeParam Ready what the server tells when it listens */
export class ServerProcess<Ready> implements MeasuredServer {
  readonly ready: Ready;
  readonly #process: ChildProcess;

  private constructor(process: ChildProcess, ready: Ready) {
    this.#process = process;
    this.ready = ready;
  }

  /** @param file of this folder; it calls {@link announce} */
  static start<Ready>(file: string, ...args: string[]): Promise<ServerProcess<Ready>> {
    return ServerProcess.startOn<Ready>(1, file, ...args);
  }

  static async startOn<Ready>(
    core: number | "all",
    file: string,
    ...args: string[]
  ): Promise<ServerProcess<Ready>> {
    const program = [process.execPath, join(import.meta.dirname, file), ...args];
    const [command, ...rest] = core === "all" ? program : onCore(core, program);
    const child = spawn(command as string, rest, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    return new ServerProcess(child, await nextMessage<Ready>(child));
  }

  async cpuSeconds(): Promise<number> {
    return (await this.usage()).cpuSeconds;
  }

  usage(): Promise<Usage> {
    const answer = nextMessage<Usage>(this.#process);
    this.#process.send("usage");
    return answer;
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.#process.once("exit", () => resolve());
      this.#process.disconnect();
    });
  }
}

function nextMessage<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const failed = (code: number | null): void => reject(new Error(`a server ended with status ${code}`));
    child.once("exit", failed);
    child.once("message", (message) => {
      child.off("exit", failed);
      resolve(message as T);
    });
  });
}

/** Called in the server's process once it listens. It ends when the benchmark does, after `onEnd`. */
export function announce(ready: object, onEnd: () => Promise<void> | void = () => {}): void {
  process.on("message", () => {
    const { user, system } = process.cpuUsage();
    const usage: Usage = {
      cpuSeconds: (user + system) / 1e6,
      residentOctets: process.memoryUsage.rss(),
      peakResidentOctets: process.resourceUsage().maxRSS * 1024,
    };
    process.send?.(usage);
  });
  process.on("disconnect", async () => {
    await onEnd();
    process.exit();
  });
  process.send?.(ready);
}

/** What keeps a server busy. */
export interface Load {
  /** Replies so far. */
  readonly done: number;
  stop(): Promise<void>;
}

/** Counts what a server answers under a load, once it runs evenly. */
export function underLoad(server: MeasuredServer, begin: () => Load): Contestant {
  return async (seconds) => {
    const load = begin();
    await pause(200);
    const cpuBefore = await server.cpuSeconds();
    const doneBefore = load.done;
    const start = performance.now();
    await pause(seconds * 1000);
    const done = load.done - doneBefore;
    const elapsed = (performance.now() - start) / 1000;
    const cpuSeconds = (await server.cpuSeconds()) - cpuBefore;
    await load.stop();
    return { done, seconds: elapsed, cpuSeconds };
  };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
