import type { QueueClock } from "../queue/index.ts";
import type { Failure, SmtpClient } from "../smtp/index.ts";
import { Gate } from "./gate.ts";

/** So many connections are opened before one has shown that the server bears more. */
const firstConnections = 5;
/** How long a server that had enough is not asked for more. */
const satisfiedMs = 60_000;
const maxLanes = 20;

/** A connection without work; it closes itself after a while. */
export interface Idle {
  /** For who takes it: it is theirs to close from then on. */
  readonly end: () => SmtpClient;
}

/** Connections that may be used for one another. */
export interface Lane {
  readonly idle: Idle[];
  /** When it was found out, Unix milliseconds, and until when `failure` is the answer to whoever wants a connection. */
  failedAt: number;
  avoidedUntil: number;
  failure: Failure | null;
}

/**
 * One address of a server: its connections, and who waits for one. How many there may be grows while mail gets
 * through, and shrinks to what the server bears as soon as it refuses one more (as Postfix's feedback does).
 */
export class ConnectionPlace {
  readonly #clock: QueueClock;
  readonly #most: number;
  readonly #lanes = new Map<string, Lane>();
  readonly #rights: Gate;
  #window: number;
  #growsFrom = 0;
  #opening = 0;
  #established = 0;
  readonly #watchers = new Set<() => void>();

  constructor(clock: QueueClock, most: number) {
    this.#clock = clock;
    this.#most = most;
    this.#window = Math.min(most, firstConnections);
    this.#rights = new Gate(clock, () => Math.floor(this.#window));
  }

  /** By how many connections there would be more than there may be, if one more were opened. */
  get surplus(): number {
    return this.#established + this.#opening + 1 - Math.floor(this.#window);
  }

  /** Nothing is under way. */
  get isIdle(): boolean {
    return this.#rights.isIdle && this.#established === 0;
  }

  /** Nothing here is worth remembering. */
  get isForgettable(): boolean {
    const now = this.#clock.now();
    return (
      this.isIdle &&
      now >= this.#growsFrom &&
      [...this.#lanes.values()].every((lane) => !isAvoided(lane, now))
    );
  }

  lane(key: string): Lane {
    let lane = this.#lanes.get(key);
    if (lane === undefined) {
      lane = { idle: [], failedAt: 0, avoidedUntil: 0, failure: null };
      this.#lanes.set(key, lane);
    }
    return lane;
  }

  lanes(): Iterable<Lane> {
    return this.#lanes.values();
  }

  /** Takes the right to a connection, in turn; `leave` gives it back. False: there was none in time. */
  enter(destination: string, waitMs: number): Promise<boolean> {
    return this.#rights.enter(destination, waitMs);
  }

  leave(): void {
    if (this.#lanes.size > maxLanes) this.#forgetLanes();
    this.#rights.leave();
  }

  /** A connection is tried; to be called when that has ended. */
  opening(): (isEstablished: boolean) => void {
    this.#opening++;
    return (isEstablished) => {
      this.#opening--;
      if (isEstablished) this.#established++;
      this.#tellWatchers();
    };
  }

  /** An established connection is closed. */
  closed(): void {
    this.#established--;
    this.#tellWatchers();
  }

  /** How many connections the server has accepted; with none yet, as soon as one is or all that are tried have failed. */
  async established(): Promise<number> {
    while (this.#established === 0 && this.#opening > 0) {
      await new Promise<void>((resolve) => this.#watchers.add(resolve));
    }
    return this.#established;
  }

  /** Those who wait get none. */
  turnAway(): void {
    this.#rights.turnAway();
  }

  /** Mail got through. */
  grow(): void {
    if (this.#clock.now() < this.#growsFrom || this.#window >= this.#most) return;
    this.#window = Math.min(this.#most, this.#window + 1 / this.#window);
    this.#rights.admit();
  }

  /** The server had enough of us. @param to how many it bears, as far as it has shown */
  shrink(to = this.#window - 1): void {
    this.#window = Math.max(1, Math.min(this.#window, Math.floor(to)));
    this.#growsFrom = this.#clock.now() + satisfiedMs;
  }

  /** Many domains may share a host, and each demand something else of connections to it. */
  #forgetLanes(): void {
    const now = this.#clock.now();
    for (const [key, lane] of this.#lanes) {
      if (lane.idle.length === 0 && !isAvoided(lane, now)) this.#lanes.delete(key);
    }
  }

  #tellWatchers(): void {
    for (const tell of this.#watchers) tell();
    this.#watchers.clear();
  }
}

/** Whether its failure is still the answer. */
export function isAvoided({ failure, avoidedUntil }: Lane, now: number): boolean {
  return failure !== null && now < avoidedUntil;
}
