import { once } from "node:events";
import { type AddressInfo, createServer, isIPv6, type Server, type Socket } from "node:net";
import { unmapped } from "../client-identity.ts";
import { formatReply, reply } from "../reply.ts";
import { Connection } from "./connection.ts";
import type { Endpoints } from "./conversation.ts";
import { resolveOptions, type ServerSettings, type SmtpServerOptions } from "./options.ts";
import { takeProxyHeader } from "./proxied-socket.ts";
import { trustIn } from "./trusted-hosts.ts";

/**
 * The receiving side of SMTP (RFC 5321): listens, and has a session with every client that the limits admit.
 * What is done with mail is the handler's.
 */
export class SmtpServer<User = unknown> {
  readonly #settings: ServerSettings<User>;
  readonly #listeners: Server[] = [];
  readonly #connections = new Set<Connection<User>>();
  /** Connections of which a PROXY header is awaited. They have no session yet, but a place. */
  readonly #unnamed = new Set<Socket>();
  readonly #perAddress = new Map<string, number>();
  #emptied: (() => void) | null = null;

  /** @throws TypeError when the options contradict themselves. */
  constructor(options: SmtpServerOptions<User>) {
    this.#settings = resolveOptions(options);
  }

  /** Connections open now. */
  get connections(): number {
    return this.#connections.size;
  }

  /**
   * Listens; may be called for several addresses. Port 0 takes a free one.
   *
   * @returns where it listens. Rejects with the system's error when it cannot.
   */
  async listen(where: { host: string; port: number }): Promise<{ host: string; port: number }> {
    // Asked once: for each socket it would be a system call.
    let localPort = where.port;
    const listener = createServer({ allowHalfOpen: true, noDelay: true }, (socket) =>
      this.#admit(socket, localPort),
    );
    listener.listen(where.port, where.host);
    await once(listener, "listening");
    listener.on("error", (cause) => this.#settings.onEvent({ kind: "listener-failed", cause }));
    this.#listeners.push(listener);
    const { address, port } = listener.address() as AddressInfo;
    localPort = port;
    return { host: address, port };
  }

  /**
   * Stops listening and ends all sessions: those that wait for a command at once with 421, those that receive or
   * process a message after their reply, and after `graceMs` milliseconds all that are left.
   */
  async close(graceMs = 10_000): Promise<void> {
    const closed = this.#listeners.splice(0).map((listener) => {
      const done = once(listener, "close");
      listener.close();
      return done;
    });
    for (const socket of this.#unnamed) socket.destroy();
    for (const connection of [...this.#connections]) connection.shutdown();
    if (this.#connections.size > 0) {
      const timer = setTimeout(() => {
        for (const connection of [...this.#connections]) connection.abort();
      }, graceMs);
      await new Promise<void>((resolve) => {
        this.#emptied = resolve;
      });
      clearTimeout(timer);
    }
    await Promise.all(closed);
  }

  #admit(socket: Socket, localPort: number): void {
    const { remoteAddress, remotePort } = socket;
    // It may be gone already.
    if (remoteAddress === undefined || remotePort === undefined) {
      socket.destroy();
      return;
    }
    const place = { remoteAddress: unmapped(remoteAddress), remotePort, localPort };
    const { trusted } = this.#settings;
    if (trusted.proxyProtocol?.(place.remoteAddress) !== true) {
      this.#receive(socket, { ...place, trust: trustIn(place.remoteAddress, trusted) });
    } else if (this.#hasPlace()) void this.#awaitName(socket, place);
    else this.#refuse(socket, place, "connections");
  }

  /** A proxy says first whose connection it is. */
  async #awaitName(socket: Socket, place: Endpoints): Promise<void> {
    const { trusted, deadlines, onEvent } = this.#settings;
    const { remoteAddress } = place;
    this.#unnamed.add(socket);
    const arrival = await takeProxyHeader(socket, deadlines.proxyHeaderMs);
    this.#unnamed.delete(socket);
    if (arrival?.ok !== true || socket.destroyed) {
      if (arrival?.ok === false) {
        onEvent({ kind: "proxy-header-missing", remoteAddress, detail: arrival.detail });
      }
      socket.destroy();
      return;
    }
    const { header } = arrival;
    // Who is not named may be anybody: the address is the proxy's then, and what the proxy may do is not for him.
    if (header.kind !== "client") this.#receive(socket, place);
    else {
      const { address, port } = header.source;
      const trust = trustIn(address, trusted);
      this.#receive(socket, {
        ...place,
        remoteAddress: address,
        remotePort: port,
        proxiedBy: remoteAddress,
        trust,
      });
    }
  }

  #receive(socket: Socket, endpoints: Endpoints): void {
    const { limits } = this.#settings;
    const { remoteAddress, trust } = endpoints;
    // Who brings everybody's mail needs more connections than a client.
    const key = trust?.xclient || trust?.xforward ? null : addressKey(remoteAddress);
    if (key !== null && this.#countOf(key) >= limits.connectionsPerAddress) {
      this.#refuse(socket, endpoints, "connections-per-address");
    } else if (this.#hasPlace()) this.#accept(socket, endpoints, key);
    else this.#refuse(socket, endpoints, "connections");
  }

  #hasPlace(): boolean {
    const { connections } = this.#settings.limits;
    return this.#connections.size + this.#unnamed.size < connections || this.#makeRoom();
  }

