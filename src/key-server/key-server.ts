import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import type { SecureContext } from "node:tls";
import { clientPrefix, NetworkList } from "../dns/index.ts";
import { type Exposure, type KeyResponder, KeyServerSession } from "../key-protocol/index.ts";
import { KeyAnswerer } from "./key-answerer.ts";
import type { KeyDirectory, StatementSigner } from "./key-directory.ts";
import { OctetSlab } from "./octet-slab.ts";
import { RateLimiter } from "./rate-limiter.ts";
import { ServerConnection } from "./server-connection.ts";
import { checkMode, redirectLine, type ServerMode } from "./server-mode.ts";

export interface KeyServerLimits {
  /** Connections at a time. Default 2000. */
  readonly connections: number;
  /** Of them from one network, /24 or /56. Default 100. */
  readonly connectionsPerPrefix: number;
  /**
   * What one network may ask in a minute (KEY-37): a request counts 1; one without a key id or in vain, and a
   * TLS handshake, count 10.
   * Default 60000; Infinity for no limit.
   */
  readonly costPerMinute: number;
  /** Networks (`192.0.2.0/24`, `2001:db8::/32`) to which the two above do not apply: such as monitoring. */
  readonly exempt: readonly string[];
  /** At least 30000 (KEY-16). Default 60000. */
  readonly idleMs: number;
  /** Default 10000. */
  readonly handshakeMs: number;
  /** How long the directory may take; then the answer is [TEMP]. Askers wait for 10000 (KEY-17). Default 5000. */
  readonly answerMs: number;
  /** In one session, at most 1000 (KEY-16). Default 1000. */
  readonly requests: number;
}

export interface ListenOptions {
  /** Of this place; without it, that of the server. */
  readonly secureContext?: () => SecureContext;
  /** Other processes may listen at the same place: each gets its part of the connections. */
  readonly reusePort?: boolean;
}

export interface KeyServerOptions {
  readonly directory: KeyDirectory;
  /** Asked at every handshake, so that a renewed certificate needs no restart. TLS 1.2 is the least (TRU-1). */
  readonly secureContext: () => SecureContext;
  /** For the greeting. */
  readonly hostName?: string;
  /** Default `decoy` (KEY-34), which needs `decoySecret`. */
  readonly exposure?: Exposure;
  /** At least 16 octets, kept over restarts and the same on all servers of a domain. */
  readonly decoySecret?: Uint8Array;
  readonly signer?: StatementSigner;
  /** `ttl` of statements: 60 to 86400 (CCH-2). Default 600. */
  readonly ttlSeconds?: number;
  /** How many replies are held in memory, each about 0.7 KiB where statements are signed. Default 100000. */
  readonly remembered?: number;
  /**
   * Refusals, and with the exposure `decoy` all that is not remembered, leave this long after they were asked for, so
   * that time does not tell who has an account (KEY-36). Milliseconds, more than the directory takes as a rule;
   * 0: at once. Default 2.
   */
  readonly veilMs?: number;
  readonly mode?: ServerMode;
  readonly limits?: Partial<KeyServerLimits>;
  /** Milliseconds since the epoch. */
  readonly nowMs?: () => number;
  /** From 0 up to 1. */
  readonly random?: () => number;
  /** What happens, for the log. Must not throw. */
  readonly onEvent?: (event: KeyServerEvent) => void;
}

export type KeyServerEvent =
  | { readonly kind: "refused"; readonly remoteAddress: string; readonly reason: "connections" | "prefix" }
  | { readonly kind: "tls-failed"; readonly remoteAddress: string; readonly cause: Error }
  /** The directory threw, rejected or took too long; the client was told [TEMP]. */
  | { readonly kind: "directory-failed"; readonly cause: unknown }
  /** The system could not give it a connection. */
  | { readonly kind: "accept-failed"; readonly cause: Error };

