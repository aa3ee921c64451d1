import { hostname } from "node:os";
import { splitByDestination } from "./destination.ts";
import { DestinationRests, usualRests } from "./destination-rests.ts";
import { DirectHandOver, type DirectTaker, leasedAsNew } from "./direct-hand-over.ts";
import { Housekeeping } from "./housekeeping.ts";
import { isGone, processHost } from "./lease-owner.ts";
import { type Lease, Leases } from "./leases.ts";
import { newMessageId } from "./message-id.ts";
import type {
  DestinationCounts,
  ListedMessage,
  QueueCounts,
  QueueFilter,
  QueueOrder,
} from "./operators-view.ts";
import { orderAll } from "./order-all.ts";
import { QuarantineRoom } from "./quarantine-room.ts";
import { type QueueClock, systemClock } from "./queue-clock.ts";
import { QueueCommits } from "./queue-commits.ts";
import type { Enqueued, LeaseLimits, QueueOptions, Settled } from "./queue-options.ts";
import {
  type ChangeAnswer,
  type DestinationChange,
  type QueueChange,
  type QueueStore,
  QueueStoreError,
} from "./queue-store.ts";
import type {
  LeasedMessage,
  MessageId,
  NewMessage,
  SeenKey,
  StoredContent,
  StoredMessage,
} from "./queued-message.ts";
import type { RetrySchedule } from "./retry-schedule.ts";
import { settlementOf, type WorkResult } from "./settlement.ts";
import { WorkSignal } from "./work-signal.ts";

// The states of messages and recipients, what moves between them, and what a crash leaves: ARCHITECTURE.md, "States".

const hour = 3_600_000;
/** How long a settlement that the store refused waits before it is tried again. */
const settleAgainMs = 2_000;

const nothingDone: WorkResult = { outcomes: [], attempted: false, warned: false, reports: [] };

/** A durable queue of messages on their way out. */
export class Queue {
  readonly #store: QueueStore;
  readonly #clock: QueueClock;
  readonly #retry: RetrySchedule;
  readonly #giveUpAfterMs: number;
  readonly #warnAfterMs: number | null;
  readonly #hostname: string;
  readonly #commits: QueueCommits;
  readonly #leases: Leases;
  readonly #handOver: DirectHandOver;
  readonly #rests: DestinationRests;
  readonly #work: WorkSignal;
  readonly #processHost: string;
  readonly #quarantineRoom: QuarantineRoom;
  readonly #onSplit: (id: MessageId, others: readonly MessageId[]) => void;
  readonly #housekeeping: Housekeeping;
  #closed = false;

  constructor(options: QueueOptions) {
    const { store, clock = systemClock } = options;
    this.#store = store;
    this.#clock = clock;
    this.#retry = options.retry;
    this.#giveUpAfterMs = options.giveUpAfterMs ?? 120 * hour;
    this.#warnAfterMs = options.warnAfterMs === undefined ? 4 * hour : options.warnAfterMs;
    this.#hostname = options.hostname ?? hostname().toLowerCase();
    this.#commits = new QueueCommits(store);
    const most = options.quarantineOctets ?? Number.POSITIVE_INFINITY;
    this.#quarantineRoom = new QuarantineRoom(store, most, () => clock.now());
    this.#onSplit = options.onSplit ?? (() => {});
    this.#housekeeping = new Housekeeping(store, clock, options.onExpired ?? (() => {}));
    this.#processHost = options.processHost ?? processHost();
    this.#leases = new Leases({ store, clock, leaseMs: options.leaseMs ?? 60_000, host: this.#processHost });
    this.#handOver = new DirectHandOver(options.directOctets ?? 64 << 20);
    this.#rests = new DestinationRests(options.rests ?? usualRests(options.random ?? Math.random));
    this.#work = new WorkSignal(store, clock, options.pollMs ?? 5_000);
  }

