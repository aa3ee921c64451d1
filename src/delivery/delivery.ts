import { randomUUID } from "node:crypto";
import { HeaderReader } from "../message/index.ts";
import { type LeasedMessage, piecesOf, type QueueClock, systemClock } from "../queue/index.ts";
import { type AttemptTools, attempt } from "./attempt.ts";
import { AttemptContent } from "./attempt-content.ts";
import { type Bounce, formatBounce } from "./bounce.ts";
import { ConnectionPool } from "./connection-pool.ts";
import { ContentBudget } from "./content-budget.ts";
import { Destinations } from "./destinations.ts";
import { LocalDelivery } from "./local-delivery.ts";
import {
  type DeliveryEvent,
  type DeliveryLimits,
  type DeliveryOptions,
  defaultDeliveryLimits,
} from "./options.ts";
import { type Reach, RemoteDelivery, type RemoteOutcome } from "./remote-delivery.ts";
import { describe, forEach, ownResult, type RecipientResult } from "./result.ts";
import { Router } from "./router.ts";
import { Scheduler } from "./scheduler.ts";

/** Messages of a destination of which nothing is known that are in work at a time. */
const firstMessages = 5;

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
  readonly #budget: ContentBudget;
  readonly #destinations: Destinations;
  readonly #scheduler: Scheduler;
  /** Nobody waits any more for what is under way. */
  readonly #aborted = new AbortController();

  constructor(options: DeliveryOptions) {
    const { queue, hostname, deadlines, transcript } = options;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#limits = { ...defaultDeliveryLimits, ...options.limits };
    this.#pool = new ConnectionPool({
      dialer: options.dialer,
      hostname,
      clock: this.#clock,
      ca: options.ca ?? null,
      passwordOf: options.passwordOf ?? noPassword,
      ...this.#limits,
      ...(deadlines === undefined ? {} : { deadlines }),
      ...(transcript === undefined ? {} : { transcript }),
    });
    this.#tools = {
      router: new Router(options.domains, options.routes),
      local: new LocalDelivery(hostname, options.findMaildir),
      remote: new RemoteDelivery(this.#pool),
      targets: {
        resolver: options.resolver,
        hostname,
        isOwnAddress: options.isOwnAddress ?? (() => false),
        allowPrivateAddresses: options.allowPrivateAddresses ?? false,
        port: options.port ?? 25,
        random: options.random ?? Math.random,
        dane: options.dane ?? true,
        mtaSts: options.mtaSts ?? null,
        signal: this.#aborted.signal,
      },
    };
    this.#budget = new ContentBudget(this.#limits.contentOctets);
    this.#destinations = new Destinations(this.#windows());
    this.#scheduler = new Scheduler({
      queue,
      clock: this.#clock,
      destinations: this.#destinations,
      messages: this.#limits.messages,
      slowMs: this.#limits.slowMs,
      work: (message, leave) => this.#work(message, leave),
      onQueueFailed: (cause) => this.#report({ kind: "queue-failed", cause }),
    });
  }

  /** Begins to deliver; returns at once. */
  start(): void {
    this.#scheduler.start();
  }

  /**
   * Takes up no more messages and lets those in work come to their end; after `graceMs` milliseconds their connections
   * are closed, and what was not delivered stays leased until the queue is closed, which gives it back.
   */
  async stop(graceMs = 10_000): Promise<void> {
    const stopped = this.#scheduler.stop();
    const timer = setTimeout(() => {
      this.#aborted.abort();
      this.#pool.abort();
    }, graceMs);
    await stopped;
    await this.#scheduler.ended();
    clearTimeout(timer);
    await this.#pool.close();
  }

  /** A destination has at most half of the places; more than it has connections, so that none has to wait for mail. */
  #windows(): { first: number; most: number } {
    const { messages, connectionsPerDestination } = this.#limits;
    const half = Math.max(1, Math.floor(messages / 2));
    return { first: Math.min(half, firstMessages, connectionsPerDestination), most: half };
  }

  async #work(message: LeasedMessage, leave: () => void): Promise<void> {
    const content = new AttemptContent(this.#options.queue, this.#budget, message);
    try {
      await this.#finish(message, content, leave);
    } catch (cause) {
      // The queue was closed before the outcome was recorded: the message stays in it.
      this.#report({ kind: "queue-failed", cause });
    } finally {
      await content.end();
    }
  }

  async #finish(message: LeasedMessage, content: AttemptContent, leave: () => void): Promise<void> {
    const { queue } = this.#options;
    if (message.purpose === "warn") {
      await queue.settle(message, { outcomes: [], attempted: false, warned: true, reports: [] });
      return;
    }
    const { results: found, reach } = await this.#try(message, content);
    let results = found;
    // Broken off by us: where nothing was delivered there is nothing to record, and the next process tries at once.
    if (this.#aborted.signal.aborted && results.every(({ kind }) => kind === "deferred")) return;
    const told = this.#tellDestination(message, reach);
    // After a failure the next one begins when the queue knows of it.
    if (reach.kind === "worked") leave();
    if (reach.kind === "busy") {
      await queue.settle(message, { outcomes: [], attempted: false, warned: false, reports: [] });
      this.#report({ kind: "postponed", message, results });
      return;
    }
    const tooOld = message.purpose === "expired" || message.expiresAt <= this.#clock.now();
    const lost = results.filter(({ kind }) => kind === "failed" || (tooOld && kind === "deferred"));
    const unreported = lost.length > 0 && !(await this.#tellSender(message, content, lost));
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
    await told;
    this.#report({ kind: "attempted", message, results, settled });
  }

  async #try(message: LeasedMessage, content: AttemptContent): Promise<RemoteOutcome> {
    if (message.purpose !== "attempt") {
      const result =
        message.purpose === "bounce"
          ? ownResult("5.7.0", "given up by the operator")
          : ownResult("4.4.7", message.destinationFailure ?? "there was no attempt in time");
      return { results: forEach(message.recipients, result), reach: { kind: "unknown" } };
    }
    try {
      return await attempt(message, content.get, this.#tools);
    } catch (cause) {
      this.#report({ kind: "attempt-failed", message, cause });
      const result = ownResult("4.3.0", "the attempt failed on this host");
      return { results: forEach(message.recipients, result), reach: { kind: "unknown" } };
    }
  }

  /** What one attempt found out decides how many others there may be, here and in other processes. */
  async #tellDestination({ destination }: LeasedMessage, reach: Reach): Promise<void> {
    const { queue } = this.#options;
    if (reach.kind === "worked") {
      this.#destinations.worked(destination);
      await queue.destinationWorked(destination);
    } else if (reach.kind === "failed") {
      this.#destinations.failed(destination);
      await queue.destinationFailed(destination, reach.detail);
    }
  }

  /** Whether the failures may be forgotten: the sender is told, or there is none (RFC 5321 §4.5.5). */
  async #tellSender(
    message: LeasedMessage,
    content: AttemptContent,
    failed: readonly RecipientResult[],
  ): Promise<boolean> {
    if (message.sender === "") {
      this.#report({ kind: "undeliverable", message, failed });
      return true;
    }
    try {
      const bounce = await this.#makeBounce(message, content, failed);
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
    original: AttemptContent,
    failed: readonly RecipientResult[],
  ): Promise<Bounce> {
    const { hostname, bounceFrom, newId } = this.#options;
    const reader = new HeaderReader();
    for await (const piece of piecesOf(await original.get())) {
      if (reader.write(piece).length > 0) break;
    }
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

/** The settings give passwords to whoever made them; without them there are none. */
function noPassword(): never {
  throw new Error("a next hop wants a password, and nobody has it");
}
