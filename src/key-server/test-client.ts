import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { connect as connectTls, type SecureContext, type TLSSocket } from "node:tls";
import { ALPN } from "../key-protocol/index.ts";

/** A client that sends what it is told and shows what comes back. */
export class TestClient {
  socket: Socket | TLSSocket;
  received = "";
  closed = false;
  #changed: () => void = () => {};

  constructor(port: number) {
    this.socket = this.#listen(connect(port, "127.0.0.1"));
  }
  #listen<T extends Socket>(socket: T): T {
    const note = (change: () => void) => {
      change();
      this.#changed();
    };
    socket.on("data", (octets) => note(() => (this.received += octets.toString("latin1"))));
    socket.on("close", () => note(() => (this.closed = true)));
    socket.on("error", () => {});
    return socket;
  }
  send(text: string): void {
    this.socket.write(text, "latin1");
  }
  /** Waits for exactly this, and nothing else. */
  async expect(text: string): Promise<void> {
    while (this.received.length < text.length && !this.closed) await this.#change();
    assert.equal(this.received, text);
    this.received = "";
  }
  async expectClose(): Promise<void> {
    while (!this.closed) await this.#change();
  }
  #change(): Promise<void> {
    return new Promise((resolve) => (this.#changed = resolve));
  }
  async startTls(secureContext: SecureContext, protocols = [ALPN]): Promise<void> {
    this.send("STLS\r\n");
    await this.expect("+OK begin\r\n");
    this.socket.removeAllListeners("data").removeAllListeners("close");
    const secure = connectTls({
      socket: this.socket,
      secureContext,
      servername: "mx1.someisp.tld",
      ALPNProtocols: protocols,
    });
    this.socket = this.#listen(secure);
    await new Promise<void>((resolve, reject) => secure.once("secureConnect", resolve).once("error", reject));
  }
}
