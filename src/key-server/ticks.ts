import { extname } from "node:path";
import { Worker } from "node:worker_threads";

/** Milliseconds on the machine's monotonic clock, which all threads share. */
export function nowMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
}

/**
 * Waits whose ends do not depend on what this thread does meanwhile. The event loop's own timers are no good for that:
 * they count whole milliseconds from whenever the loop goes to sleep, so that 100 µs of work are seen in when they fire.
 * Here another thread tells the begin of each millisecond; it sleeps while nobody waits.
 */
export class Ticks {
  readonly #cells = new Int32Array(new SharedArrayBuffer(8));
  /** Who waits for which millisecond, in ascending order. */
  readonly #waiting = new Map<number, (() => void)[]>();
  #worker: Worker | null = null;

  /** Resolves when the millisecond has begun in which `ms` have passed since now. */
  wait(ms: number): Promise<void> {
    this.#worker ??= this.#start();
    const due = Math.ceil(nowMs() + ms);
    const { promise, resolve } = Promise.withResolvers<void>();
    const others = this.#waiting.get(due);
    if (others === undefined) this.#waiting.set(due, [resolve]);
    else others.push(resolve);
    if (Atomics.exchange(this.#cells, 0, 1) === 0) Atomics.notify(this.#cells, 0);
    return promise;
  }

  #start(): Worker {
    const file = new URL(`./tick-worker${extname(import.meta.filename)}`, import.meta.url);
    const worker = new Worker(file, { workerData: this.#cells });
    worker.on("message", (tick: number) => this.#release(tick));
    worker.once("exit", () => {
      this.#worker = null;
      this.#release(Number.POSITIVE_INFINITY);
    });
    worker.on("error", () => {}); // followed by its end
    worker.unref();
    return worker;
  }

  #release(tick: number): void {
    for (const [due, waiting] of this.#waiting) {
      if (due > tick) break;
      this.#waiting.delete(due);
      for (const resolve of waiting) resolve();
    }
    if (this.#waiting.size === 0) Atomics.store(this.#cells, 0, 0);
  }
}
