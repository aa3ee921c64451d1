import { connect, type NetConnectOpts, type Socket } from "node:net";

/** Where `host:port` really is. */
export type DialPlaces = ReadonlyMap<string, { readonly host: string; readonly port: number }>;

/** An address, or a Unix socket. */
type Target =
  | { readonly host: string; readonly address: string; readonly port: number; readonly path?: undefined }
  | { readonly path: string };

/**
 * Connects to a Unix socket, to an address, or to the place that a closed test network has instead of `host:port` (TRU-10); `*` stands
 * for every place.
 */
export class MappingDialer {
  readonly #places: DialPlaces;

  constructor(places: DialPlaces = new Map()) {
    this.#places = places;
  }

  /** Rejects with the system's error, or the signal's reason when that comes first. */
  connect(target: Target, signal: AbortSignal): Promise<Socket> {
    const { promise, resolve, reject } = Promise.withResolvers<Socket>();
    if (signal.aborted) return Promise.reject(signal.reason);
    const socket = connect(this.#placeOf(target));
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

  #placeOf(target: Target): NetConnectOpts {
    if (target.path !== undefined) return { path: target.path };
    const { host, address, port } = target;
    const place = this.#places.get(`${host}:${port}`) ?? this.#places.get("*") ?? { host: address, port };
    return { host: place.host, port: place.port, noDelay: true };
  }
}
