import { newOwner } from "./lease-owner.ts";
import type { QueueClock } from "./queue-clock.ts";
import { type QueueStore, QueueStoreError } from "./queue-store.ts";
import type { LeasedMessage, MessageId } from "./queued-message.ts";

/** What a settlement has to know of a lease. */
export interface Lease {
  readonly owner: string;
  readonly lease: number;
}

export interface LeasesOptions {
  readonly store: QueueStore;
  readonly clock: QueueClock;
  readonly leaseMs: number;
  /** See processHost. */
  readonly host: string;
}

/** The messages that this process holds. It says again and again that it is alive, while it holds any. */
export class Leases {
  readonly #options: LeasesOptions;
  readonly #held = new Map<MessageId, Lease>();
  #owner: string;
  #cancelRenewal: (() => void) | null = null;
  #closed = false;

  constructor(options: LeasesOptions) {
    this.#options = options;
    this.#owner = newOwner(options.host);
  }

  /** The name under which leases are taken now. */
  get owner(): string {
    return this.#owner;
  }

  /** When a lease that is taken now runs out. */
  until(): number {
    return this.#options.clock.now() + this.#options.leaseMs;
  }

  /**
   * Whether the message is new here. One that this process holds already ran out while the storage refused, or was settled
   * this very moment; what is done with it meanwhile counts under this lease.
   */
  hold({ id, lease }: Pick<LeasedMessage, "id" | "lease">, owner: string): boolean {
    const isNew = !this.#held.has(id);
    this.#held.set(id, { owner, lease });
    this.#renewLater();
    return isNew;
  }

  of({ id, lease }: LeasedMessage): Lease {
    return this.#held.get(id) ?? { owner: this.#owner, lease };
  }

  end(id: MessageId): void {
    this.#held.delete(id);
    if (this.#held.size === 0) this.#stopRenewing();
  }

  /**
   * The storage failed while it was taking leases for us: there may be some that we never heard of. Under a new name
   * they are not renewed for longer than the others, and run out.
   */
  doubt(): void {
    this.#owner = newOwner(this.#options.host);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#stopRenewing();
    const owners = this.#owners();
    this.#held.clear();
    if (owners.length > 0) await this.#options.store.release(owners, this.#options.clock.now());
  }

  #owners(): string[] {
    return [...new Set([...this.#held.values()].map(({ owner }) => owner))];
  }

  #renewLater(): void {
    if (this.#cancelRenewal !== null || this.#held.size === 0 || this.#closed) return;
    const { clock, leaseMs, store } = this.#options;
    this.#cancelRenewal = clock.schedule(leaseMs / 3, async () => {
      this.#cancelRenewal = null;
      try {
        for (const owner of this.#owners()) await store.renew(owner, this.until());
      } catch (error) {
        // No catastrophe: the next renewal comes well before the leases run out.
        if (!(error instanceof QueueStoreError)) throw error;
      }
      this.#renewLater();
    });
  }

  #stopRenewing(): void {
    this.#cancelRenewal?.();
    this.#cancelRenewal = null;
  }
}
