// Messages of 2 KiB through the servers, durable before each 250: signed by the submission server (TLS and AUTH once for
// each session), verified by the MX (its key known already). Sessions are kept and wait for each reply.
import { figure, printTable, race, readEffort } from "./harness.ts";
import type { PipelineReady } from "./pipeline-server.ts";
import { type Load, ServerProcess, underLoad } from "./server-process.ts";
import { openSession, sendOne } from "./submission-client.ts";

/** Clients that hand in one message after the other. */
class Sending implements Load {
  done = 0;
  readonly #ready: PipelineReady;
  readonly #sessions: Promise<unknown>;
  #running = true;

  constructor(ready: PipelineReady, sessions: number) {
    this.#ready = ready;
    this.#sessions = Promise.all(Array.from({ length: sessions }, () => this.#session()));
  }

  async stop(): Promise<void> {
    this.#running = false;
    await this.#sessions;
  }

  async #session(): Promise<void> {
    const client = await openSession(this.#ready);
    const content = Buffer.from(this.#ready.message, "base64");
    while (this.#running) {
      await sendOne(client, content);
      this.done++;
    }
    await client.quit();
  }
}

const effort = readEffort({ seconds: 1, runs: 5 });
const submission = await ServerProcess.start<PipelineReady>("pipeline-server.ts", "submission");
const mx = await ServerProcess.start<PipelineReady>("pipeline-server.ts", "mx");
const rows: string[][] = [];
for (const sessions of [1, 20]) {
  const result = await race(
    {
      submission: underLoad(submission, () => new Sending(submission.ready, sessions)),
      mx: underLoad(mx, () => new Sending(mx.ready, sessions)),
    },
    effort,
  );
  for (const [name, what] of [
    ["submission", "accepted and signed"],
    ["mx", "verified and accepted"],
  ] as const) {
    rows.push([
      `${what}, ${sessions === 1 ? "1 session" : `${sessions} sessions`}`,
      figure(result.perSecond(name)),
      figure(1e6 / result.perCpuSecond(name)),
    ]);
  }
}
await submission.stop();
await mx.stop();
printTable("Messages through the servers", ["2 KiB, one core", "a second", "CPU µs each"], rows);
