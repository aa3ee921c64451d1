import type { SecureContext } from "node:tls";
import {
  type Dialer,
  type KeyConnection,
  type KeyTarget,
  MAX_PIPELINED,
  type OpenResult,
  openKeyConnection,
} from "../key-protocol/index.ts";

export type PooledConnection =
  | {
      readonly kind: "open";
      readonly connection: KeyConnection;
      /** It was open already. */
      readonly kept: boolean;
    }
  | Exclude<OpenResult, { kind: "open" }>;

export interface ConnectionPoolOptions {
  readonly dialer: Dialer;
  readonly secureContext: SecureContext;
  readonly stepMs: number;
  readonly replyMs: number;
  /** Connections to one target at a time, whatever the domain (KEY-25). Default 4. */
  readonly perTarget?: number;
  /** How long one takes requests. Default ten minutes. */
  readonly maxAgeMs?: number;
  readonly onLine?: ((target: KeyTarget, from: "client" | "server", line: string) => void) | undefined;
}

/**
 * Connections to key servers, kept for a while and shared by all domains; what their certificate proves is for each
 * lookup to judge (KEY-19). Requests to one server that come while it is being connected to wait for that.
 */
export class ConnectionPool {
  readonly #options: ConnectionPoolOptions;
  readonly #perTarget: number;
  readonly #open = new Map<string, Set<KeyConnection>>();
  readonly #opening = new Map<string, Promise<OpenResult>>();
  readonly #closing = new AbortController();

  constructor(options: ConnectionPoolOptions) {
    this.#options = options;
    this.#perTarget = options.perTarget ?? 4;
  }

  /**
   * A connection to this target.
   *
   * @param fresh not one that has served before: such a one has just failed
   * @param signal ends the waiting; a connection that is being opened stays for others
   */
  async connect(target: KeyTarget, signal: AbortSignal, fresh = false): Promise<PooledConnection> {
    const key = `${target.host} ${target.address} ${target.port}`;
    const kept = fresh ? null : this.#leastLoaded(key);
    if (kept !== null) return { kind: "open", connection: kept, kept: true };
    let opening = this.#opening.get(key);
    if (opening === undefined) {
      opening = this.#start(key, target);
      this.#opening.set(key, opening);
    }
    const result = await unlessAborted(opening, signal);
    return result.kind === "open" ? { ...result, kept: false } : result;
  }

  close(): void {
    this.#closing.abort();
    for (const connections of this.#open.values()) for (const connection of connections) connection.close();
    this.#open.clear();
  }

  /** One that can take a request now, or any when there may be no more of them. */
  #leastLoaded(key: string): KeyConnection | null {
    const connections = this.#open.get(key);
    if (connections === undefined) return null;
    let best: KeyConnection | null = null;
    for (const connection of connections) {
      if (connection.usable && (best === null || connection.load < best.load)) best = connection;
    }
    return best !== null && (best.load < MAX_PIPELINED || connections.size >= this.#perTarget) ? best : null;
  }

  async #start(key: string, target: KeyTarget): Promise<OpenResult> {
    const { dialer, secureContext, stepMs, replyMs, maxAgeMs, onLine } = this.#options;
    const connections = this.#open.get(key) ?? new Set<KeyConnection>();
    let opened: KeyConnection | null = null;
    const result = await openKeyConnection(target, {
      dialer,
      secureContext,
      stepMs,
      replyMs,
      ...(maxAgeMs === undefined ? {} : { maxAgeMs }),
      signal: this.#closing.signal,
      onEnd: () => {
        if (opened !== null) connections.delete(opened);
        if (connections.size === 0 && this.#open.get(key) === connections) this.#open.delete(key);
      },
      onLine: onLine && ((from, line) => onLine(target, from, line)),
    });
    this.#opening.delete(key);
    if (result.kind !== "open") return result;
    if (this.#closing.signal.aborted) {
      result.connection.close();
      return { kind: "failed", accepted: true, refused: false, detail: "closed" };
    }
    opened = result.connection;
    if (opened.usable) this.#open.set(key, connections.add(opened));
    return result;
  }
}

function unlessAborted(opening: Promise<OpenResult>, signal: AbortSignal): Promise<OpenResult> {
  return new Promise((resolve) => {
    const abort = () => resolve({ kind: "failed", accepted: false, refused: false, detail: "out of time" });
    if (signal.aborted) return abort();
    signal.addEventListener("abort", abort, { once: true });
    void opening.then((result) => {
      signal.removeEventListener("abort", abort);
      resolve(result);
    });
  });
}
