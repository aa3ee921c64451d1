import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { CrashAnswer, CrashCommand } from "./crash-child.ts";
import type { CrashReport } from "./crash-points.ts";

const childFile = join(import.meta.dirname, "crash-child.ts");

/** One life of the process that is killed. */
export class CrashProcess {
  readonly #child: ChildProcess;
  readonly #answers: CrashAnswer[] = [];
  readonly #closed: Promise<unknown>;
  #wake = (): void => {};
  #rest = "";
  #isDead = false;
  stderr = "";

  /**
   * @param onReport what is in the store, in order
   * @param under a program and its arguments that run it
   */
  constructor(onReport: (report: CrashReport) => void, under: readonly string[] = []) {
    const [program = process.execPath, ...args] = [...under, process.execPath, childFile];
    this.#child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"] });
    this.#closed = once(this.#child, "close");
    this.#child.on("exit", () => {
      this.#isDead = true;
      this.#wake();
    });
    this.#child.stdin?.on("error", () => {});
    this.#child.stderr?.on("data", (octets: Buffer) => {
      this.stderr = (this.stderr + octets.toString()).slice(-20_000);
    });
    this.#child.stdout?.on("data", (octets: Buffer) => {
      const lines = (this.#rest + octets.toString("latin1")).split("\n");
      this.#rest = lines.pop() ?? "";
      for (const line of lines) {
        const told: CrashReport | CrashAnswer = JSON.parse(line);
        if (told.kind === "inserted" || told.kind === "settled") onReport(told);
        else this.#answers.push(told);
      }
      this.#wake();
    });
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  tell(command: CrashCommand): void {
    this.#child.stdin?.write(`${JSON.stringify(command)}\n`);
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }

  /** In order. */
  async stop(): Promise<void> {
    this.tell({ do: "stop" });
    await this.ended();
  }

  /** Whatever it does. */
  async discard(): Promise<void> {
    this.kill();
    await this.ended();
  }

  /** Resolves when it is dead and all that it told has been read. */
  async ended(): Promise<void> {
    await this.#closed;
  }

  /** The next answer of a kind; null when it dies before, by a kill. */
  async answer<Kind extends CrashAnswer["kind"]>(
    kind: Kind,
    timeoutMs = 60_000,
  ): Promise<(CrashAnswer & { kind: Kind }) | null> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const problem = this.#answers.find((answer) => answer.kind === "problem");
      if (problem?.kind === "problem") throw new Error(`${problem.detail}\n${this.stderr}`);
      const at = this.#answers.findIndex((answer) => answer.kind === kind);
      if (at !== -1) return this.#answers.splice(at, 1)[0] as CrashAnswer & { kind: Kind };
      if (this.#isDead) {
        if (this.#child.signalCode === "SIGKILL") return null;
        throw new Error(`it ended by itself (${this.#child.exitCode}): ${this.stderr}`);
      }
      const left = deadline - Date.now();
      if (left <= 0) throw new Error(`no "${kind}" within ${timeoutMs} ms: ${this.stderr}`);
      await this.#news(left);
    }
  }

  /** Resolves when it is dead, or after the time. */
  async diesWithin(timeoutMs: number): Promise<boolean> {
    const deadline = Date.now() + timeoutMs;
    while (!this.#isDead && Date.now() < deadline) await this.#news(deadline - Date.now());
    return this.#isDead;
  }

  async #news(timeoutMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
