import { randomUUID } from "node:crypto";
import { HeaderReader } from "../message/index.ts";
import { type LeasedMessage, type QueueClock, QueueStoreError, systemClock } from "../queue/index.ts";
import { Attempt, type AttemptTools } from "./attempt.ts";
import { type Bounce, formatBounce } from "./bounce.ts";
import { ConnectionPool } from "./connection-pool.ts";
import { ContentBudget } from "./content-budget.ts";
import { LocalDelivery } from "./local-delivery.ts";
import {
  type DeliveryEvent,
  type DeliveryLimits,
  type DeliveryOptions,
  defaultDeliveryLimits,
} from "./options.ts";
import { RemoteDelivery } from "./remote-delivery.ts";
import { describe, forEach, ownResult, type RecipientResult } from "./result.ts";
import { Router } from "./router.ts";

/** How long the queue's storage is left alone after it refused. */
const storageRestMs = 2_000;

/**
 * Drains the queue: to Maildirs of this host, to configured servers, to the mail hosts of other domains. Who will never
 * get a message is reported to its sender before the queue forgets it, so a crash in between repeats the report and
 * loses nothing.
 */
export class Delivery {
  readonly #options: DeliveryOptions;
  readonly #clock: QueueClock;
  readonly #limits: DeliveryLimits;
  readonly #pool: ConnectionPool;
  readonly #tools: AttemptTools;
  readonly #running = new Set<Promise<void>>();
  readonly #inWork = new Map<string, number>();
  readonly #stopping = new AbortController();
  #aborted = false;
  #loop: Promise<void> | null = null;

