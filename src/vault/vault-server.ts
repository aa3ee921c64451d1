import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { type SecureContext, TLSSocket } from "node:tls";
import type { AuditWriter, Authenticator, EnrolmentRecord, UserKeys } from "../keyring/index.ts";
import { spkiSha256, VAULT_ALPN } from "../vault-protocol/index.ts";
import type { EnrolledAccess } from "./enrolled-access.ts";
import { Enrolments } from "./enrolments.ts";
import type { StatementOf } from "./keyring-login.ts";
import { PeerSocket } from "./peer-socket.ts";
import { type PeerLimits, VaultPeer } from "./vault-peer.ts";

export interface VaultLimits extends PeerLimits {
  /** Connections at a time, those included that have not proved themselves. Default 1000. */
  readonly connections: number;
  /** Of one enrolment. Default 200. */
  readonly connectionsPerEnrolment: number;
  /** Default 10000. */
  readonly handshakeMs: number;
  /** Tickets of one enrolment. Default 50000. */
  readonly tickets: number;
}

export interface VaultServerOptions {
  /** Whom the vault answers; asked twice a second. */
  readonly enrolments: () => Promise<readonly EnrolmentRecord[]>;
  readonly authenticator: Authenticator;
  readonly keys: UserKeys;
  readonly audit: AuditWriter;
  readonly statementOf?: StatementOf | null;
  /** For the greeting. */
  readonly hostName?: string;
  readonly limits?: Partial<VaultLimits>;
  /** Milliseconds since the epoch. */
  readonly nowMs?: () => number;
  /** What happens, for the log; no secrets. Must not throw. */
  readonly onEvent?: (event: VaultEvent) => void;
}

export type VaultEvent =
  | { readonly kind: "connected"; readonly enrolment: string; readonly remoteAddress: string }
  | {
      readonly kind: "refused";
      readonly remoteAddress: string;
      readonly reason: "connections" | "no-certificate" | "unknown-certificate";
      /** Of the certificate that was shown. */
      readonly spkiSha256: string | null;
    }
  | { readonly kind: "tls-failed"; readonly remoteAddress: string; readonly cause: Error }
  | { readonly kind: "enrolment-ended"; readonly enrolment: string; readonly connections: number }
  /** The system could not give it a connection. */
  | { readonly kind: "accept-failed"; readonly cause: Error }
  /** An enrolled Unix user or group has no socket. */
  | { readonly kind: "socket-failed"; readonly enrolment: string; readonly cause: unknown }
  /** The key store or a key could not be read; clients were told [TEMP]. */
  | { readonly kind: "store-failed"; readonly cause: unknown }
  /** It can be read again after such a failure. */
  | { readonly kind: "store-answers" };

const DEFAULT_LIMITS: VaultLimits = {
  connections: 1000,
  connectionsPerEnrolment: 200,
  handshakeMs: 10_000,
  idleMs: 600_000,
  stepMs: 60_000,
  tickets: 50_000,
};
/** So that an enrolment's end is felt within a second (PRV-32). */
const SWEEP_MS = 500;

/**
 * The private interface of a key server (SPEC section 6): to enrolled submission servers, and to nobody else (PRV-22,
 * SUB-5), it logs users in and signs for them, or gives them their keys. Over TLS 1.3 it tells them by their
 * certificates, at Unix sockets by who can open which (PRV-1).
 */
export class VaultServer {
  readonly #limits: VaultLimits;
  readonly #nowMs: () => number;
  readonly #onEvent: (event: VaultEvent) => void;
  readonly #enrolments: Enrolments;
  readonly #greeting: string;
  readonly #peers = new Set<VaultPeer>();
  readonly #handshaking = new Map<Socket, number>();
  readonly #listeners: Server[] = [];
  readonly #sockets = new Map<EnrolledAccess, PeerSocket | null>();
  #folder: string | null = null;
  #sweeper: NodeJS.Timeout | null = null;
  #sweeping = false;
  /** Of an outage the beginning and the end are told, not every request between. */
  #isStoreAway = false;
  #closed = false;
  #onGone: () => void = () => {};

