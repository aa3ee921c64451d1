import { once } from "node:events";
import { type AddressInfo, createServer, isIPv6, type Server, type Socket } from "node:net";
import { formatReply, reply } from "../reply.ts";
import { Connection } from "./connection.ts";
import type { Endpoints } from "./conversation.ts";
import { resolveOptions, type ServerSettings, type SmtpServerOptions } from "./options.ts";

/**
 * The receiving side of SMTP (RFC 5321): listens, and has a session with every client that the limits admit.
 * What is done with mail is the handler's.
 */
export class SmtpServer<User = unknown> {
  readonly #settings: ServerSettings<User>;
  readonly #listeners: Server[] = [];
  readonly #connections = new Set<Connection<User>>();
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
    const endpoints = endpointsOf(socket, localPort);
    if (endpoints === null) {
      socket.destroy();
      return;
    }
    const { limits } = this.#settings;
    const key = addressKey(endpoints.remoteAddress);
    const fromAddress = this.#perAddress.get(key) ?? 0;
    if (fromAddress >= limits.connectionsPerAddress) {
      this.#refuse(socket, endpoints, "connections-per-address");
    } else if (this.#connections.size < limits.connections || this.#makeRoom()) {
      this.#accept(socket, endpoints, key);
    } else this.#refuse(socket, endpoints, "connections");
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

  #accept(socket: Socket, endpoints: Endpoints, key: string): void {
    this.#perAddress.set(key, (this.#perAddress.get(key) ?? 0) + 1);
    const connection = new Connection(socket, endpoints, this.#settings, () => {
      this.#connections.delete(connection);
      const left = (this.#perAddress.get(key) ?? 1) - 1;
      if (left === 0) this.#perAddress.delete(key);
      else this.#perAddress.set(key, left);
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

/** Null when the client is gone already. */
function endpointsOf({ remoteAddress, remotePort }: Socket, localPort: number): Endpoints | null {
  if (remoteAddress === undefined || remotePort === undefined) return null;
  // A listener on :: sees IPv4 clients under mapped addresses.
  return { remoteAddress: remoteAddress.replace(/^::ffff:(?=\d+\.)/i, ""), remotePort, localPort };
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
