import type { QueueClock } from "../queue/index.ts";
import {
  type Dialer,
  type DialTarget,
  type Failure,
  openSmtp,
  type SmtpClient,
  type SmtpClientOptions,
} from "../smtp/index.ts";

export interface PoolOptions {
  readonly dialer: Dialer;
  /** For EHLO. */
  readonly hostname: string;
  readonly clock: QueueClock;
  /** Connections to one address at a time; further attempts wait for one. */
  readonly connectionsPerTarget: number;
  /** Messages over one connection. */
  readonly messagesPerConnection: number;
  /** How long a connection without work is kept. */
  readonly idleMs: number;
  /** How long an address that could not be talked to is left alone. */
  readonly avoidMs: number;
  readonly deadlines?: SmtpClientOptions["deadlines"];
  readonly transcript?: (target: DialTarget, line: string) => void;
}

/** A connection for one message. */
export type Lease =
  | { readonly ok: true; readonly client: SmtpClient; readonly reused: boolean }
  | { readonly ok: false; readonly failure: Failure };

interface Idle {
  readonly client: SmtpClient;
  readonly cancelTimer: () => void;
}

interface Place {
  open: number;
  readonly idle: Idle[];
  readonly waiting: (() => void)[];
  /** Until then, Unix milliseconds, `failure` is the answer. */
  avoidedUntil: number;
  failure: Failure | null;
}

/** Connections to other servers, kept for the messages that follow. */
export class ConnectionPool {
  readonly #options: PoolOptions;
  readonly #places = new Map<string, Place>();
  readonly #sent = new WeakMap<SmtpClient, number>();
  readonly #clients = new Set<SmtpClient>();
  /** Those that are saying QUIT. */
  readonly #retiring = new Set<Promise<void>>();
  #closed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /**
   * A connection to this target, a kept one where there is. Must be given back.
   *
   * @param fresh wants a new one: a kept one turned out to be dead
   */
  async lease(target: DialTarget, fresh = false): Promise<Lease> {
    const place = this.#placeOf(target);
    while (place.open >= this.#options.connectionsPerTarget) {
      await new Promise<void>((resolve) => place.waiting.push(resolve));
    }
    place.open++;
    const kept = fresh ? undefined : this.#takeKept(place);
    if (kept !== undefined) return { ok: true, client: kept, reused: true };
    const opened = await this.#open(target, place);
    if (!opened.ok) this.#leave(target, place);
    return opened;
  }

  /** Takes a leased connection back: it is kept for another message, or closed. */
  giveBack(target: DialTarget, client: SmtpClient): void {
    const place = this.#placeOf(target);
    const sent = (this.#sent.get(client) ?? 0) + 1;
    this.#sent.set(client, sent);
    if (!client.usable || this.#closed || sent >= this.#options.messagesPerConnection) this.#retire(client);
    else {
      const idle = {
        client,
        cancelTimer: this.#options.clock.schedule(this.#options.idleMs, () => expire()),
      };
      const expire = () => {
        place.idle.splice(place.idle.indexOf(idle), 1);
        this.#retire(client);
        this.#forget(target, place);
      };
      place.idle.push(idle);
    }
    this.#leave(target, place);
  }

  /** Ends connections without work, and the others when they are given back. Resolves when the former are closed. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const place of this.#places.values()) {
      for (const { client, cancelTimer } of place.idle.splice(0)) {
        cancelTimer();
        this.#retire(client);
      }
    }
    await Promise.all(this.#retiring);
  }

  /** Closes all connections at once: what is under way on them fails. */
  abort(): void {
    this.#closed = true;
    for (const client of this.#clients) client.close();
  }

  async #open(target: DialTarget, place: Place): Promise<Lease> {
    const { clock, avoidMs } = this.#options;
    if (place.failure !== null && clock.now() < place.avoidedUntil) {
      return { ok: false, failure: place.failure };
    }
    const secure = await this.#connect(target, "opportunistic");
    // RFC 7435 §3: encryption without authentication protects only from listeners, so a server whose TLS is
    // broken still gets its mail; the clear text goes over a connection of its own.
    const tlsBroken = !secure.ok && secure.failure.stage === "starttls";
    const opened = tlsBroken ? await this.#connect(target, "never") : secure;
    // A host that serves other connections of ours has only had enough of them.
    place.failure = opened.ok || place.open > 1 ? null : opened.failure;
    place.avoidedUntil = clock.now() + avoidMs;
    if (!opened.ok) return opened;
    this.#clients.add(opened.client);
    return { ok: true, client: opened.client, reused: false };
  }

  #takeKept(place: Place): SmtpClient | undefined {
    for (let idle = place.idle.pop(); idle !== undefined; idle = place.idle.pop()) {
      idle.cancelTimer();
      if (idle.client.usable) return idle.client;
      this.#retire(idle.client);
    }
    return undefined;
  }

  #connect(target: DialTarget, mode: "opportunistic" | "never") {
    const { dialer, hostname, deadlines, transcript } = this.#options;
    return openSmtp(dialer, target, {
      hostname,
      tls: { mode },
      ...(deadlines === undefined ? {} : { deadlines }),
      ...(transcript === undefined ? {} : { transcript: (line: string) => transcript(target, line) }),
    });
  }

  #retire(client: SmtpClient): void {
    const quit = client.quit().finally(() => {
      this.#clients.delete(client);
      this.#retiring.delete(quit);
    });
    this.#retiring.add(quit);
  }

  #leave(target: DialTarget, place: Place): void {
    place.open--;
    place.waiting.shift()?.();
    this.#forget(target, place);
  }

  #placeOf(target: DialTarget): Place {
    const key = keyOf(target);
    let place = this.#places.get(key);
    if (place === undefined) {
      place = { open: 0, idle: [], waiting: [], avoidedUntil: 0, failure: null };
      this.#places.set(key, place);
    }
    return place;
  }

  /** Drops what is not needed any more: the world has more mail hosts than this map should hold. */
  #forget(target: DialTarget, place: Place): void {
    if (place.open > 0 || place.idle.length > 0 || place.waiting.length > 0) return;
    if (place.failure === null || this.#places.size > 1000) this.#places.delete(keyOf(target));
  }
}

function keyOf({ host, address, port, path }: DialTarget): string {
  return path ?? `${host} ${address} ${port}`;
}
