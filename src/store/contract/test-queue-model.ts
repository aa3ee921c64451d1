import type {
  DestinationChange,
  LeaseRequest,
  PendingOrder,
  QueueOrder,
  RecipientState,
  SeenKey,
  Settlement,
  StoredMessage,
} from "../../queue/index.ts";

// A reference model of the queue: what its interface says, written down a second time and as plainly as possible.

export interface ModelMessage {
  readonly message: StoredMessage;
  state: "queued" | "leased" | "held" | "quarantined";
  owner: string | null;
  lease: number;
  /** It was leased to be bounced. */
  leasedForBounce: boolean;
  dueAt: number;
  wakeAt: number;
  attempts: number;
  warned: boolean;
  pending: PendingOrder | null;
  heldBecause: string | null;
  retryOrderedAt: number;
  readonly recipients: RecipientState[];
  enqueuedAt: number;
  expiresAt: number;
  /** Released from quarantine: it is longer than it was. */
  wasReleased: boolean;
}

interface ModelDestination {
  restsUntil: number;
  failures: number;
  failure: string | null;
}

const FINE: ModelDestination = { restsUntil: 0, failures: 0, failure: null };

export function seenName({ key, until }: SeenKey): string {
  return `${until} ${Buffer.from(key).toString("hex")}`;
}

function untilOf({ quarantine }: StoredMessage): number {
  return quarantine?.until ?? Number.POSITIVE_INFINITY;
}

/** How long a message is left alone that needs attention and is due where it can be attempted. */
export const AGAIN_MS = 60_000;

export class QueueModel {
  readonly messages = new Map<string, ModelMessage>();
  readonly destinations = new Map<string, ModelDestination>();
  readonly holders = new Map<string, number>();
  readonly seen = new Map<string, SeenKey>();

  insert(message: StoredMessage): void {
    this.messages.set(message.id, {
      message,
      state: message.quarantine != null ? "quarantined" : message.lease === null ? "queued" : "leased",
      owner: message.lease?.owner ?? null,
      lease: message.lease === null ? 0 : 1,
      leasedForBounce: false,
      dueAt: message.enqueuedAt,
      wakeAt: message.wakeAt,
      attempts: 0,
      warned: false,
      pending: null,
      heldBecause: null,
      retryOrderedAt: 0,
      recipients: message.recipients.map(() => "pending"),
      enqueuedAt: message.enqueuedAt,
      expiresAt: message.expiresAt,
      wasReleased: false,
    });
    if (message.lease !== null) this.#signOfLife(message.lease.owner, message.lease.until);
  }

  /** Whether these keys were new, and none of them is then. */
  remember(keys: readonly SeenKey[]): boolean {
    if (keys.some((key) => this.seen.has(seenName(key)))) return false;
    for (const key of keys) this.seen.set(seenName(key), key);
    return true;
  }

  /** @returns the ids of those whose time in quarantine is over, those first that were to go first */
  expire(now: number): string[] {
    const past = [...this.messages.values()]
      .filter(({ state, message }) => state === "quarantined" && untilOf(message) <= now)
      .sort((a, b) => untilOf(a.message) - untilOf(b.message));
    return past.map(({ message }) => message.id);
  }

  settle(settlement: Settlement): "done" | "lease-lost" {
    const { id, owner, lease, next } = settlement;
    const found = this.messages.get(id);
    if (found?.state !== "leased" || found.owner !== owner || found.lease !== lease) return "lease-lost";
    for (const report of settlement.reports) this.insert(report);
    if (next.kind === "gone" || found.pending === "remove") {
      this.messages.delete(id);
      return "done";
    }
    for (const { index, state } of settlement.changes) found.recipients[index] = state;
    found.attempts += settlement.attempted ? 1 : 0;
    found.warned ||= settlement.warned;
    found.owner = null;
    if (next.kind === "wait") found.dueAt = next.dueAt;
    if (found.pending !== "bounce" || found.leasedForBounce) found.wakeAt = settlement.wakeAt;
    if (found.pending === "hold" || (found.pending === null && next.kind === "hold")) {
      if (next.kind === "hold" && found.pending === null) found.heldBecause = next.because;
      found.pending = null;
      found.state = "held";
    } else found.state = "queued";
    return "done";
  }

  changeDestination({ destination, restsUntil, failures, failure }: DestinationChange): void {
    this.destinations.set(destination, { restsUntil: restsUntil ?? 0, failures, failure });
  }

  destination(name: string): ModelDestination {
    return this.destinations.get(name) ?? FINE;
  }

  renew(owner: string, until: number): void {
    if (this.holders.has(owner)) this.#signOfLife(owner, until);
  }

