import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** Stands before a server and lets connections hang, open as ever while nothing comes through, or cuts them. */
export class FaultyProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #frozen = new Set<Socket>();
  #cuts: { readonly word: string; readonly delivered: boolean } | null = null;
  #freezes: ((firstOctets: Buffer) => boolean) | null = null;
  readonly #firstOctets = new Map<Socket, Buffer>();

  static async start(port: number): Promise<FaultyProxy> {
    const proxy = new FaultyProxy(port);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  private constructor(port: number) {
    this.#server = createServer((client) => {
      const upstream = connect(port, "127.0.0.1");
      client.once("data", (octets) => {
        this.#firstOctets.set(client, octets);
        this.#freezeAsTold(client);
      });
      for (const [from, to] of [
        [client, upstream],
        [upstream, client],
      ] as const) {
        this.#sockets.add(from);
        from.on("data", (octets) => {
          if (from === client && this.#cuts !== null && octets.includes(this.#cuts.word)) {
            if (this.#cuts.delivered) to.end(octets);
            this.#cuts = null;
            client.destroy();
          } else if (!this.#frozen.has(client)) to.write(octets);
        });
        from.on("close", () => to.destroySoon());
        from.on("error", () => {});
      }
    });
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** From now on connections that began like this hang, new ones too. */
  freeze(which: (firstOctets: Buffer) => boolean): void {
    this.#freezes = which;
    for (const client of this.#firstOctets.keys()) this.#freezeAsTold(client);
  }

  /** Ends the next connection on which a client says this; whether the server still hears it is up to us. */
  cutAt(word: string, delivered: boolean): void {
    this.#cuts = { word, delivered };
  }

  stop(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #freezeAsTold(client: Socket): void {
    const octets = this.#firstOctets.get(client);
    if (octets !== undefined && this.#freezes?.(octets)) this.#frozen.add(client);
  }
}