  #countOf(key: string): number {
    return this.#perAddress.get(key) ?? 0;
  }

  /** Whoever holds a place for nothing gives it up: so many slow clients keep nobody out. */
  #makeRoom(): boolean {
    let slowest: Connection<User> | null = null;
    let longestMs = this.#settings.deadlines.crowdedMs;
    for (const connection of this.#connections) {
      const { stalledMs } = connection;
      if (stalledMs < longestMs) continue;
      slowest = connection;
      longestMs = stalledMs;
    }
    if (slowest === null) return false;
    // It may take a while to close.
    this.#connections.delete(slowest);
    slowest.makeRoom();
    return true;
  }

  /** @param counted what it counts as; null: nobody's, until its host names somebody */
  #accept(socket: Socket, endpoints: Endpoints, counted: string | null): void {
    let key = counted;
    const count = (change: 1 | -1) => {
      if (key === null) return;
      const count = this.#countOf(key) + change;
      if (count === 0) this.#perAddress.delete(key);
      else this.#perAddress.set(key, count);
    };
    const countAs = (address: string): boolean => {
      const other = addressKey(address);
      if (other === key) return true;
      if (this.#countOf(other) >= this.#settings.limits.connectionsPerAddress) return false;
      count(-1);
      key = other;
      count(1);
      return true;
    };
    count(1);
    const connection = new Connection(socket, { ...endpoints, countAs }, this.#settings, () => {
      this.#connections.delete(connection);
      count(-1);
      if (this.#connections.size === 0) this.#emptied?.();
    });
    this.#connections.add(connection);
  }

  #refuse(socket: Socket, endpoints: Endpoints, reason: "connections" | "connections-per-address"): void {
    this.#settings.onEvent({ kind: "refused", remoteAddress: endpoints.remoteAddress, reason });
    socket.on("error", () => {});
    if (this.#settings.tlsMode !== "implicit") {
      socket.write(formatReply(reply(421, "4.7.0", "Too many connections, try again later")));
    }
    socket.destroySoon();
  }
}

/** What counts as one client: an IPv4 address, or the /64 that one IPv6 customer has at least. */
export function addressKey(address: string): string {
  if (!isIPv6(address)) return address;
  const [head = "", tail] = (address.split("%")[0] as string).split("::");
  const groups = head === "" ? [] : head.split(":");
  if (tail !== undefined) {
    const behind = tail === "" ? 0 : tail.split(":").length;
    while (groups.length + behind < 8) groups.push("0");
    groups.push(...tail.split(":"));
  }
  return `${groups.slice(0, 4).join(":")}::/64`.toLowerCase();
}
