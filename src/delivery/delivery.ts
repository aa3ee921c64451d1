import { randomUUID } from "node:crypto";
import { headerOf, type LeasedMessage, type QueueClock, systemClock } from "../queue/index.ts";
import { nothingExpands } from "./address-expansion.ts";
import { type Attempted, type AttemptTools, attempt } from "./attempt.ts";
import { AttemptContent } from "./attempt-content.ts";
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
import { type Reach, RemoteDelivery } from "./remote-delivery.ts";
import { Reporter } from "./reports/reporter.ts";
import { resultsWithoutAttempt } from "./reports/without-attempt.ts";
import { describe, forEach, ownResult, type RecipientResult } from "./result.ts";
import { Router } from "./router.ts";
import { Scheduler } from "./scheduler.ts";
import { everythingGoes, type SenderStanding, stoppedResult } from "./sender-standing.ts";

/** Messages of a destination of which nothing is known that are in work at a time. */
const firstMessages = 5;

/** So long an answer counts that a message may go. */
const goodMs = 500;

/**
 * Drains the queue: to Maildirs of this host, to configured servers, to the mail hosts of other domains. Who will never
 * get a message is reported to its sender in the transaction that makes the queue forget it, so a crash neither loses nor
 * repeats a report.
 */
export class Delivery {
  readonly #options: DeliveryOptions;
  readonly #clock: QueueClock;
  readonly #limits: DeliveryLimits;
  readonly #pool: ConnectionPool;
  readonly #tools: AttemptTools;
  readonly #reporter: Reporter;
  readonly #standing: SenderStanding;
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
      expansion: options.expansion ?? nothingExpands,
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
    this.#standing = options.standing ?? everythingGoes;
    this.#reporter = new Reporter({
      hostname,
      signer: options.reportSigner,
      warnAfterMs: options.warnAfterMs,
      standing: this.#standing,
      now: () => this.#clock.now(),
      newId: options.newId ?? randomUUID,
    });
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
   * are closed, and what was not delivered stays leased until the queue is closed, which gives it back. Where storage has
   * not taken the outcomes after another `recordMs`, they are given up as in a crash: nobody waits for a database to come back.
   */
  async stop(graceMs = 10_000, recordMs = 5000): Promise<void> {
    const stopped = this.#scheduler.stop();
    const givenUp = Promise.withResolvers<void>();
    let timer = setTimeout(() => {
      this.#aborted.abort();
      this.#pool.abort();
      timer = setTimeout(() => givenUp.resolve(), recordMs);
    }, graceMs);
    await stopped;
    await Promise.race([this.#scheduler.ended(), givenUp.promise]);
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
    const askedAt = this.#clock.now();
    const because = await this.#problem(message, content);
    if (because !== null) return this.#stop(message, because, []);
    const attempted = message.purpose === "attempt";
    const { results, reach, forwards } = attempted
      ? await this.#try(message, content, askedAt)
      : untried(message);
    if (reach.kind === "stopped") return this.#stop(message, reach.because, results);
    // Broken off by us: where nothing was delivered there is nothing to record, and the next process tries at once.
    if (this.#aborted.signal.aborted && attempted && results.every(({ kind }) => kind === "deferred")) return;
    const told = this.#tellDestination(message, reach);
    // After a failure the next one begins when the queue knows of it.
    if (reach.kind === "worked") leave();
    if (reach.kind === "busy") {
      await queue.settle(message, { outcomes: [], attempted: false, warned: false, reports: [] });
      this.#report({ kind: "postponed", message, results });
      return;
    }
    const conclusion = await this.#reporter.conclude(message, results, content.get);
    const { reports, warned, unreported, event } = conclusion;
    // Without an attempt those that are left stay as they are.
    const changed = conclusion.results.filter(({ kind }) => attempted || kind === "failed");
    const outcomes = changed.map((one) => ({ index: one.index, kind: one.kind, detail: describe(one) }));
    const settled = await queue.settle(message, {
      outcomes,
      attempted,
      warned,
      reports,
      forwards,
      unreported,
    });
    await told;
    if (event !== null) this.#report(event);
    if (changed.length === 0) return;
    const passedOnAs = forwards.flatMap(({ id }) => id ?? []);
    this.#report({ kind: "attempted", message, results: changed, passedOnAs, settled });
  }

  /** Why it must not go: the account that sent it was stopped. What the operator returns is returned. */
  async #problem(message: LeasedMessage, content: AttemptContent): Promise<string | null> {
    if (message.kids.length === 0 || message.purpose === "bounce") return null;
    return this.#standing.problem(message, async () => headerOf(await content.get()));
  }

  async #stop(message: LeasedMessage, because: string, results: readonly RecipientResult[]): Promise<void> {
    const { queue, stoppedMail } = this.#options;
    await queue.settle(message, stoppedResult(message, because, stoppedMail, results));
    const fate = stoppedMail === "hold" ? "held" : "removed";
    this.#report({ kind: "stopped", message, because, fate });
  }

  /** @param askedAt when it was asked whether it may go, Unix milliseconds */
  async #try(message: LeasedMessage, content: AttemptContent, askedAt: number): Promise<Attempted> {
    // Hundreds may wait for slow servers when their account is stopped.
    const problem = async (): Promise<string | null> =>
      this.#clock.now() < askedAt + goodMs ? null : this.#problem(message, content);
    try {
      return await attempt(message, { content: content.get, problem }, this.#tools);
    } catch (cause) {
      this.#report({ kind: "attempt-failed", message, cause });
      const result = ownResult("4.3.0", "the attempt failed on this host");
      return { results: forEach(message.recipients, result), reach: { kind: "unknown" }, forwards: [] };
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

  #report(event: DeliveryEvent): void {
    this.#options.onEvent?.(event);
  }
}

function untried(message: LeasedMessage): Attempted {
  return { results: resultsWithoutAttempt(message), reach: { kind: "unknown" }, forwards: [] };
}

/** The settings give passwords to whoever made them; without them there are none. */
function noPassword(): never {
  throw new Error("a next hop wants a password, and nobody has it");
}