const DEFAULT_LIMITS: KeyServerLimits = {
  connections: 2000,
  connectionsPerPrefix: 100,
  costPerMinute: 60_000,
  exempt: [],
  idleMs: 60_000,
  handshakeMs: 10_000,
  answerMs: 5000,
  requests: 1000,
};
const SWEEP_MS = 1000;
/** The least that a connection may be idle (KEY-16): as long as it is when clients are to go elsewhere. */
const LEAST_IDLE_MS = 30_000;
/** How long a client may take to close its side. */
const CLOSE_MS = 5000;

/** The public interface of a key server (SPEC section 5): anyone may ask it for anyone's public key. */
export class KeyServer {
  readonly #options: KeyServerOptions;
  readonly #limits: KeyServerLimits;
  readonly #nowMs: () => number;
  readonly #exposure: Exposure;
  readonly #answerer: KeyAnswerer;
  readonly #limiter: RateLimiter;
  readonly #slab = new OctetSlab();
  readonly #servers: Server[] = [];
  readonly #exempt: NetworkList;
  readonly #connections = new Set<ServerConnection>();
  readonly #responder: KeyResponder = {
    recall: (line) => (this.#mode.kind !== "redirect" ? this.#answerer.recall(line) : undefined),
    answer: (request, line) => {
      if (this.#mode.kind === "redirect") return redirectLine(this.#mode.target);
      return this.#answerer.answer(request, line);
    },
  };
  readonly #perPrefix = new Map<string, number>();
  #mode: ServerMode = { kind: "serve" };
  #sweeper: NodeJS.Timeout | null = null;
  #onDrained: () => void = () => {};

  /** @throws TypeError when the options contradict the protocol */
  constructor(options: KeyServerOptions) {
    this.#options = options;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#nowMs = options.nowMs ?? Date.now;
    this.#exposure = options.exposure ?? "decoy";
    const ttlSeconds = options.ttlSeconds ?? 600;
    const decoySecret = options.decoySecret ?? null;
    if (ttlSeconds < 60 || ttlSeconds > 86_400) throw new TypeError("ttlSeconds must be 60 to 86400");
    if (this.#limits.idleMs < LEAST_IDLE_MS) throw new TypeError("idleMs must be at least 30000");
    if (this.#limits.requests > 1000) throw new TypeError("requests must be at most 1000");
    if (this.#exposure === "decoy" && (decoySecret === null || decoySecret.length < 16)) {
      throw new TypeError("the exposure decoy needs a decoySecret of at least 16 octets");
    }
    this.#answerer = new KeyAnswerer({
      directory: options.directory,
      exposure: this.#exposure,
      decoySecret,
      signer: options.signer ?? null,
      ttlSeconds,
      remembered: options.remembered ?? 100_000,
      veilMs: options.veilMs ?? 2,
      answerMs: this.#limits.answerMs,
      nowMs: this.#nowMs,
      random: options.random ?? Math.random,
      onFailure: (cause) => options.onEvent?.({ kind: "directory-failed", cause }),
    });
    this.#limiter = new RateLimiter(this.#limits.costPerMinute, this.#nowMs);
    this.#exempt = new NetworkList(this.#limits.exempt);
    if (options.mode !== undefined) this.setMode(options.mode);
  }

  /** Listens at one more place. */
  async listen(
    port: number,
    host = "::",
    options: ListenOptions = {},
  ): Promise<{ host: string; port: number }> {
    const secureContext = options.secureContext ?? this.#options.secureContext;
    const server = createServer({ noDelay: true }, (socket) => this.#accept(socket, secureContext));
    server.listen({ port, host, backlog: 1024, reusePort: options.reusePort ?? false });
    await once(server, "listening");
    server.on("error", (cause) => this.#options.onEvent?.({ kind: "accept-failed", cause }));
    this.#servers.push(server);
    this.#sweeper ??= setInterval(() => this.#sweep(), SWEEP_MS).unref();
    const bound = server.address() as { address: string; port: number };
    return { host: bound.address, port: bound.port };
  }

  /** Stops taking connections, lets replies go out, and drops after `graceMs` whoever is left. */
  async close(graceMs = 1000): Promise<void> {
    if (this.#sweeper !== null) clearInterval(this.#sweeper);
    const closed = this.#servers.map((server) => new Promise((resolve) => server.close(resolve)));
    for (const connection of this.#connections) connection.end();
    const timer = setTimeout(() => {
      for (const connection of this.#connections) connection.destroy();
    }, graceMs);
    await Promise.all(closed);
    if (this.#connections.size > 0) await new Promise<void>((resolve) => (this.#onDrained = resolve));
    clearTimeout(timer);
  }

  /**
   * Changes what is done with new connections and new requests.
   *
   * @throws TypeError for a target that clients would refuse (KEY-23)
   */
  setMode(mode: ServerMode): void {
    checkMode(mode);
    this.#mode = mode;
  }

  get connections(): number {
    return this.#connections.size;
  }

  #accept(socket: Socket, secureContext: () => SecureContext): void {
    const remoteAddress = (socket.remoteAddress ?? "").replace(/%.*$/, "");
    const prefix = clientPrefix(remoteAddress);
    const isExempt = this.#exempt.has(remoteAddress);
    const refusal = this.#refusal(isExempt ? null : prefix, remoteAddress);
    if (refusal !== null) {
      socket.on("error", () => socket.destroy());
      socket.end(refusal, "latin1", () => socket.destroySoon());
      return;
    }
    const name = this.#options.hostName;
    this.#perPrefix.set(prefix, (this.#perPrefix.get(prefix) ?? 0) + 1);
    const connection = new ServerConnection(
      {
        socket,
        session: new KeyServerSession({
          responder: this.#responder,
          exposure: this.#exposure,
          signed: () => this.#options.signer?.everyDomain ?? false,
          maxRequests: this.#limits.requests,
        }),
        secureContext,
        slab: this.#slab,
        limiter: this.#limiter,
        allowance: isExempt ? null : this.#limiter.of(prefix),
        isFinishing: () => this.#mode.kind === "maintenance",
        nowMs: this.#nowMs,
        onClose: () => {
          this.#connections.delete(connection);
          if (this.#connections.size === 0) this.#onDrained();
          const left = (this.#perPrefix.get(prefix) ?? 1) - 1;
          if (left > 0) this.#perPrefix.set(prefix, left);
          else this.#perPrefix.delete(prefix);
        },
        onTlsFailure: (cause) => this.#options.onEvent?.({ kind: "tls-failed", remoteAddress, cause }),
      },
      `+OK VSMTP/1${name === undefined ? "" : ` ${name}`}\r\n`,
    );
    this.#connections.add(connection);
  }

  /**
   * The greeting that turns a client away, or null.
   *
   * @param prefix the network whose connections count; null: they do not
   */
  #refusal(prefix: string | null, remoteAddress: string): string | null {
    if (this.#mode.kind === "redirect") return redirectLine(this.#mode.target);
    if (this.#mode.kind === "maintenance") return "-ERR [TEMP] maintenance\r\n";
    const { overflow, overflowAbove = 1 } = this.#mode;
    const { connections, connectionsPerPrefix } = this.#limits;
    const taken = this.#connections.size;
    if (overflow !== undefined && taken >= connections * overflowAbove) return redirectLine(overflow);
    const isFull = taken >= connections;
    if (!isFull && (prefix === null || (this.#perPrefix.get(prefix) ?? 0) < connectionsPerPrefix))
      return null;
    this.#options.onEvent?.({ kind: "refused", remoteAddress, reason: isFull ? "connections" : "prefix" });
    return "-ERR [BUSY] too many connections\r\n";
  }

  /** Ends connections that only hold a place: no complete request, no end of the handshake. */
  #sweep(): void {
    const now = this.#nowMs();
    const { handshakeMs } = this.#limits;
    const idleMs = this.#mode.kind === "serve" ? this.#limits.idleMs : LEAST_IDLE_MS;
    for (const connection of this.#connections) {
      const { for: reason, sinceMs } = connection.waiting;
      const waitedMs = now - sinceMs;
      if (reason === "request" && waitedMs > idleMs) connection.end();
      else if (reason === "handshake" && waitedMs > handshakeMs) connection.destroy();
      else if (reason === "close" && waitedMs > CLOSE_MS) connection.destroy();
    }
  }
}

/** @throws TypeError for what is no network */
