import type { Socket } from "node:net";
import type { QueueClock } from "../queue/index.ts";
import type {
  Dialer,
  DialTarget,
  Failure,
  OpenResult,
  SmtpClient,
  SmtpClientOptions,
} from "../smtp/index.ts";
import { ConnectionPlace, type Idle, isAvoided, type Lane } from "./connection-place.ts";
import { Gate } from "./gate.ts";
import { openConnection } from "./open-connection.ts";
import { securityKey } from "./security.ts";
import type { Target } from "./target.ts";

export interface PoolOptions {
  readonly dialer: Dialer;
  /** For EHLO. */
  readonly hostname: string;
  readonly clock: QueueClock;
  /** PEM of the authorities to trust in place of the system's; null: the system's. */
  readonly ca: readonly string[] | null;
  readonly passwordOf: (credentials: NonNullable<Target["credentials"]>) => string;
  /** Connections in use for one destination, and to one address, at a time; further attempts wait for one. */
  readonly connectionsPerDestination: number;
  /** Messages over one connection. */
  readonly messagesPerConnection: number;
  /** How long a connection without work is kept. */
  readonly idleMs: number;
  /** How long an address that could not be talked to is left alone. */
  readonly avoidMs: number;
  /** How long an attempt waits for a connection that others use. */
  readonly waitMs: number;
  readonly deadlines?: SmtpClientOptions["deadlines"];
  readonly transcript?: (target: DialTarget, line: string) => void;
}

/** A connection for one message. */
export type Lease =
  | { readonly kind: "leased"; readonly client: SmtpClient; readonly reused: boolean }
  | { readonly kind: "failed"; readonly failure: Failure }
  /** Others use all connections that the server takes. */
  | { readonly kind: "busy" };

interface Wish {
  /** See lease. */
  readonly fresh: boolean;
  /** How long it waits for its turn, Unix milliseconds. */
  readonly until: number;
  /** Failures that were found out before, Unix milliseconds, do not count. */
  readonly since: number;
}

/** More addresses than these are not remembered for their failures. */
const maxRemembered = 1000;
/** So often a server may take back what it had before, until the attempt gives up. */
const maxRefusals = 3;

/** Connections to other servers, kept for the messages that follow. */
export class ConnectionPool {
  readonly #options: PoolOptions;
  readonly #places = new Map<string, ConnectionPlace>();
  /** How many connections each destination uses. */
  readonly #gates = new Map<string, Gate>();
  readonly #sent = new WeakMap<SmtpClient, number>();
  /** Those that are saying QUIT. */
  readonly #retiring = new Set<Promise<void>>();
  readonly #sockets = new Set<Socket>();
  readonly #aborted = new AbortController();
  #closed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /**
   * A connection to this target, a kept one where there is. What is leased must be given back.
   *
   * @param destination those who wait for one target take turns by it
   * @param fresh wants a new one: a kept one turned out to be dead
   * @param trial is to find out whether the destination can be talked to again: failures of before do not count
   */
  async lease(
    target: Target,
    destination: string,
    { fresh = false, trial = false }: { readonly fresh?: boolean; readonly trial?: boolean } = {},
  ): Promise<Lease> {
    const { clock, waitMs } = this.#options;
    const now = clock.now();
    const wish = { fresh, until: now + waitMs, since: trial ? now : Number.NEGATIVE_INFINITY };
    const avoided = this.#avoided(this.#placeOf(target).lane(keyOf(target)), wish);
    if (avoided !== null) return avoided;
    const gate = this.#gateOf(destination);
    if (!(await gate.enter("", waitMs))) return { kind: "busy" };
    let lease: Lease = { kind: "busy" };
    try {
      lease = await this.#leaseAt(target, destination, wish);
    } finally {
      if (lease.kind !== "leased") this.#leaveGate(destination, gate);
    }
    return lease;
  }

