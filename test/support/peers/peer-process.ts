import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const startMs = 20_000;
const stopMs = 10_000;

export interface PeerProgram {
  readonly name: string;
  /** Made for it, and removed with it; what it prints goes to `output` in it. */
  readonly folder: string;
  readonly command: readonly [string, ...string[]];
  readonly env?: NodeJS.ProcessEnv;
  /** Where it must greet before it counts as started. */
  readonly ports: readonly number[];
  /** The same for ports where it does not speak first: it must take connections. */
  readonly silentPorts?: readonly number[];
  /** Files in `folder` that it writes about its work, besides what it prints. */
  readonly logs?: readonly string[];
  /** What ends it; SIGKILL where nothing is lost by it. */
  readonly signal?: "SIGTERM" | "SIGKILL";
}

/** A server of others, from its start until nothing of it is left. */
export class PeerProcess {
  readonly #program: PeerProgram;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;

  private constructor(program: PeerProgram) {
    this.#program = program;
    const signal = program.signal ?? "SIGKILL";
    const command = signal === "SIGTERM" ? underShell(program.command) : program.command;
    const output = openSync(join(program.folder, "output"), "a");
    // In a process group of its own: some servers signal their whole group when they end. And it ends with us, however
    // we do.
    this.#child = spawn("setpriv", ["--pdeathsig", signal.slice("SIG".length), "--", ...command], {
      detached: true,
      stdio: ["ignore", output, output],
      env: program.env ?? process.env,
    });
    closeSync(output);
    this.#ended = new Promise((resolve) => {
      this.#child.once("error", () => resolve());
      this.#child.once("exit", () => resolve());
    });
  }

  /** Resolves when it answers on all of its ports; rejects, with its log, when it does not in time. */
  static async start(program: PeerProgram): Promise<PeerProcess> {
    const peer = new PeerProcess(program);
    try {
      for (const port of program.ports) await peer.#answered(port, "greets");
      for (const port of program.silentPorts ?? []) await peer.#answered(port, "listens");
      return peer;
    } catch (error) {
      await peer.stop();
      throw error;
    }
  }

  /** What it printed and wrote about its work. */
  log(): string {
    return ["output", ...(this.#program.logs ?? [])]
      .map((name) => join(this.#program.folder, name))
      .filter((file) => existsSync(file))
      .map((file) => readFileSync(file, "utf8"))
      .join("");
  }

  /** Ends it, hard when it takes too long, and removes its folder. */
  async stop(): Promise<void> {
    this.#child.kill(this.#program.signal ?? "SIGKILL");
    const patience = setTimeout(() => this.#child.kill("SIGKILL"), stopMs);
    await this.#ended;
    clearTimeout(patience);
    rmSync(this.#program.folder, { recursive: true, force: true, maxRetries: 10 });
  }

  async #answered(port: number, how: "greets" | "listens"): Promise<void> {
    const deadline = Date.now() + startMs;
    while (!(await answers(port, how))) {
      const { exitCode, signalCode, pid } = this.#child;
      const gone = pid === undefined || exitCode !== null || signalCode !== null;
      if (gone || Date.now() > deadline) {
        const what = gone ? "ended before it answered" : "does not answer";
        throw new Error(`${this.#program.name} ${what} on port ${port}\n${this.log()}`);
      }
      await sleep(50);
    }
  }
}

/** Servers that change their user lose the signal at our death; a shell keeps it, and passes it on. */
function underShell(command: readonly string[]): string[] {
  const script = `trap 'kill "$child"' TERM; "$@" & child=$!; wait "$child"; wait "$child"`;
  return ["sh", "-c", script, "sh", ...command];
}

function answers(port: number, how: "greets" | "listens"): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const answer = (greeted: boolean): void => {
      socket.destroy();
      resolve(greeted);
    };
    socket.setTimeout(5000, () => answer(false));
    if (how === "listens") socket.once("connect", () => answer(true));
    socket.once("data", (data) => answer(data.toString("latin1").startsWith("220")));
    socket.once("error", () => answer(false));
    socket.once("close", () => resolve(false));
  });
}
