import type { NextHop } from "../config/index.ts";
import { findNextHop, type OpenOptions, openConnection, type Target } from "../delivery/index.ts";
import type { Resolver } from "../dns/index.ts";
import type { Dialer, DialTarget, Failure, OpenResult, SmtpClient } from "../smtp/index.ts";
import { Places } from "./places.ts";
import type { Presenting } from "./presenting.ts";

export interface NextHopOptions extends Pick<OpenOptions, "hostname" | "ca" | "passwordOf" | "deadlines"> {
  readonly nextHop: NextHop;
  readonly resolver: Resolver;
  readonly dialer: Dialer;
  /** Whether TLSA records count (RFC 7672). */
  readonly dane: boolean;
  /** At a time; further clients wait for one. */
  readonly connections: number;
  /** How long a client waits for one. */
  readonly waitMs: number;
  /** How long one without work is kept. */
  readonly idleMs: number;
  readonly transcript?: (target: DialTarget, line: string) => void;
}

/** A connection that is somebody's until it is given back. */
export interface NextHopConnection {
  readonly client: SmtpClient;
  /** It was opened for an earlier message. */
  readonly reused: boolean;
  /** It was presented as one client's: nobody else may use it. */
  readonly isPresented: boolean;
}

export type Taken =
  | { readonly ok: true; readonly connection: NextHopConnection }
  | { readonly ok: false; readonly failure: Failure };

/** What the next hop said of itself when it was last talked to. */
export interface NextHopOffers {
  readonly extensions: ReadonlyMap<string, string>;
  /** Its certificate was judged: what REQUIRETLS wants. */
  readonly authenticated: boolean;
  /** Milliseconds of `performance.now()`. */
  readonly seenAt: number;
}

/** Connections to the one server that a proxy passes everything on to. */
export class NextHopConnections {
  readonly #options: NextHopOptions;
  readonly #places: Places;
  readonly #idle: { readonly client: SmtpClient; readonly timer: NodeJS.Timeout }[] = [];
  readonly #closing = new Set<Promise<void>>();
  readonly #stopped = new AbortController();
  #looking: Promise<Failure | null> | null = null;
  offers: NextHopOffers | null = null;

  constructor(options: NextHopOptions) {
    this.#options = options;
    this.#places = new Places(options.connections);
  }

  /** How many more could be had at once. */
  get free(): number {
    return this.#places.free;
  }

  /**
   * @param presenting what it tells of whose mail is to come; null: any will do
   * @param fresh a kept one turned out to be dead
   */
  async take(presenting: Presenting | null, { fresh = false } = {}): Promise<Taken> {
    if (!(await this.#places.enter(this.#options.waitMs))) {
      // RFC 3463 §3.5: X.4.5 is congestion.
      return failed("4.4.5", `all ${this.#options.connections} connections are in use`);
    }
    let taken: Taken | null = null;
    try {
      const isPresented = presenting !== null;
      const kept = fresh || isPresented ? null : this.#takeKept();
      const opened: OpenResult = kept === null ? await this.#open(presenting) : { ok: true, client: kept };
      if (opened.ok && kept === null) this.#note(opened.client);
      taken = opened.ok
        ? { ok: true, connection: { client: opened.client, reused: kept !== null, isPresented } }
        : opened;
      return taken;
    } finally {
      if (taken?.ok !== true) this.#places.leave();
    }
  }

  giveBack({ client, isPresented }: NextHopConnection): void {
    this.#places.leave();
    if (isPresented || !client.usable || this.#stopped.signal.aborted) {
      this.#quit(client);
      return;
    }
    const timer = setTimeout(() => this.#drop(client), this.#options.idleMs).unref();
    this.#idle.push({ client, timer });
  }

  /**
   * Asks the server what it offers, where that is not known or was long ago. Those who ask meanwhile wait for the same answer.
   * Never rejects; null: it is known.
   */
  async look(presenting: Presenting | null, olderThanMs: number): Promise<Failure | null> {
    if (this.offers !== null && performance.now() - this.offers.seenAt < olderThanMs) return null;
    this.#looking ??= this.take(presenting, { fresh: true }).then((taken) => {
      this.#looking = null;
      if (!taken.ok) return taken.failure;
      this.giveBack(taken.connection);
      return null;
    });
    return this.#looking;
  }

  /** Closes those without work, and the others when they are given back. */
  async close(): Promise<void> {
    this.#stopped.abort(new Error("this host stops"));
    await this.#looking;
    for (const { client } of [...this.#idle]) this.#drop(client);
    await Promise.all(this.#closing);
  }

  #takeKept(): SmtpClient | null {
    for (;;) {
      const kept = this.#idle.pop();
      if (kept === undefined) return null;
      clearTimeout(kept.timer);
      if (kept.client.usable) return kept.client;
      this.#quit(kept.client);
    }
  }

  async #open(presenting: Presenting | null): Promise<OpenResult> {
    const { nextHop, hostname, resolver, dane, dialer } = this.#options;
    const signal = AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(LOOKUP_MS)]);
    const found = await findNextHop(nextHop, false, { hostname, resolver, dane, signal });
    if (found.kind === "result") return failed(found.result.enhanced, found.result.text);
    const stoppable: Dialer = {
      connect: (to, giveUp) => dialer.connect(to, AbortSignal.any([giveUp, this.#stopped.signal])),
    };
    let opened: OpenResult = failed("4.4.4", "there is no address");
    for (const target of found.targets) {
      opened = await openConnection(stoppable, target, this.#openOptions(target, presenting));
      if (opened.ok) break;
    }
    return opened;
  }

  #openOptions({ place }: Target, presenting: Presenting | null): OpenOptions {
    const { hostname, ca, passwordOf, deadlines, transcript } = this.#options;
    return {
      hostname,
      ca,
      passwordOf,
      nowMs: Date.now,
      ...(presenting === null ? {} : { presenting }),
      ...(deadlines === undefined ? {} : { deadlines }),
      ...(transcript === undefined ? {} : { transcript: (line: string) => transcript(place, line) }),
    };
  }

  #note({ extensions, tls }: SmtpClient): void {
    this.offers = { extensions, authenticated: tls?.authenticated === true, seenAt: performance.now() };
  }

  #drop(client: SmtpClient): void {
    const at = this.#idle.findIndex((one) => one.client === client);
    clearTimeout(this.#idle[at]?.timer);
    if (at !== -1) this.#idle.splice(at, 1);
    this.#quit(client);
  }

  #quit(client: SmtpClient): void {
    const quit = client.quit().finally(() => this.#closing.delete(quit));
    this.#closing.add(quit);
  }
}

const LOOKUP_MS = 10_000;

function failed(enhanced: string, text: string): { readonly ok: false; readonly failure: Failure } {
  return { ok: false, failure: { status: "deferred", stage: "connect", code: null, enhanced, text } };
}
