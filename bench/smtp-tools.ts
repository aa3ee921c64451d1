// Postfix's smtp-source and smtp-sink: what its authors measure mail servers with.
import { type ChildProcess, spawn } from "node:child_process";
import { setTimeout as pause } from "node:timers/promises";
import { freePort, listens, PATH } from "./native-server.ts";
import { letter } from "./sample-messages.ts";

const START_MS = 10_000;

export interface Volley {
  readonly port: number;
  /** At a time. */
  readonly sessions: number;
  readonly messages: number;
  /** A session hands in one message after the other; else each message has a connection of its own. */
  readonly kept: boolean;
  /** The message, with lines that end in LF. */
  readonly file: string;
  /** Each message is for a recipient of its own, `1bob`, `2bob` and so on, in this process's life once each. */
  readonly numbered?: boolean;
}

/** Recipients that were named so far; smtp-source counts from one at each start. */
let volleys = 0;

/** As smtp-source wants a message: lines end in LF. It is from the user whom the benchmark's servers know. */
export function volleyMessage(octets: number): string {
  return letter(octets)
    .toString("latin1")
    .replaceAll("\r\n", "\n")
    .replace("allice@someisp.test", "u1@example.test");
}

/** Hands all messages in. @returns seconds that it took */
export async function sendVolley(volley: Volley): Promise<number> {
  const { port, sessions, messages, kept, file, numbered = false } = volley;
  const args = ["-s", String(sessions), "-m", String(messages), ...(kept ? ["-d"] : []), "-F", file];
  const to = numbered ? `bob${volleys++}@dest.test` : "bob@dest.test";
  if (numbered) args.push("-N");
  const start = performance.now();
  const child = spawn("smtp-source", [...args, "-f", "u1@example.test", "-t", to, `127.0.0.1:${port}`], {
    env: { PATH },
    stdio: ["ignore", "ignore", "inherit"],
  });
  const status = await new Promise((resolve) => child.once("exit", resolve));
  if (status !== 0) throw new Error(`smtp-source ended with status ${status}`);
  return (performance.now() - start) / 1000;
}

/** Takes all mail and forgets it. */
export class SmtpSink {
  readonly port: number;
  readonly #process: ChildProcess;
  #received = 0;

  private constructor(process: ChildProcess, port: number) {
    this.#process = process;
    this.port = port;
    let tail = "";
    process.stdout?.on("data", (octets: Buffer) => {
      tail = (tail + octets.toString("latin1")).slice(-300);
      const counts = [...tail.matchAll(/mesg=(\d+)/g)];
      this.#received = Number(counts.at(-1)?.[1] ?? this.#received);
    });
  }

  static async start(): Promise<SmtpSink> {
    const port = await freePort();
    const child = spawn("smtp-sink", ["-u", "postfix", "-c", `127.0.0.1:${port}`, "1024"], {
      env: { PATH },
      stdio: ["ignore", "pipe", "inherit"],
    });
    process.once("exit", () => child.kill());
    const end = performance.now() + START_MS;
    while (!(await listens(port))) {
      if (child.exitCode !== null || performance.now() > end) throw new Error("smtp-sink does not start");
      await pause(50);
    }
    return new SmtpSink(child, port);
  }

  /** Messages so far. */
  get received(): number {
    return this.#received;
  }

  /** Resolves when that many messages have come; rejects when none comes for a while. */
  async until(messages: number): Promise<void> {
    let last = this.#received;
    let lastAt = performance.now();
    while (this.#received < messages) {
      await pause(5);
      if (this.#received > last) lastAt = performance.now();
      last = this.#received;
      if (performance.now() - lastAt > 60_000) {
        throw new Error(`only ${last} of ${messages} messages reached the sink`);
      }
    }
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.#process.once("exit", () => resolve());
      this.#process.kill();
    });
  }
}
