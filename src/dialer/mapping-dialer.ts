import { connect, type Socket } from "node:net";

/** Where `host:port` really is. */
export type DialPlaces = ReadonlyMap<string, { readonly host: string; readonly port: number }>;

/**
 * Connects to an address, or to the place that a closed test network has instead of `host:port` (TRU-10); `*` stands
 * for every place.
 */
export class MappingDialer {
  readonly #places: DialPlaces;

  constructor(places: DialPlaces = new Map()) {
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
