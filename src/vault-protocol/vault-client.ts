import type { AuthRequest, VaultRequest } from "./grammar.ts";
import type { OpenedVault } from "./open-vault.ts";
import type { Capabilities } from "./reply.ts";
import type { VaultAnswer, VaultConnection } from "./vault-connection.ts";

export interface VaultClientOptions {
  /** Makes a connection; rejects with what the log should say. */
  readonly open: () => Promise<OpenedVault>;
  /** Connections for requests of all users. Default 4. */
  readonly connections?: number;
  /**
   * AUTH exchanges at a time, each on a connection of its own. For a further one gives way whose user was silent longest:
   * nobody keeps others from logging in by beginning to. Default 64.
   */
  readonly exchanges?: number;
  /** How long a user may take for the next step of an exchange, since it holds a connection. Default 30000. */
  readonly stepMs?: number;
  /** After a failure nothing is tried for this long, and twice as long after each further one. Default 100 to 2000. */
  readonly backoffMs?: readonly [least: number, most: number];
  readonly nowMs?: () => number;
}

/** Why there was no answer. */
export type Failed = VaultAnswer & { readonly kind: "failed" };

/** An AUTH exchange on a connection of its own. */
export interface ClientExchange {
  /** @param response null where AUTH comes without an initial response; afterwards the user's octets */
  respond(response: Uint8Array | null): Promise<VaultAnswer>;
  /** The user broke off or went away. */
  cancel(): void;
}

/** So many requests on a connection make a further one worth opening. */
const BUSY_LOAD = 16;
/** A reserved connection is kept for the next exchange only as long as there are few of them. */
const SPARE = 2;

/**
 * A submission server's way to its vault: a few connections that all users share, opened when they are needed, and one
 * for each AUTH exchange. When the vault is away, requests fail at once instead of piling up, and it is tried again
 * after a pause.
 */
export class VaultClient {
  readonly #options: VaultClientOptions;
  readonly #nowMs: () => number;
  readonly #connections = new Set<VaultConnection>();
  #opening: Promise<VaultConnection | Failed> | null = null;
  #exchanges = 0;
  /** Exchanges that wait for their users, the longest first. */
  readonly #silent = new Set<Exchange>();
  #capabilities: Capabilities | null = null;
  #failure: { readonly answer: Failed; readonly until: number; readonly pauseMs: number } | null = null;
  #closed = false;

  constructor(options: VaultClientOptions) {
    this.#options = options;
    this.#nowMs = options.nowMs ?? (() => performance.now());
  }