  /**
   * Takes a leased connection back: it is kept for another message, or closed.
   *
   * @param refused the server broke off for a reason of its own
   */
  giveBack(target: Target, destination: string, client: SmtpClient, refused: boolean): void {
    this.#leaveGate(destination, this.#gateOf(destination));
    const place = this.#placeOf(target);
    const sent = (this.#sent.get(client) ?? 0) + 1;
    this.#sent.set(client, sent);
    if (refused) place.shrink();
    else place.grow();
    if (!client.usable || this.#closed || sent >= this.#options.messagesPerConnection) {
      // Until it is gone the server counts it.
      void this.#retire(place, client).then(() => this.#leave(target, place));
      return;
    }
    this.#keep(client, target, place);
    this.#leave(target, place);
  }

  /** Ends connections without work, and the others when they are given back. Resolves when the former are closed. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const place of this.#places.values()) {
      for (const lane of place.lanes()) this.#retireIdle(place, lane);
    }
    await Promise.all(this.#retiring);
  }

  /** Closes all connections at once, those that are being opened as well: what is under way on them fails. */
  abort(): void {
    this.#closed = true;
    this.#aborted.abort(new Error("this host stops"));
    for (const gate of this.#gates.values()) gate.turnAway();
    for (const place of this.#places.values()) place.turnAway();
    for (const socket of this.#sockets) socket.destroy();
  }

  /** With the right to one of the destination's connections. */
  async #leaseAt(target: Target, destination: string, wish: Wish): Promise<Lease> {
    const { clock } = this.#options;
    const place = this.#placeOf(target);
    const key = keyOf(target);
    if (wish.fresh) this.#retireIdle(place, place.lane(key));
    for (let refusals = 0; refusals < maxRefusals && !this.#closed; refusals++) {
      if (!(await place.enter(destination, Math.max(0, wish.until - clock.now())))) break;
      let lease: Lease | null = null;
      try {
        lease = await this.#take(target, place, place.lane(key), wish);
      } finally {
        if (lease?.kind !== "leased") this.#leave(target, place);
      }
      if (lease !== null) return lease;
    }
    return { kind: "busy" };
  }

  /** With the right to a connection. Null: the server bears fewer than we thought; one of others has to be waited for. */
  async #take(target: Target, place: ConnectionPlace, lane: Lane, wish: Wish): Promise<Lease | null> {
    // Whoever had the turn before may have found out that nobody is there.
    const avoided = this.#avoided(lane, wish);
    if (avoided !== null) return avoided;
    const kept = this.#takeKept(place, lane);
    if (kept !== undefined) return { kind: "leased", client: kept, reused: true };
    for (const { idle } of place.lanes()) {
      while (place.surplus > 0 && idle.length > 0) await this.#retire(place, (idle.shift() as Idle).end());
    }
    const ended = place.opening();
    let opened: OpenResult | null = null;
    try {
      opened = await this.#open(target);
    } finally {
      ended(opened?.ok === true);
    }
    if (opened.ok) {
      lane.failure = null;
      return { kind: "leased", client: opened.client, reused: false };
    }
    const established = isAboutNumbers(opened.failure) ? await place.established() : 0;
    if (established > 0) {
      place.shrink(established);
      return null;
    }
    lane.failure = opened.failure;
    lane.failedAt = this.#options.clock.now();
    lane.avoidedUntil = lane.failedAt + this.#options.avoidMs;
    return { kind: "failed", failure: opened.failure };
  }

  #avoided(lane: Lane, { since }: Wish): Lease | null {
    const { failure } = lane;
    return failure !== null && lane.failedAt >= since && isAvoided(lane, this.#options.clock.now())
      ? { kind: "failed", failure }
      : null;
  }

  #open(target: Target): Promise<OpenResult> {
    const { dialer, transcript } = this.#options;
    const tracking: Dialer = {
      connect: async (to, signal) => {
        const socket = await dialer.connect(to, AbortSignal.any([signal, this.#aborted.signal]));
        this.#sockets.add(socket);
        socket.once("close", () => this.#sockets.delete(socket));
        return socket;
      },
    };
    const { hostname, ca, passwordOf, clock, deadlines } = this.#options;
    return openConnection(tracking, target, {
      hostname,
      ca,
      passwordOf,
      nowMs: () => clock.now(),
      ...(deadlines === undefined ? {} : { deadlines }),
      ...(transcript === undefined ? {} : { transcript: (line: string) => transcript(target.place, line) }),
    });
  }

  #keep(client: SmtpClient, target: Target, place: ConnectionPlace): void {
    const { idle } = place.lane(keyOf(target));
    const cancel = this.#options.clock.schedule(this.#options.idleMs, () => {
      idle.splice(idle.indexOf(kept), 1);
      this.#retire(place, client);
      this.#forget(target, place);
    });
    const kept: Idle = {
      end: () => {
        cancel();
        return client;
      },
    };
    idle.push(kept);
  }

  #takeKept(place: ConnectionPlace, { idle }: Lane): SmtpClient | undefined {
    for (let kept = idle.pop(); kept !== undefined; kept = idle.pop()) {
      const client = kept.end();
      if (client.usable) return client;
      this.#retire(place, client);
    }
    return undefined;
  }

  #retireIdle(place: ConnectionPlace, { idle }: Lane): void {
    for (const kept of idle.splice(0)) this.#retire(place, kept.end());
  }

  #retire(place: ConnectionPlace, client: SmtpClient): Promise<void> {
    const quit = client.quit().finally(() => {
      place.closed();
      this.#retiring.delete(quit);
    });
    this.#retiring.add(quit);
    return quit;
  }

  #leave(target: Target, place: ConnectionPlace): void {
    place.leave();
    this.#forget(target, place);
  }

  #gateOf(destination: string): Gate {
    let gate = this.#gates.get(destination);
    if (gate === undefined) {
      gate = new Gate(this.#options.clock, () => this.#options.connectionsPerDestination);
      this.#gates.set(destination, gate);
    }
    return gate;
  }

  #leaveGate(destination: string, gate: Gate): void {
    gate.leave();
    if (gate.isIdle) this.#gates.delete(destination);
  }

  #placeOf(target: Target): ConnectionPlace {
    const key = addressKey(target.place);
    let place = this.#places.get(key);
    if (place === undefined) {
      place = new ConnectionPlace(this.#options.clock, this.#options.connectionsPerDestination);
      this.#places.set(key, place);
    }
    return place;
  }

  /** Drops what is not needed any more: the world has more mail hosts than this map should hold. */
  #forget(target: Target, place: ConnectionPlace): void {
    if (place.isForgettable) this.#places.delete(addressKey(target.place));
    for (const [key, other] of this.#places) {
      if (this.#places.size <= maxRemembered) return;
      if (other.isIdle) this.#places.delete(key);
    }
  }
}

/** A TLS policy that is not met, or a login that fails, will fail on any connection. */
function isAboutNumbers({ stage }: Failure): boolean {
  return stage === "connect" || stage === "greeting" || stage === "ehlo";
}

function addressKey(place: DialTarget): string {
  return place.path ?? `${place.host} ${place.address} ${place.port}`;
}

function keyOf({ security, protocol, credentials }: Target): string {
  return `${protocol} ${securityKey(security)} ${credentials?.user ?? ""}`;
}