  /** Takes over what dead processes of this host held, so that a restart delivers at once, and keeps house from then on. */
  async start(): Promise<void> {
    const gone = (await this.#store.owners()).filter((owner) => isGone(owner, this.#processHost));
    if (gone.length > 0) await this.#store.release(gone, this.#clock.now());
    this.#housekeeping.start();
  }

  /**
   * Takes messages, all or none. They are on the disk when this resolves: only then may a client hear 250.
   *
   * @returns of each its id, or the first of those that it was split into
   * @throws QueueStoreError when nothing was taken
   */
  async enqueue(messages: readonly NewMessage[]): Promise<MessageId[]> {
    const enqueued = await this.enqueueOnce(messages, []);
    if (enqueued.kind === "seen") throw new Error("nothing was to be remembered, and yet it was seen");
    return enqueued.ids;
  }

  /**
   * The same, unless one of `keys` is remembered; from then on all of them are, in the same transaction: of several that
   * come at a time, over all processes, one is taken.
   */
  async enqueueOnce(messages: readonly NewMessage[], keys: readonly SeenKey[]): Promise<Enqueued> {
    if (messages.some(({ quarantine }) => quarantine != null)) await this.#quarantineRoom.take(messages);
    const now = this.#clock.now();
    const split = messages.map((message) => this.#prepare(message, now));
    const all = split.flat();
    const takers = all.map((message) => this.#reserve(message));
    const { owner } = this.#leases;
    const lease = { owner, until: this.#leases.until() };
    const stored = all.map((message, index) => (takers[index] == null ? message : { ...message, lease }));
    const giveUp = (): void => {
      for (const [index, { id, destination }] of stored.entries()) {
        this.#handOver.forget(id);
        takers[index]?.missed(destination);
      }
    };
    let answer: ChangeAnswer;
    try {
      answer = await this.#commits.add({ kind: "insert", messages: stored, seen: keys });
    } catch (error) {
      if (takers.some((taker) => taker !== null)) this.#leases.doubt();
      giveUp();
      throw error;
    }
    if (answer === "seen") {
      giveUp();
      return { kind: "seen" };
    }
    for (const [index, message] of stored.entries()) {
      const taker = takers[index] ?? null;
      if (taker !== null) this.#handTo(taker, leasedAsNew(message), owner);
    }
    if (takers.some((taker) => taker === null)) this.#work.wake();
    const ids = split.map((parts) => parts.map(({ id }) => id));
    for (const [id, ...others] of ids) if (id !== undefined && others.length > 0) this.#onSplit(id, others);
    return { kind: "queued", ids: ids.flatMap(([first]) => first ?? []) };
  }

  /** Of each, whether it is remembered; see {@link enqueueOnce}. */
  seen(keys: readonly SeenKey[]): Promise<readonly boolean[]> {
    return this.#store.seen(keys);
  }

  /** New messages go to this delivery as they are committed, as far as it wants them; null ends it. */
  deliverDirectly(taker: DirectTaker | null): void {
    this.#handOver.taker = taker;
  }

  /** Takes messages that are due. This process holds each, and says so again and again, until it settles it. */
  async lease({ limit, perDestination, inWork }: LeaseLimits): Promise<readonly LeasedMessage[]> {
    const now = this.#clock.now();
    this.#work.looked(now);
    const { owner } = this.#leases;
    const request = { now, until: this.#leases.until(), owner, limit, perDestination, inWork };
    const leased = await this.#store.lease(request).catch((error) => {
      this.#leases.doubt();
      throw error;
    });
    for (const { destination, destinationFailures } of leased)
      this.#rests.note(destination, destinationFailures);
    return leased.filter((message) => this.#leases.hold(message, owner));
  }

  /** The octets of a leased message. @throws Error when the message is gone */
  async content(message: LeasedMessage): Promise<StoredContent> {
    const content = this.#handOver.content(message.id) ?? (await this.#store.content(message.id));
    if (content === null) throw new Error(`message ${message.id} is not in the queue any more`);
    return content;
  }

  /**
   * Records what was done with a leased message, queues the reports of it, and ends the lease. While the store refuses,
   * this waits and tries again: a delivery that is not recorded would be made twice.
   */
  async settle(message: LeasedMessage, result: WorkResult): Promise<Settled> {
    const { id } = message;
    const now = this.#clock.now();
    const times = { now, retry: this.#retry, warnAfterMs: this.#warnAfterMs };
    const settlement = settlementOf(message, result, times);
    const made = [...result.reports, ...(result.forwards ?? [])];
    const reports = made.flatMap((message) => this.#prepare(message, now));
    let lease: Lease;
    let answer: ChangeAnswer;
    do {
      lease = this.#leases.of(message);
      const change = { id, ...lease, ...settlement, reports };
      answer = await this.#commitPersistently({ kind: "settle", settlement: change });
      // It ran out, and was taken by this process again: what was done is still for us to record.
    } while (answer === "lease-lost" && this.#leases.of(message).lease > lease.lease);
    if (this.#leases.of(message).lease > lease.lease) {
      // It was taken again just after it was settled, when it was still held here: to whoever leases it next.
      return await this.settle(message, { ...nothingDone, warned: settlement.warned });
    }
    this.#leases.end(id);
    this.#handOver.forget(id);
    if (reports.length > 0 || settlement.next.kind === "wait") this.#work.wake();
    else this.#work.placeFreed();
    if (answer === "lease-lost") return { kind: "lease-lost" };
    return { kind: "settled", retryAt: settlement.next.kind === "wait" ? settlement.next.dueAt : null };
  }

  /**
   * Nobody could be talked to at a destination, for `detail`: it rests, longer each time in a row. What was under way
   * meanwhile adds nothing.
   */
  async destinationFailed(destination: string, detail: string): Promise<void> {
    const change = this.#rests.failed(destination, detail, this.#clock.now());
    if (change !== null) await this.#recordDestination(change);
  }

  /** Somebody at the destination answered. No transaction where nothing was known against it. */
  async destinationWorked(destination: string): Promise<void> {
    const change = this.#rests.worked(destination);
    if (change === null) return;
    await this.#recordDestination(change);
    this.#work.wake();
  }

  /** Whether a destination is left alone for now, as far as this process knows. */
  isResting(destination: string): boolean {
    return this.#rests.isResting(destination, this.#clock.now());
  }

  /** Resolves when there may be more to lease than at the last time, or when `signal` is aborted. */
  waitForWork(signal: AbortSignal): Promise<void> {
    return this.#work.wait(signal);
  }

  counts(): Promise<QueueCounts> {
    return this.#store.counts();
  }

  /** Of those with most messages first. */
  destinations(limit: number): Promise<readonly DestinationCounts[]> {
    return this.#store.destinations(limit);
  }

  /** In order of arrival, from after `after`. */
  list(filter: QueueFilter, limit: number, after?: MessageId): Promise<readonly ListedMessage[]> {
    return this.#store.list(filter, limit, after);
  }

  /** Carries out an operator's order for all messages that match. @returns for how many */
  async order(filter: QueueFilter, order: QueueOrder): Promise<number> {
    return await orderAll(this.#store, filter, order, this.#clock.now(), () => this.#work.wake());
  }

  /**
   * Gives back what is still leased, so that the next process need not wait; where the store refuses, the leases run out.
   * The store stays open.
   */
  async close(): Promise<void> {
    this.#closed = true;
    this.#work.wake();
    await this.#housekeeping.stop();
    await this.#leases.close().catch(onlyStorage);
  }

  #prepare(message: NewMessage, now: number): StoredMessage[] {
    const expiresAt = now + this.#giveUpAfterMs;
    const wakeAt = this.#warnAfterMs === null ? expiresAt : Math.min(expiresAt, now + this.#warnAfterMs);
    return splitByDestination(message, this.#hostname).map((part) => {
      const id = part.id ?? newMessageId(now);
      return { ...part, id, enqueuedAt: now, expiresAt, wakeAt, lease: null };
    });
  }

  #reserve(message: StoredMessage): DirectTaker | null {
    const { id, destination, quarantine } = message;
    if (quarantine != null || this.#closed || !this.#rests.isFine(destination)) return null;
    return this.#handOver.reserve(id, destination, message);
  }

  #handTo(taker: DirectTaker, message: LeasedMessage, owner: string): void {
    this.#leases.hold(message, owner);
    if (this.#handOver.isThere(taker) && !this.#closed) {
      taker.take(message);
      return;
    }
    taker.missed(message.destination);
    // Another delivery takes it; where the queue is closed before this is recorded, the lease runs out.
    this.settle(message, nothingDone).catch(onlyStorage);
  }

  /** Where the store refuses, this process goes by what it knows, and the next failure is recorded instead. */
  async #recordDestination(change: DestinationChange): Promise<void> {
    await this.#commits.add({ kind: "destination", change }).catch(onlyStorage);
  }

  async #commitPersistently(change: QueueChange): Promise<ChangeAnswer> {
    for (;;) {
      try {
        return await this.#commits.add(change);
      } catch (error) {
        onlyStorage(error);
        if (this.#closed) throw error;
        await new Promise<void>((resolve) => this.#clock.schedule(settleAgainMs, resolve));
      }
    }
  }
}

function onlyStorage(error: unknown): void {
  if (!(error instanceof QueueStoreError)) throw error;
}
