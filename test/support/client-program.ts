import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

const environment = { ...process.env, LC_ALL: "C.UTF-8" };
const timeoutMs = 60_000;

/** Why a mail client cannot be tried here, as the reason to skip a test; false when it can. */
export function missingProgram(name: string): string | false {
  const found = (process.env.PATH ?? "").split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  return found ? false : `peer: ${name} is not installed`;
}

export interface ClientRun {
  readonly status: number | null;
  /** Standard output and error, as they came. */
  readonly output: string;
}

/** Runs a mail client to its end; servers in this process go on meanwhile. */
export async function runClient(
  command: string,
  args: readonly string[],
  input: string | Uint8Array = "",
): Promise<ClientRun> {
  const child = spawn(command, args, { env: environment, timeout: timeoutMs });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (octets: Buffer) => {
      output += octets.toString("latin1");
    });
  }
  child.stdin.on("error", () => {}); // a client that is refused does not read all
  child.stdin.end(input);
  const [status] = await once(child, "close");
  return { status, output };
}

/** A program to which a person would speak SMTP, line by line. */
export class Dialogue {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #ended: Promise<void>;
  #closed = false;
  #output = "";
  #errors = "";
  #read = 0;
  #wake: () => void = () => {};

  constructor(command: string, args: readonly string[]) {
    this.#child = spawn(command, args, { env: environment, timeout: timeoutMs });
    this.#ended = once(this.#child, "close").then(() => {
      this.#closed = true;
      this.#wake();
    });
    this.#child.stdout.on("data", (octets: Buffer) => {
      this.#output += octets.toString("latin1");
      this.#wake();
    });
    this.#child.stderr.on("data", (octets: Buffer) => {
      this.#errors += octets.toString("latin1");
    });
    this.#child.stdin.on("error", () => {});
  }

  /** Says a line and returns the reply to it, all its lines; empty when the program ended instead. */
  say(line: string): Promise<string> {
    this.#child.stdin.write(`${line}\n`);
    return this.reply();
  }

  async reply(): Promise<string> {
    for (;;) {
      const found = /^(?:\d{3}-.*\r?\n)*\d{3} .*\r?\n/m.exec(this.#output.slice(this.#read));
      if (found) {
        this.#read += found.index + found[0].length;
        return found[0];
      }
      if (this.#closed) return "";
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** No more input: waits until the program has ended. */
  async end(): Promise<ClientRun> {
    this.#child.stdin.end();
    await this.#ended;
    return { status: this.#child.exitCode, output: this.#output + this.#errors };
  }
}
