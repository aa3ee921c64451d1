import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";

const mainFile = join(import.meta.dirname, "../../src/cli/main.ts");

/** A `vsmtp` on a terminal of its own, by script(1) of util-linux, and somebody who reads and types. */
export class TerminalRun {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #ended: Promise<unknown>;
  #output = "";
  #read = 0;

  constructor(args: readonly string[]) {
    const command = ["stty cols 100;", "exec", process.execPath, mainFile, ...args].join(" ");
    this.#child = spawn("script", ["--quiet", "--return", "--command", command, "/dev/null"]);
    this.#child.stdin.on("error", () => {});
    this.#ended = once(this.#child, "close");
    this.#child.stdout.on("data", (octets: Buffer) => {
      this.#output += octets.toString();
    });
  }

  /** What stands on the screen by and by, without colours. */
  get output(): string {
    return stripVTControlCharacters(this.#output);
  }

  /** Waits for a text that was not waited for before, then types. */
  async answer(expected: string, typed: string, timeoutMs = 20_000): Promise<void> {
    for (const deadline = Date.now() + timeoutMs; ; ) {
      const at = this.output.indexOf(expected, this.#read);
      if (at >= 0) {
        this.#read = at + expected.length;
        break;
      }
      if (Date.now() > deadline) throw new Error(`"${expected}" was not shown:\n${this.output}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    this.#child.stdin.write(typed);
  }

  /** @returns the exit status */
  async end(): Promise<number | null> {
    await this.#ended;
    return this.#child.exitCode;
  }
}
