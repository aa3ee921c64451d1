import assert from "node:assert/strict";
import { createHash, createHmac, pbkdf2Sync } from "node:crypto";
import { type TLSSocket, connect as tlsConnect } from "node:tls";
import { certificate } from "./test-certificate.ts";

/** A client that speaks line by line, inside TLS. */
export class Client {
  readonly #socket: TLSSocket;
  #received = "";
  #waiting: (() => void) | null = null;

  private constructor(socket: TLSSocket) {
    this.#socket = socket;
    socket.on("data", (data) => {
      this.#received += data.toString("latin1");
      this.#waiting?.();
    });
    socket.on("error", () => {});
    socket.on("close", () => this.#waiting?.());
  }

  static async open(port: number): Promise<Client> {
    const socket = tlsConnect({ port, host: "127.0.0.1", ca: certificate, servername: "localhost" });
    const client = new Client(socket);
    assert.match(await client.reply(), /^220 /);
    assert.match(await client.say("EHLO client.test"), /^250[ -]/);
    return client;
  }

  get closed(): boolean {
    return this.#socket.destroyed;
  }

  logIn(user: string, password: string, authzid = ""): Promise<string> {
    return this.say(`AUTH PLAIN ${base64(`${authzid}\0${user}\0${password}`)}`);
  }

  /** RFC 5802, bound to this TLS session; the reply behind the server's proof. */
  async logInByScram(user: string, password: string): Promise<string> {
    const bare = `n=${user},r=clientnonce`;
    const challenge = await this.say(`AUTH SCRAM-SHA-256-PLUS ${base64(`p=tls-exporter,,${bare}`)}`);
    const serverFirst = Buffer.from(challenge.slice("334 ".length), "base64").toString();
    const [, nonce, salt = "", count] = /^r=([^,]+),s=([^,]+),i=(\d+)$/.exec(serverFirst) ?? [];
    const binding = this.#socket.exportKeyingMaterial(32, "EXPORTER-Channel-Binding", Buffer.alloc(0));
    const header = Buffer.concat([Buffer.from("p=tls-exporter,,"), binding]).toString("base64");
    const withoutProof = `c=${header},r=${nonce}`;
    const salted = pbkdf2Sync(password, Buffer.from(salt, "base64"), Number(count), 32, "sha256");
    const key = createHmac("sha256", salted).update("Client Key").digest();
    const stored = createHash("sha256").update(key).digest();
    const mask = createHmac("sha256", stored).update(`${bare},${serverFirst},${withoutProof}`).digest();
    const proof = Buffer.from(key.map((octet, at) => octet ^ (mask[at] ?? 0))).toString("base64");
    const answer = await this.say(base64(`${withoutProof},p=${proof}`));
    return answer.startsWith("334") ? this.say("") : answer;
  }

  /** Transaction up to DATA. */
  async begin(sender: string, recipients: readonly string[]): Promise<void> {
    assert.match(await this.say(`MAIL FROM:<${sender}>`), /^250 /);
    for (const recipient of recipients) assert.match(await this.say(`RCPT TO:<${recipient}>`), /^250 /);
  }

  /** The message, from DATA to the reply to its final dot. */
  async send(text: string): Promise<string> {
    const answer = await this.say("DATA");
    return answer.startsWith("354") ? this.say(`${text}\r\n.`) : answer;
  }

  say(line: string): Promise<string> {
    this.#socket.write(`${line}\r\n`);
    return this.reply();
  }

  /** One reply, all its lines. */
  async reply(): Promise<string> {
    for (;;) {
      const end = /^(?:\d{3}-.*\r\n)*\d{3} .*\r\n/.exec(this.#received);
      if (end) {
        this.#received = this.#received.slice(end[0].length);
        return end[0];
      }
      if (this.#socket.destroyed) throw new Error(`closed after ${this.#received}`);
      await new Promise<void>((resolve) => {
        this.#waiting = resolve;
      });
    }
  }

  close(): void {
    this.#socket.destroy();
  }
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
