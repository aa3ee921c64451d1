import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/**
 * A port of 127.0.0.1 in front of a server that is started later. Servers take 127.0.0.1 for their own host; behind the
 * gate, whoever comes is of another one.
 */
export class Gate {
  readonly port: number;
  readonly #server: Server;
  readonly #open = new Set<Socket>();
  #target = 0;

  private constructor(server: Server) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    server.on("connection", (client) => this.#pass(client));
  }

  static async open(): Promise<Gate> {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new Gate(server);
  }

  leadsTo(port: number): void {
    this.#target = port;
  }

  async close(): Promise<void> {
    for (const socket of this.#open) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }

  #pass(client: Socket): void {
    const server = connect({ host: "127.0.0.1", port: this.#target, localAddress: "127.0.0.2" });
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#open.add(from);
      from.setNoDelay(true);
      from.on("error", () => to.destroy());
      from.on("close", () => {
        this.#open.delete(from);
        to.destroy();
      });
      from.on("end", () => to.end());
      from.pipe(to, { end: false });
    }
  }
}
