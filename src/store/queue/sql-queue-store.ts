import type * as queue from "../../queue/index.ts";
import type { LeasedMessage, MessageId, QueueStore } from "../../queue/index.ts";
import type { SpoolFile } from "../../spool/index.ts";
import type { Program } from "../sql/program.ts";
import { commit, newMessages, reportsToo, seenKeys } from "./commit.ts";
import { contentOf } from "./contents.ts";
import { readyDestinations } from "./due.ts";
import { filesOf, type LargeContents } from "./large-contents.ts";
import { takeMessages } from "./lease.ts";
import { endLostLeases, leaseOwners, nextTimes, release, renew } from "./leases.ts";
import { counts, destinationCounts, list } from "./list.ts";
import { type Ended, withdraw } from "./messages.ts";
import { carryOut } from "./order.ts";
import { expireQuarantined, quarantinedOctets } from "./quarantine.ts";
import type { QueueDriver } from "./queue-driver.ts";
import { areSeen, forget, forgetPast } from "./seen.ts";
import { forgetEmptyDestinations, forgetGoneHolders } from "./tidy.ts";

/** So few that nobody waits for it. */
const FORGOTTEN_AT_A_TIME = 1_000;

/** The queue's store on whatever database the driver speaks to. */
export class SqlQueueStore implements QueueStore {
  readonly #driver: QueueDriver;
  readonly #large: LargeContents;
  /** Which source of work has the odd place of the next lease. */
  #attentionFirst = true;

  constructor(driver: QueueDriver, large: LargeContents) {
    this.#driver = driver;
    this.#large = large;
  }

  async commit(changes: readonly queue.QueueChange[]): Promise<readonly queue.ChangeAnswer[]> {
    const files = filesOf(reportsToo(changes));
    const first = this.#large.store(files);
    const { locks } = this.#driver;
    const undo = function* (): Program<void> {
      yield* withdraw(newMessages(changes), locks);
      yield* forget(seenKeys(changes));
    };
    const grows = changes.some(({ kind }) => kind === "insert");
    const options = { synced: true, grows, undo, ...(first === null ? {} : { first }) };
    const { answers, taken, ended } = await this.#driver.change(() => this.#commit(changes, files), options);
    await this.#large.committed(taken, ended);
    return answers;
  }

  seen(keys: readonly queue.SeenKey[]): Promise<readonly boolean[]> {
    return this.#driver.read(areSeen(keys));
  }

  async lease(request: queue.LeaseRequest): Promise<readonly LeasedMessage[]> {
    const { now, owner, limit } = request;
    if (limit < 1) return [];
    const isPast = (time: number | null): boolean => time !== null && time <= now;
    const times = await this.#driver.read(nextTimes(owner));
    if (isPast(times.leaseEndsAt)) await this.#end(() => endLostLeases(owner, now, this.#driver.locks));
    // Most looks find nothing, or nothing that there is room for: that takes no lock.
    else if (!isPast(times.attentionAt)) {
      if (!isPast(times.destinationReadyAt)) return [];
      if ((await this.#driver.read(readyDestinations(request))).length === 0) return [];
    }
    this.#attentionFirst = !this.#attentionFirst;
    // Where senders come so thick that there is always one who has the destination, its turn has to be waited for.
    return (await this.#take(request, false)) ?? (await this.#take(request, true)) ?? [];
  }

  renew(owner: string, until: number): Promise<void> {
    return this.#driver.change(() => renew(owner, until), { synced: false });
  }

  async release(owners: readonly string[], now: number): Promise<void> {
    await this.#end(() => release(owners, now, this.#driver.locks));
  }

  owners(): Promise<readonly string[]> {
    return this.#driver.read(leaseOwners());
  }

  async content(id: MessageId): Promise<queue.StoredContent | null> {
    const parts = await this.#driver.read(contentOf(id));
    if (parts === null) return null;
    const { inline, file, restOctets } = parts;
    const read = () => (file === null ? nothing() : this.#large.read(file, restOctets));
    return { inline, restOctets, rest: read };
  }

  async nextDueAt(): Promise<number | null> {
    const times = await this.#driver.read(nextTimes(null));
    const known = Object.values(times).filter((time) => time !== null);
    return known.length === 0 ? null : Math.min(...known);
  }

  counts(): Promise<queue.QueueCounts> {
    return this.#driver.read(counts());
  }

  destinations(limit: number): Promise<readonly queue.DestinationCounts[]> {
    return this.#driver.read(destinationCounts(limit));
  }

  list(filter: queue.QueueFilter, limit: number, after = ""): Promise<readonly queue.ListedMessage[]> {
    return this.#driver.read(list(filter, limit, after));
  }

  async order(
    filter: queue.QueueFilter,
    order: queue.QueueOrder,
    now: number,
    limit: number,
  ): Promise<number> {
    const { locks } = this.#driver;
    for (;;) {
      const count = await this.#end(() => carryOut(filter, order, { now, limit }, locks));
      if (count !== null) return count;
    }
  }

  quarantinedOctets(): Promise<number> {
    return this.#driver.read(quarantinedOctets());
  }

  expire(now: number, limit: number): Promise<readonly queue.ExpiredMessage[]> {
    return this.#end(() => expireQuarantined(now, limit, this.#driver.locks));
  }

  async tidy(now: number): Promise<void> {
    const { locks } = this.#driver;
    const forgetSome = () => forgetPast(now, FORGOTTEN_AT_A_TIME, locks);
    while ((await this.#driver.change(forgetSome, { synced: false })) === FORGOTTEN_AT_A_TIME);
    await this.#driver.change(() => forgetEmptyDestinations(now, locks), { synced: false });
    await this.#driver.change(() => forgetGoneHolders(now, locks), { synced: false });
    await this.#large.sweep();
  }

  close(): Promise<void> {
    return this.#driver.close();
  }

  *#commit(changes: readonly queue.QueueChange[], files: readonly SpoolFile[]): Program<CommittedFiles> {
    const { answers, inserted, ended } = yield* commit(changes, this.#driver.locks);
    const taken = filesOf(inserted);
    const refused = files.filter((file) => !taken.includes(file)).map(({ name }) => name);
    yield* this.#large.forget([...ended, ...refused]);
    return { answers, taken, ended };
  }

  #take(request: queue.LeaseRequest, patient: boolean): Promise<readonly LeasedMessage[] | null> {
    const manner = { attentionFirst: this.#attentionFirst, patient };
    return this.#driver.change(() => takeMessages(request, this.#driver.locks, manner), { synced: false });
  }

  /** Runs a program after which some files belong to nothing any more. @returns what it came to */
  async #end<Outcome>(make: () => Program<Ended<Outcome>>): Promise<Outcome> {
    const large = this.#large;
    const perform = function* (): Program<Ended<Outcome>> {
      const ended = yield* make();
      yield* large.forget(ended.files);
      return ended;
    };
    const { outcome, files } = await this.#driver.change(perform, { synced: true });
    await large.committed([], files);
    return outcome;
  }
}

interface CommittedFiles {
  readonly answers: readonly queue.ChangeAnswer[];
  readonly taken: readonly SpoolFile[];
  readonly ended: readonly string[];
}

async function* nothing(): AsyncGenerator<Uint8Array, void, undefined> {}