  /**
   * What the vault said last; null as long as it was never reached. Where no connection is open one is opened for those
   * who ask next: a vault that came late, or back with other mechanisms, must not wait for a login by an old one.
   */
  lastCapabilities(): Capabilities | null {
    if (![...this.#connections].some(({ usable }) => usable)) void this.#open();
    return this.#capabilities;
  }

  /** Opens a connection ahead of the first request; resolves also when the vault is away. */
  async warmUp(): Promise<void> {
    await this.#open();
  }

  /** @param h the octets behind SIGN's line */
  async request(request: Exclude<VaultRequest, AuthRequest>, h?: Uint8Array): Promise<VaultAnswer> {
    const first = await this.#shared();
    if ("kind" in first) return first;
    const answer = await first.request(request, h);
    // A connection that the vault closed while nobody used it. To spend twice would be wrong, all else may be asked again.
    if (answer.kind !== "failed" || !answer.stale || request.verb === "SPEND") return answer;
    const second = await this.#shared();
    return "kind" in second ? second : second.request(request, h);
  }

  logIn(mechanism: string, options: Pick<AuthRequest, "channelBinding" | "client">): ClientExchange {
    return new Exchange(
      (initial) => ({ verb: "AUTH", mechanism, initial, ...options }),
      () => this.#reserve(),
      this.#silent,
      this.#options.stepMs ?? 30_000,
    );
  }

  close(): void {
    this.#closed = true;
    for (const connection of this.#connections) connection.close();
  }

  async #shared(): Promise<VaultConnection | Failed> {
    let best: VaultConnection | null = null;
    let count = 0;
    for (const connection of this.#connections) {
      if (!connection.usable) continue;
      count++;
      if (best === null || connection.load < best.load) best = connection;
    }
    const full = count >= (this.#options.connections ?? 4);
    if (best !== null && (best.load < BUSY_LOAD || full)) return best;
    // With a loaded connection at hand nobody waits for a new one, it is there for the next.
    const opened = this.#open();
    return best ?? (await opened);
  }

  async #reserve(): Promise<{ connection: VaultConnection; release: () => void } | Failed> {
    while (this.#exchanges >= (this.#options.exchanges ?? 64)) {
      const [silent] = this.#silent;
      if (silent === undefined) return failed("too many logins are under way");
      await silent.breakOff();
    }
    this.#exchanges++;
    const end = () => void this.#exchanges--;
    for (const connection of this.#connections)
      if (connection.reserve()) return this.#reserved(connection, end);
    const opened = await this.#connect();
    if ("kind" in opened) {
      end();
      return opened;
    }
    opened.reserve();
    return this.#reserved(opened, end);
  }

  #reserved(
    connection: VaultConnection,
    end: () => void,
  ): { connection: VaultConnection; release: () => void } {
    const release = () => {
      end();
      connection.release();
      let spare = 0;
      for (const one of this.#connections) if (one.usable && one.load === 0) spare++;
      if (spare > (this.#options.connections ?? 4) + SPARE) connection.close();
    };
    return { connection, release };
  }

  /** One attempt at a time for all who share. */
  #open(): Promise<VaultConnection | Failed> {
    this.#opening ??= this.#connect().finally(() => {
      this.#opening = null;
    });
    return this.#opening;
  }

  async #connect(): Promise<VaultConnection | Failed> {
    if (this.#closed) return failed("the vault's client is closed");
    if (this.#failure !== null && this.#nowMs() < this.#failure.until) return this.#failure.answer;
    try {
      const { connection, capabilities } = await this.#options.open();
      this.#failure = null;
      this.#capabilities = capabilities;
      this.#connections.add(connection);
      connection.onEnd = () => this.#connections.delete(connection);
      if (connection.ended) this.#connections.delete(connection);
      if (this.#closed) connection.close();
      return connection;
    } catch (error) {
      const [least, most] = this.#options.backoffMs ?? [100, 2000];
      const pauseMs = this.#failure === null ? least : Math.min(2 * this.#failure.pauseMs, most);
      const answer = failed(error instanceof Error ? error.message : String(error));
      this.#failure = { answer, until: this.#nowMs() + pauseMs, pauseMs };
      return answer;
    }
  }
}

class Exchange implements ClientExchange {
  readonly #begin: (initial: Uint8Array | null) => AuthRequest;
  readonly #reserve: () => Promise<{ connection: VaultConnection; release: () => void } | Failed>;
  readonly #silent: Set<Exchange>;
  readonly #stepMs: number;
  #held: { connection: VaultConnection; release: () => void } | null = null;
  #timer: NodeJS.Timeout | null = null;
  #over = false;

  constructor(
    begin: (initial: Uint8Array | null) => AuthRequest,
    reserve: () => Promise<{ connection: VaultConnection; release: () => void } | Failed>,
    silent: Set<Exchange>,
    stepMs: number,
  ) {
    this.#begin = begin;
    this.#reserve = reserve;
    this.#silent = silent;
    this.#stepMs = stepMs;
  }

  async respond(response: Uint8Array | null): Promise<VaultAnswer> {
    this.#stopWaiting();
    if (this.#over) return failed("the login took too long");
    if (this.#held === null) {
      let answer = await this.#start(response);
      // As for every other request: nothing has been said on that connection yet.
      if (answer.kind === "failed" && answer.stale && !this.#over) answer = await this.#start(response);
      return this.#settle(answer);
    }
    return this.#settle(await this.#held.connection.respond(response ?? new Uint8Array(0)));
  }

  cancel(): void {
    void this.breakOff();
  }

  /** Resolves when its connection is free again. */
  async breakOff(): Promise<void> {
    this.#over = true;
    this.#stopWaiting();
    const held = this.#held;
    this.#held = null;
    if (held === null) return;
    await held.connection.respond(null);
    held.release();
  }

  #stopWaiting(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#silent.delete(this);
  }

  async #start(initial: Uint8Array | null): Promise<VaultAnswer> {
    const reserved = await this.#reserve();
    if ("kind" in reserved) return reserved;
    const answer = await reserved.connection.request(this.#begin(initial));
    if (answer.kind !== "challenge") reserved.release();
    else if (this.#over) void reserved.connection.respond(null).finally(() => reserved.release());
    else this.#held = reserved;
    return answer;
  }

  #settle(answer: VaultAnswer): VaultAnswer {
    if (answer.kind === "challenge" && !this.#over) {
      this.#timer = setTimeout(() => this.cancel(), this.#stepMs).unref();
      this.#silent.add(this);
      return answer;
    }
    this.#over = true;
    this.#held?.release();
    this.#held = null;
    return answer;
  }
}

function failed(detail: string): Failed {
  return { kind: "failed", detail, stale: false };
}
