import type { Socket } from "node:net";
import { createHistogram, type RecordableHistogram } from "node:perf_hooks";
import type { Lookups } from "./lookup-client.ts";
import type { Load } from "./server-process.ts";

/** KEY-15. */
const MOST_PIPELINED = 16;

export interface SteadyAskingOptions extends Lookups {
  readonly connections: number;
  readonly perSecond: number;
}

/**
 * Asks at a steady rate, whatever the server does, and notes how long each answer takes from when its request was due:
 * a server that stands still for a moment is late for all that would have come meanwhile.
 */
export class SteadyAsking implements Load {
  done = 0;
  /** In microseconds. */
  readonly latencies: RecordableHistogram = createHistogram();
  readonly #options: SteadyAskingOptions;
  readonly #lines: readonly Line[];
  readonly #startMs = performance.now();
  #issued = 0;
  #turn = 0;
  #running = true;

  constructor(options: SteadyAskingOptions) {
    this.#options = options;
    this.#lines = Array.from({ length: options.connections }, () => new Line());
    for (const line of this.#lines) void this.#connect(line);
    this.#issue();
  }

  async stop(): Promise<void> {
    this.#running = false;
    for (const line of this.#lines) line.socket?.destroy();
  }

  /** Looks at the clock all the time, since a timer may be a millisecond late: the client has a core of its own. */
  readonly #issue = (): void => {
    const { perSecond, script } = this.#options;
    const due = ((performance.now() - this.#startMs) * perSecond) / 1000;
    for (; this.#issued < due; this.#issued++) {
      const line = this.#nextFree();
      if (line === null) break;
      line.sent++;
      line.due.push(this.#startMs + (this.#issued * 1000) / perSecond);
      line.socket?.write(script.next(1));
    }
    if (this.#running) setImmediate(this.#issue);
  };

  /** In turns, so that requests are spread over all connections. */
  #nextFree(): Line | null {
    const { length } = this.#lines;
    for (let n = 0; n < length; n++) {
      const line = this.#lines[this.#turn++ % length] as Line;
      const spent = line.sent >= this.#options.requestsPerConnection;
      if (line.socket !== null && !spent && line.due.length < MOST_PIPELINED) return line;
    }
    return null;
  }

  async #connect(line: Line): Promise<void> {
    const { open, replyOctets, requestsPerConnection } = this.#options;
    let octets = 0;
    const socket = await open((count) => {
      const now = performance.now();
      for (octets += count; octets >= replyOctets; octets -= replyOctets) {
        this.latencies.record(Math.max(1, Math.round((now - (line.due.shift() as number)) * 1000)));
        this.done++;
      }
      if (line.due.length > 0 || line.sent < requestsPerConnection) return;
      socket.destroy();
      line.socket = null;
      line.sent = 0;
      void this.#connect(line);
    });
    socket.on("error", () => {});
    line.socket = socket;
    if (!this.#running) socket.destroy();
  }
}

/** One of the client's connections. */
class Line {
  /** Null while it is being opened. */
  socket: Socket | null = null;
  sent = 0;
  /** When the requests that are not answered yet were due, milliseconds. */
  readonly due: number[] = [];
}
