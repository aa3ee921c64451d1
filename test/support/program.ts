import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

const mainFile = join(import.meta.dirname, "../../src/cli/main.ts");

export interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `vsmtp` to its end. The servers of this process go on meanwhile. */
export async function vsmtp(args: readonly string[], input: string | Uint8Array = ""): Promise<Ran> {
  const child = spawn(process.execPath, [mainFile, ...args], { timeout: 60_000 });
  const output = [child.stdout, child.stderr].map(async (stream) => {
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    return Buffer.concat(chunks).toString();
  });
  child.stdin.on("error", () => {}); // a program that needs no input may have ended
  child.stdin.end(input);
  const [status] = await once(child, "close");
  const [stdout = "", stderr = ""] = await Promise.all(output);
  return { status, stdout, stderr };
}

/** A `vsmtp` that runs until it is stopped, with the lines of its log. */
export class RunningProgram {
  readonly child: ChildProcess;
  readonly lines: Record<string, unknown>[] = [];
  readonly #waiting = new Set<() => void>();
  #rest = "";
  stderr = "";

  /** @param file the program, where it is not the one of the checkout */
  constructor(args: readonly string[], file = mainFile) {
    this.child = spawn(process.execPath, [file, ...args], { stdio: ["ignore", "pipe", "pipe"] });
    this.child.stderr?.on("data", (octets: Buffer) => {
      this.stderr += octets.toString();
    });
    this.child.stdout?.on("data", (octets: Buffer) => {
      const parts = (this.#rest + octets.toString()).split("\n");
      this.#rest = parts.pop() ?? "";
      for (const line of parts) this.lines.push(JSON.parse(line));
      for (const wake of this.#waiting) wake();
    });
  }

  /** The first log line that fits, now or within the time. */
  async line(
    fits: (line: Record<string, unknown>) => boolean,
    timeoutMs = 20_000,
  ): Promise<Record<string, unknown>> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const found = this.lines.find(fits);
      if (found) return found;
      const left = deadline - Date.now();
      if (left <= 0 || this.child.exitCode !== null) {
        throw new Error(
          `no such log line; stderr: ${this.stderr}\n${this.lines.map((line) => JSON.stringify(line)).join("\n")}`,
        );
      }
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          clearTimeout(timer);
          this.#waiting.delete(wake);
          resolve();
        };
        const timer = setTimeout(wake, Math.min(left, 500));
        this.#waiting.add(wake);
      });
    }
  }

  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<number | null> {
    if (this.child.exitCode === null) {
      const ended = once(this.child, "exit");
      this.child.kill(signal);
      await ended;
    }
    return this.child.exitCode;
  }
}