  constructor(options: VaultServerOptions) {
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#nowMs = options.nowMs ?? Date.now;
    this.#onEvent = options.onEvent ?? (() => {});
    this.#greeting = `+OK VSMTP-VAULT/1${options.hostName === undefined ? "" : ` ${options.hostName}`}\r\n`;
    const { authenticator, keys, audit, statementOf = null } = options;
    this.#enrolments = new Enrolments(
      options.enrolments,
      {
        authenticator,
        keys,
        audit,
        statementOf,
        nowMs: this.#nowMs,
        maxTickets: this.#limits.tickets,
        onFailure: (cause) => this.#storeFailed(cause),
      },
      (access) => this.#end(access),
    );
  }

  get connections(): number {
    return this.#peers.size;
  }

  /** Reads who is enrolled. Call it before the others. */
  async start(): Promise<void> {
    await this.#enrolments.refresh();
    this.#sweeper = setInterval(() => void this.#sweep(), SWEEP_MS).unref();
  }

  /**
   * TLS 1.3 with client certificates. Port 0 takes a free one.
   *
   * @param secureContext asked at every handshake, so that a renewed certificate needs no restart
   */
  async listen(
    secureContext: () => SecureContext,
    port: number,
    host: string,
  ): Promise<{ host: string; port: number }> {
    const server = createServer({ noDelay: true }, (socket) => this.#acceptTls(socket, secureContext));
    server.listen({ port, host, backlog: 256 });
    await once(server, "listening");
    server.on("error", (cause) => this.#onEvent({ kind: "accept-failed", cause }));
    this.#listeners.push(server);
    const bound = server.address() as { address: string; port: number };
    return { host: bound.address, port: bound.port };
  }

  /** A socket for each enrolled Unix user and group, made and removed as enrolments come and go. */
  async listenUnix(folder: string): Promise<void> {
    this.#folder = folder;
    await this.#enrolments.refresh();
    await this.#openSockets();
  }

  /** Takes no more connections, lets replies go out, and drops after `graceMs` whoever is left. */
  async close(graceMs = 1000): Promise<void> {
    this.#closed = true;
    if (this.#sweeper !== null) clearInterval(this.#sweeper);
    const closed = this.#listeners.map((server) => new Promise((resolve) => server.close(resolve)));
    for (const socket of this.#handshaking.keys()) socket.destroy();
    for (const socket of this.#sockets.values()) socket?.close();
    for (const peer of this.#peers) peer.close();
    const timer = setTimeout(() => {
      for (const peer of this.#peers) peer.destroy();
    }, graceMs);
    if (this.#peers.size > 0) await new Promise<void>((resolve) => (this.#onGone = resolve));
    clearTimeout(timer);
    await Promise.all(closed);
    this.#enrolments.clear();
  }

  #acceptTls(plain: Socket, secureContext: () => SecureContext): void {
    const remoteAddress = plain.remoteAddress ?? "";
    plain.on("error", () => plain.destroy());
    if (!this.#hasRoom(plain, remoteAddress)) return;
    const secure = new TLSSocket(plain, {
      isServer: true,
      secureContext: secureContext(),
      ALPNProtocols: [VAULT_ALPN],
      requestCert: true,
      // Who issued a certificate does not matter; possession of its key is proved all the same (PRV-23).
      rejectUnauthorized: false,
    });
    this.#handshaking.set(secure, this.#nowMs());
    secure.once("close", () => {
      this.#handshaking.delete(secure);
      plain.destroy();
    });
    const failed = (cause: Error): void => {
      this.#onEvent({ kind: "tls-failed", remoteAddress, cause });
      secure.destroy();
    };
    secure.once("error", failed);
    secure.once("secure", () => {
      void this.#prove(secure, remoteAddress).then((access) => {
        this.#handshaking.delete(secure);
        secure.off("error", failed).on("error", () => secure.destroy());
        if (access === null || this.#closed) secure.destroy();
        else this.#welcome(secure, access, remoteAddress);
      });
    });
  }

  /** Whose certificate it is; null when the connection is to be ended. */
  async #prove(secure: TLSSocket, remoteAddress: string): Promise<EnrolledAccess | null> {
    if (secure.getProtocol() !== "TLSv1.3" || secure.alpnProtocol !== VAULT_ALPN) {
      const cause = new Error(
        `it wants ${secure.getProtocol()} and ${secure.alpnProtocol || "no protocol (ALPN)"}`,
      );
      this.#onEvent({ kind: "tls-failed", remoteAddress, cause });
      return null;
    }
    const certificate = secure.getPeerX509Certificate();
    const shown = certificate === undefined ? null : spkiSha256(certificate.publicKey);
    const access = shown === null ? null : await this.#known(shown);
    if (access === null) {
      const reason = shown === null ? "no-certificate" : "unknown-certificate";
      this.#onEvent({ kind: "refused", remoteAddress, reason, spkiSha256: shown });
    }
    return access;
  }

  async #known(shown: string): Promise<EnrolledAccess | null> {
    try {
      // It may have been enrolled, or taken away, a moment ago.
      await this.#enrolments.refresh();
    } catch (cause) {
      this.#storeFailed(cause);
    }
    return this.#enrolments.byCertificate(shown);
  }

  #welcome(socket: Socket, access: EnrolledAccess, remoteAddress: string): void {
    // It came before the end of its enrolment, and is accepted after.
    if (access.ended) {
      socket.destroy();
      return;
    }
    const { name } = access.enrolment;
    let count = 0;
    for (const peer of this.#peers) if (peer.access === access) count++;
    if (count >= this.#limits.connectionsPerEnrolment) {
      this.#onEvent({ kind: "refused", remoteAddress, reason: "connections", spkiSha256: null });
      socket.on("error", () => socket.destroy()).end("-ERR [BUSY] too many connections\r\n", "latin1");
      return;
    }
    this.#onEvent({ kind: "connected", enrolment: name, remoteAddress });
    const peer = new VaultPeer(socket, access, remoteAddress, this.#greeting, this.#nowMs);
    this.#peers.add(peer);
    socket.once("close", () => {
      this.#peers.delete(peer);
      if (this.#peers.size === 0) this.#onGone();
    });
  }

  #hasRoom(socket: Socket, remoteAddress: string): boolean {
    const [unproved] = this.#handshaking.keys();
    if (this.#peers.size + this.#handshaking.size < this.#limits.connections && !this.#closed) return true;
    if (unproved !== undefined && !this.#closed) {
      // Whoever has not proved itself for longest gives way: strangers keep no enrolled server out.
      this.#handshaking.delete(unproved);
      unproved.destroy();
      return true;
    }
    this.#onEvent({ kind: "refused", remoteAddress, reason: "connections", spkiSha256: null });
    socket.destroy();
    return false;
  }

  /** The enrolment was taken away or replaced. */
  #end(access: EnrolledAccess): void {
    let connections = 0;
    for (const peer of this.#peers) {
      if (peer.access !== access) continue;
      connections++;
      peer.destroy();
    }
    this.#sockets.get(access)?.close();
    this.#sockets.delete(access);
    this.#onEvent({ kind: "enrolment-ended", enrolment: access.enrolment.name, connections });
  }

  async #openSockets(): Promise<void> {
    for (const access of this.#enrolments.all) {
      const { name, proof } = access.enrolment;
      if (this.#folder === null || proof.kind !== "unix-socket" || this.#sockets.has(access)) continue;
      this.#sockets.set(access, null);
      try {
        const socket = await PeerSocket.open(this.#folder, name, proof, (peer) => {
          if (this.#hasRoom(peer, "unix")) this.#welcome(peer, access, "unix");
        });
        socket.onError = (cause) => this.#onEvent({ kind: "accept-failed", cause });
        // It may have ended meanwhile.
        if (this.#sockets.has(access) && !this.#closed) this.#sockets.set(access, socket);
        else socket.close();
      } catch (cause) {
        this.#onEvent({ kind: "socket-failed", enrolment: name, cause });
      }
    }
  }

  #storeFailed(cause: unknown): void {
    if (!this.#isStoreAway) this.#onEvent({ kind: "store-failed", cause });
  }

  async #sweep(): Promise<void> {
    const now = this.#nowMs();
    for (const [socket, since] of this.#handshaking) {
      if (now - since > this.#limits.handshakeMs) socket.destroy();
    }
    for (const peer of this.#peers) peer.sweep(this.#limits);
    if (this.#sweeping) return;
    this.#sweeping = true;
    try {
      await this.#enrolments.refresh();
      if (this.#isStoreAway) this.#onEvent({ kind: "store-answers" });
      this.#isStoreAway = false;
      for (const access of this.#enrolments.all) access.expireTickets();
      await this.#openSockets();
    } catch (cause) {
      // Those who were enrolled a moment ago are, as far as is known; what they ask for fails by itself.
      this.#storeFailed(cause);
      this.#isStoreAway = true;
    } finally {
      this.#sweeping = false;
    }
  }
}
