// A server of others that is measured from outside: a program of the system, on the core that our servers get.
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { onCore } from "./harness.ts";
import { cpuSecondsOf } from "./process-tree.ts";
import type { MeasuredServer } from "./server-process.ts";

export const PATH = `${process.env.PATH}:/usr/sbin:/usr/local/sbin`;
const START_MS = 20_000;

export class NativeServer implements MeasuredServer {
  readonly port: number;
  readonly #process: ChildProcess;

  private constructor(process: ChildProcess, port: number) {
    this.#process = process;
    this.port = port;
  }

  /** Is the program installed, on a system that tells what CPU time it uses? Not asked of itself: some begin to serve. */
  static has(program: string): boolean {
    return (
      process.platform === "linux" && PATH.split(":").some((folder) => existsSync(join(folder, program)))
    );
  }

  /** @param argumentsFor what makes it listen on that port of 127.0.0.1, in the foreground */
  static async start(program: string, argumentsFor: (port: number) => string[]): Promise<NativeServer> {
    const port = await freePort();
    const [command, ...args] = onCore(1, [program, ...argumentsFor(port)]);
    const child = spawn(command as string, args, { env: { PATH }, stdio: ["ignore", "ignore", "pipe"] });
    // Also when the benchmark fails half-way.
    process.once("exit", () => child.kill());
    let complaint = "";
    child.stderr.on("data", (octets) => (complaint += octets));
    const end = performance.now() + START_MS;
    while (!(await listens(port))) {
      if (child.exitCode !== null || performance.now() > end) {
        child.kill();
        throw new Error(`${program} does not start: ${complaint}`);
      }
      await pause(50);
    }
    return new NativeServer(child, port);
  }

  /** Of the process and of those that it started. */
  async cpuSeconds(): Promise<number> {
    return cpuSecondsOf([this.#process.pid as number]);
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.#process.once("exit", () => resolve());
      this.#process.kill();
    });
  }
}

export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

export function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => resolve(socket.destroy().destroyed));
    socket.once("error", () => resolve(false));
  });
}
