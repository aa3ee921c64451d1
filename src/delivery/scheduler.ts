import { type LeasedMessage, type Queue, type QueueClock, QueueStoreError } from "../queue/index.ts";
import type { Destinations } from "./destinations.ts";

export interface SchedulerOptions {
  readonly queue: Queue;
  readonly clock: QueueClock;
  readonly destinations: Destinations;
  /** Messages in work at a time, slow ones not counted. */
  readonly messages: number;
  /** After so long a message is slow. */
  readonly slowMs: number;
  /**
   * Does all that is to be done with a leased message. Never rejects. Calls `leave` as soon as nothing is left but to
   * record what became of it: the next one can begin.
   */
  readonly work: (message: LeasedMessage, leave: () => void) => Promise<void>;
  readonly onQueueFailed: (cause: unknown) => void;
}

/** So many times the other messages may be slow ones: they cost a connection each, and little else. */
const slowShare = 9;
/** So many times the places may be in work or being recorded, slow ones included. */
const recordedShare = 20;
/** How long the queue's storage is left alone after it refused. */
const storageRestMs = 2_000;
/** Work is looked for so often at most: what ends meanwhile is replaced in one transaction. */
const lookEveryMs = 5;

/**
 * Decides what is worked on: what the queue hands over as it comes in, and what it has waiting. A message that takes
 * long, mostly for a server that lets us wait, leaves its place to others, so that no number of such servers holds up the
 * rest; how many there are for each destination is bounded besides.
 */
export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #stopping = new AbortController();
  readonly #running = new Set<Promise<void>>();
  /** Places taken, also by messages that were promised and have not come. */
  #taken = 0;
  #slow = 0;
  #loop: Promise<void> | null = null;
  #freed: (() => void) | null = null;

  constructor(options: SchedulerOptions) {
    this.#options = options;
  }

  /** Begins; returns at once. */
  start(): void {
    if (this.#loop !== null) return;
    const { queue, destinations } = this.#options;
    queue.deliverDirectly({
      wants: (destination) => {
        if (this.#taken >= this.#options.messages || !destinations.hasRoom(destination)) return false;
        this.#take(destination);
        return true;
      },
      take: (message) => this.#begin(message),
      missed: (destination) => this.#free(destination),
    });
    this.#loop = this.#drain();
  }

  /** Takes up nothing more; resolves when that is so. What is in work goes on. */
  async stop(): Promise<void> {
    this.#options.queue.deliverDirectly(null);
    this.#stopping.abort();
    await this.#loop;
  }

  /** Resolves when nothing is in work any more. */
  async ended(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  async #drain(): Promise<void> {
    const { queue, clock, destinations, messages, onQueueFailed } = this.#options;
    const { signal } = this.#stopping;
    let lookedAt = Number.NEGATIVE_INFINITY;
    while (!signal.aborted) {
      try {
        const free = messages - this.#taken;
        if (free <= 0) {
          await this.#placeFreed();
          continue;
        }
        await this.#pause(lookedAt + lookEveryMs - clock.now());
        if (signal.aborted) return;
        lookedAt = clock.now();
        const { inWork, windowOf: perDestination } = destinations;
        const leased = await queue.lease({ limit: free, perDestination, inWork });
        for (const message of leased) {
          this.#take(message.destination);
          this.#begin(message);
        }
        if (leased.length === 0) await queue.waitForWork(signal);
      } catch (cause) {
        if (!(cause instanceof QueueStoreError)) throw cause;
        onQueueFailed(cause);
        await this.#pause(storageRestMs);
      }
    }
  }

  #take(destination: string): void {
    this.#taken++;
    this.#options.destinations.begin(destination);
  }

  #free(destination: string): void {
    this.#taken--;
    this.#options.destinations.end(destination);
    this.#freed?.();
  }

  /** Its place is taken already. */
  #begin(message: LeasedMessage): void {
    const { destination } = message;
    let isSlow = false;
    let hasLeft = false;
    const cancel = this.#watch(() => {
      isSlow = true;
      this.#taken--;
      this.#setSlow(destination, 1);
      this.#freed?.();
    });
    const leave = (): void => {
      if (hasLeft) return;
      hasLeft = true;
      cancel();
      if (isSlow) {
        this.#taken++;
        this.#setSlow(destination, -1);
      }
      this.#free(destination);
    };
    const running = this.#options.work(message, () => {
      // Where the storage is slow there is a limit to what waits for it.
      if (this.#running.size <= this.#options.messages * recordedShare) leave();
    });
    const ended = running.finally(() => {
      this.#running.delete(ended);
      leave();
    });
    this.#running.add(ended);
  }

  /** Calls once when something has taken long, and there is room for slow messages. @returns what ends the watch */
  #watch(call: () => void): () => void {
    const { clock, slowMs, messages } = this.#options;
    let cancel = (): void => {};
    const watch = (): void => {
      cancel = clock.schedule(slowMs, () => {
        if (this.#slow < messages * slowShare) call();
        else watch();
      });
    };
    watch();
    return () => cancel();
  }

  #setSlow(destination: string, change: 1 | -1): void {
    const { destinations, messages } = this.#options;
    this.#slow += change;
    destinations.slow(destination, change);
    // Before there is no room for slow ones, those who make them get no more.
    destinations.isPressed = this.#slow > (messages * slowShare) / 2;
  }

  async #placeFreed(): Promise<void> {
    await this.#untilStopped((resolve) => {
      this.#freed = resolve;
      return () => {
        this.#freed = null;
      };
    });
  }

  async #pause(delayMs: number): Promise<void> {
    if (delayMs > 0) await this.#untilStopped((resolve) => this.#options.clock.schedule(delayMs, resolve));
  }

  /** @param begin returns what ends the wait for good */
  async #untilStopped(begin: (resolve: () => void) => () => void): Promise<void> {
    const { signal } = this.#stopping;
    if (signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const stop = (): void => resolve();
    signal.addEventListener("abort", stop);
    const end = begin(resolve);
    await promise;
    end();
    signal.removeEventListener("abort", stop);
  }
}
