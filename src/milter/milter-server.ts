import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { Connection } from "./connection.ts";
import { type MilterServerOptions, type MilterSettings, resolveOptions } from "./options.ts";
import { takeSocket } from "./take-socket.ts";

/** TCP, or a Unix socket; `mode` says who may open that (default 0o660). */
export type MilterPlace =
  | { readonly host: string; readonly port: number }
  | { readonly path: string; readonly mode?: number };

const socketMode = 0o660;

/**
 * A milter: mail servers connect to it, and its handler says what becomes of their mail. Whoever can connect is believed,
 * as the protocol knows no proof of who one is.
 */
export class MilterServer {
  readonly #settings: MilterSettings;
  readonly #listeners: Server[] = [];
  readonly #removals: (() => void)[] = [];
  readonly #connections = new Set<Connection>();
  #emptied: (() => void) | null = null;

  constructor(options: MilterServerOptions) {
    this.#settings = resolveOptions(options);
  }

  /** Connections open now. */
  get connections(): number {
    return this.#connections.size;
  }

  /**
   * Listens; may be called for several places. Port 0 takes a free one. A socket that nobody listens at any more is
   * replaced, anything else at its path is not.
   *
   * @returns where it listens. Rejects when it cannot.
   */
  async listen<Place extends MilterPlace>(place: Place): Promise<Place> {
    const isUnix = "path" in place;
    const listener = createServer({ noDelay: !isUnix }, (socket) =>
      this.#admit(socket, isUnix ? place.path : null),
    );
    let bound = place;
    if ("path" in place) {
      this.#removals.push(await takeSocket(listener, place.path, place.mode ?? socketMode));
    } else {
      listener.listen({ host: place.host, port: place.port, backlog: 511 });
      await once(listener, "listening");
      const { address, port } = listener.address() as AddressInfo;
      bound = { ...place, host: address, port };
    }
    listener.on("error", (cause) => this.#settings.onEvent({ kind: "listener-failed", cause }));
    this.#listeners.push(listener);
    return bound;
  }

  /**
   * Stops listening, lets messages under way be finished and closes all other connections; drops after `drainMs`
   * milliseconds what is left.
   */
  async close(drainMs = 10_000): Promise<void> {
    for (const remove of this.#removals.splice(0)) remove();
    const closed = this.#listeners.splice(0).map((listener) => {
      const done = once(listener, "close");
      listener.close();
      return done;
    });
    for (const connection of [...this.#connections]) connection.shutdown();
    if (this.#connections.size > 0) {
      const timer = setTimeout(() => {
        for (const connection of [...this.#connections]) connection.drop();
      }, drainMs);
      await new Promise<void>((resolve) => {
        this.#emptied = resolve;
      });
      clearTimeout(timer);
    }
    await Promise.all(closed);
  }

  #admit(socket: Socket, path: string | null): void {
    const peer = path ?? `${socket.remoteAddress ?? "?"}:${socket.remotePort ?? "?"}`;
    if (this.#connections.size >= this.#settings.limits.connections) {
      this.#settings.onEvent({ kind: "refused", peer });
      socket.on("error", () => {}).destroy();
      return;
    }
    const connection = new Connection(socket, peer, this.#settings, () => {
      this.#connections.delete(connection);
      if (this.#connections.size === 0) this.#emptied?.();
    });
    this.#connections.add(connection);
  }
}