  release(owners: readonly string[], now: number): void {
    for (const [id, found] of this.messages) {
      if (found.state !== "leased" || !owners.includes(found.owner as string)) continue;
      found.owner = null;
      found.state = "queued";
      if (found.pending === "remove") this.messages.delete(id);
      if (found.pending === "hold") {
        found.pending = null;
        found.state = "held";
      }
      if (found.pending === "bounce") found.wakeAt = now;
      else if (found.leasedForBounce) found.wakeAt = found.expiresAt;
      found.leasedForBounce = false;
    }
  }

  /** The first part of taking leases: those of others that ran out are over. */
  endLostLeases({ now, owner }: LeaseRequest): void {
    const lost = [...this.holders].filter(([name, until]) => name !== owner && until <= now);
    this.release(
      lost.map(([name]) => name),
      now,
    );
  }

  /** What a queued message may be taken for now, as far as others do not stand before it; null: for nothing. */
  purposeOf(found: ModelMessage, now: number): "attempt" | "warn" | "expired" | "bounce" | null {
    if (found.state !== "queued") return null;
    const destination = this.destination(found.message.destination);
    const isDue = found.dueAt <= now && destination.restsUntil <= now;
    if (found.pending === "bounce") return found.wakeAt <= now || isDue ? "bounce" : null;
    const needsAttention = found.wakeAt <= now;
    if (needsAttention && !(isDue && destination.failures === 0))
      return found.expiresAt <= now ? "expired" : "warn";
    return isDue ? "attempt" : null;
  }

  /** Its attention may be put off. */
  isAttemptedRather(found: ModelMessage, now: number): boolean {
    return this.purposeOf(found, now) === "attempt" && found.wakeAt <= now;
  }

  roomAt(name: string, { perDestination, inWork }: LeaseRequest): number {
    const most = this.destination(name).failures === 0 ? perDestination(name) : 1;
    return Math.max(0, most - (inWork.get(name) ?? 0));
  }

  take(found: ModelMessage, purpose: string, { owner, until }: LeaseRequest): void {
    found.state = "leased";
    found.owner = owner;
    found.lease++;
    found.leasedForBounce = purpose === "bounce";
    this.#signOfLife(owner, until);
  }

  /** @returns those it was carried out for, in order */
  order(order: QueueOrder, matches: (found: ModelMessage) => boolean, now: number, limit: number): string[] {
    const open = [...this.messages.values()]
      .filter((found) => matches(found) && this.#isOpen(order, found, now))
      .sort((a, b) => (a.message.id < b.message.id ? -1 : 1))
      .slice(0, limit);
    for (const found of open) this.#carryOut(order, found, now);
    return open.map(({ message }) => message.id);
  }

  nextDueAt(): number | null {
    const times: number[] = [];
    for (const found of this.messages.values()) {
      if (found.state === "leased") times.push(this.holders.get(found.owner as string) as number);
      if (found.state !== "queued") continue;
      const { restsUntil } = this.destination(found.message.destination);
      times.push(found.wakeAt, Math.max(found.dueAt, restsUntil));
    }
    return times.length === 0 ? null : Math.min(...times);
  }

  #isOpen(
    { kind }: QueueOrder,
    { state, pending, dueAt, retryOrderedAt, message }: ModelMessage,
    now: number,
  ): boolean {
    if (state === "quarantined") return kind === "release" || kind === "remove";
    switch (kind) {
      case "retry": {
        const waits = dueAt > now || this.destination(message.destination).restsUntil > now;
        return state === "queued" && pending === null && retryOrderedAt < now && waits;
      }
      case "hold":
        return state === "queued" || (state === "leased" && pending !== "hold");
      case "release":
        return state === "held" || (state === "leased" && pending === "hold");
      default:
        return pending !== kind;
    }
  }

  #carryOut(order: QueueOrder, found: ModelMessage, now: number): void {
    const { destination, id } = found.message;
    const isLeased = found.state === "leased";
    switch (order.kind) {
      case "retry":
        found.dueAt = Math.min(found.dueAt, now);
        found.retryOrderedAt = now;
        this.destinations.set(destination, { ...this.destination(destination), restsUntil: 0 });
        break;
      case "hold":
        found.heldBecause = order.because;
        found.pending = isLeased ? "hold" : null;
        if (!isLeased) found.state = "held";
        break;
      case "release":
        found.pending = null;
        if (isLeased) break;
        if (found.state === "quarantined") {
          found.wakeAt += now - found.enqueuedAt;
          found.expiresAt += now - found.enqueuedAt;
          found.enqueuedAt = now;
          found.wasReleased = true;
        }
        found.state = "queued";
        found.dueAt = now;
        break;
      case "bounce":
        found.pending = "bounce";
        found.wakeAt = now;
        // It is to come back at once, though a bounce is under way that was called off in between.
        found.leasedForBounce = false;
        if (!isLeased) found.state = "queued";
        break;
      case "remove":
        if (isLeased) found.pending = "remove";
        else this.messages.delete(id);
    }
  }

  #signOfLife(owner: string, until: number): void {
    this.holders.set(owner, Math.max(until, this.holders.get(owner) ?? until));
  }
}