  constructor(options: DeliveryOptions) {
    const { queue, hostname, resolver, dialer, deadlines, transcript } = options;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#limits = { ...defaultDeliveryLimits, ...options.limits };
    this.#pool = new ConnectionPool({
      dialer,
      hostname,
      clock: this.#clock,
      ...this.#limits,
      ...(deadlines === undefined ? {} : { deadlines }),
      ...(transcript === undefined ? {} : { transcript }),
    });
    this.#tools = {
      queue,
      router: new Router(options.domains, options.routes),
      local: new LocalDelivery(hostname, options.findMaildir),
      remote: new RemoteDelivery(this.#pool),
      budget: new ContentBudget(this.#limits.contentOctets),
      targets: {
        resolver,
        hostname,
        allowPrivateAddresses: options.allowPrivateAddresses ?? false,
        port: options.port ?? 25,
        random: options.random ?? Math.random,
      },
    };
  }

  /** Begins to deliver; returns at once. */
  start(): void {
    this.#loop ??= this.#drain();
  }

  /**
   * Takes up no more messages and lets those in work come to their end; after `graceMs` milliseconds their connections
   * are closed, and what was not delivered stays leased until the queue is closed, which gives it back.
   */
  async stop(graceMs = 10_000): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
    const timer = setTimeout(() => {
      this.#aborted = true;
      this.#pool.abort();
    }, graceMs);
    await Promise.all(this.#running);
    clearTimeout(timer);
    await this.#pool.close();
  }

  async #drain(): Promise<void> {
    const { signal } = this.#stopping;
    const stopped = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
    while (!signal.aborted) {
      try {
        const free = this.#limits.messages - this.#running.size;
        const limits = { limit: free, perDestination: this.#limits.messages, inWork: this.#inWork };
        const leased = free > 0 ? await this.#options.queue.lease(limits) : [];
        for (const message of leased) this.#begin(message);
        if (this.#running.size >= this.#limits.messages) await Promise.race([...this.#running, stopped]);
        else if (leased.length === 0) await this.#options.queue.waitForWork(signal);
      } catch (cause) {
        if (!(cause instanceof QueueStoreError)) throw cause;
        this.#report({ kind: "queue-failed", cause });
        let cancel = (): void => {};
        const rested = new Promise<void>((resolve) => {
          cancel = this.#clock.schedule(storageRestMs, resolve);
        });
        await Promise.race([rested, stopped]);
        cancel();
      }
    }
  }

  #begin(message: LeasedMessage): void {
    const attempt = new Attempt(this.#tools, message);
    this.#count(message, 1);
    const work = this.#work(message, attempt)
      // The queue was closed before the outcome was recorded: the message stays in it.
      .catch((cause) => this.#report({ kind: "queue-failed", cause }))
      .finally(() => attempt.end())
      .finally(() => {
        this.#running.delete(work);
        this.#count(message, -1);
      });
    this.#running.add(work);
  }

  #count({ destination }: LeasedMessage, change: number): void {
    const count = (this.#inWork.get(destination) ?? 0) + change;
    if (count === 0) this.#inWork.delete(destination);
    else this.#inWork.set(destination, count);
  }

  async #work(message: LeasedMessage, attempt: Attempt): Promise<void> {
    const { queue } = this.#options;
    if (message.purpose === "warn") {
      await queue.settle(message, { outcomes: [], attempted: false, warned: true, reports: [] });
      return;
    }
    let results: RecipientResult[] = await this.#results(message, attempt);
    // Broken off by us: where nothing was delivered there is nothing to record, and the next process tries at once.
    if (this.#aborted && results.every(({ kind }) => kind === "deferred")) return;
    const tooOld = message.purpose === "expired" || message.expiresAt <= this.#clock.now();
    const lost = results.filter(({ kind }) => kind === "failed" || (tooOld && kind === "deferred"));
    const unreported = lost.length > 0 && !(await this.#tellSender(message, attempt, lost));
    if (unreported) {
      results = results.map((result) =>
        result.kind === "failed" ? { ...result, kind: "deferred" } : result,
      );
    }
    const outcomes = results.map((result) => ({
      index: result.index,
      kind: tooOld && !unreported && result.kind === "deferred" ? ("failed" as const) : result.kind,
      detail: describe(result),
    }));
    const settled = await queue.settle(message, {
      outcomes,
      attempted: message.purpose !== "bounce",
      warned: false,
      reports: [],
      unreported,
    });
    this.#report({ kind: "attempted", message, results, settled });
  }

  async #results(message: LeasedMessage, attempt: Attempt): Promise<RecipientResult[]> {
    if (message.purpose === "bounce")
      return forEach(message.recipients, ownResult("5.7.0", "given up by the operator"));
    try {
      return await attempt.run();
    } catch (cause) {
      this.#report({ kind: "attempt-failed", message, cause });
      return forEach(message.recipients, ownResult("4.3.0", "the attempt failed on this host"));
    }
  }

  /** Whether the failures may be forgotten: the sender is told, or there is none (RFC 5321 §4.5.5). */
  async #tellSender(
    message: LeasedMessage,
    attempt: Attempt,
    failed: readonly RecipientResult[],
  ): Promise<boolean> {
    if (message.sender === "") {
      this.#report({ kind: "undeliverable", message, failed });
      return true;
    }
    try {
      const bounce = await this.#makeBounce(message, attempt, failed);
      await this.#options.onBounce(bounce);
      this.#report({ kind: "bounced", message, bounce });
      return true;
    } catch (cause) {
      this.#report({ kind: "bounce-failed", message, cause });
      return false;
    }
  }

  async #makeBounce(
    message: LeasedMessage,
    attempt: Attempt,
    failed: readonly RecipientResult[],
  ): Promise<Bounce> {
    const { hostname, bounceFrom, newId } = this.#options;
    const reader = new HeaderReader();
    for (const piece of await attempt.content()) reader.write(piece);
    const content = formatBounce(message, failed, reader.finish(), {
      hostname,
      from: bounceFrom?.(message) ?? `mailer-daemon@${hostname}`,
      now: new Date(this.#clock.now()),
      id: newId?.() ?? randomUUID(),
    });
    return { recipient: message.sender, account: message.account, messageId: message.id, failed, content };
  }

  #report(event: DeliveryEvent): void {
    this.#options.onEvent?.(event);
  }
}
