import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import type { NetworkSettings } from "../config/index.ts";
import { CachingResolver, type Resolver, StubResolver, systemResolver } from "../dns/index.ts";

/** How this installation reaches other hosts. */
export interface Network {
  readonly resolver: Resolver;
  readonly dialer: MappingDialer;
  /** PEM text of the certificate authorities trusted besides the system's; null for none. */
  readonly ca: string | null;
}

/** @throws Error when the file of certificate authorities cannot be read */
export function openNetwork(settings: NetworkSettings): Network {
  const resolver =
    settings.resolvers.length > 0 ? new StubResolver({ servers: settings.resolvers }) : systemResolver();
  return {
    resolver: new CachingResolver(resolver),
    dialer: new MappingDialer(settings.connect),
    ca: settings.caFile === null ? null : readFileSync(settings.caFile, "utf8"),
  };
}

/**
 * Connects to an address, or to the place that a closed test network has instead of `host:port` (TRU-10); `*` stands
 * for every place.
 */
export class MappingDialer {
  readonly #places: ReadonlyMap<string, { readonly host: string; readonly port: number }>;

  constructor(places: ReadonlyMap<string, { readonly host: string; readonly port: number }>) {
    this.#places = places;
  }

  connect(target: { host: string; address: string; port: number }, signal: AbortSignal): Promise<Socket> {
    const place = this.#places.get(`${target.host}:${target.port}`) ??
      this.#places.get("*") ?? {
        host: target.address,
        port: target.port,
      };
    const { promise, resolve, reject } = Promise.withResolvers<Socket>();
    if (signal.aborted) return Promise.reject(signal.reason);
    const socket = connect({ host: place.host, port: place.port, noDelay: true });
    const settle = (): void => {
      socket.off("connect", connected).off("error", failed);
      signal.removeEventListener("abort", aborted);
    };
    const connected = (): void => {
      settle();
      resolve(socket);
    };
    const failed = (error: Error): void => {
      settle();
      reject(error);
    };
    const aborted = (): void => {
      settle();
      socket.on("error", () => {}).destroy();
      reject(signal.reason);
    };
    socket.once("connect", connected).once("error", failed);
    signal.addEventListener("abort", aborted, { once: true });
    return promise;
  }
}
