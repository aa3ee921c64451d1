import { setTimeout as sleep } from "node:timers/promises";
import { connect, type TLSSocket } from "node:tls";
import { type CrashMessage, crashMessage } from "./crash-messages.ts";

/** Sends without a pause, whatever becomes of its connections, and remembers which messages it heard 250 for. */
export class CrashClient {
  readonly acknowledged: CrashMessage[] = [];
  /** First digits of the replies that refused a message. */
  readonly refusals = new Map<string, number>();
  readonly #port: number;
  readonly #ca: string;
  readonly #user: string;
  #running = true;

  constructor(port: number, ca: string, user: string) {
    this.#port = port;
    this.#ca = ca;
    this.#user = user;
  }

  async run(): Promise<void> {
    while (this.#running) {
      const socket = connect({ port: this.#port, host: "127.0.0.1", ca: this.#ca, servername: "localhost" });
      try {
        await this.#session(new Lines(socket));
      } catch (error) {
        if (!(error instanceof Gone)) throw error;
        await sleep(20);
      } finally {
        socket.destroy();
      }
    }
  }

  stop(): void {
    this.#running = false;
  }

  async #session(lines: Lines): Promise<void> {
    await lines.reply();
    await lines.say("EHLO client.test");
    await lines.say(`AUTH PLAIN ${Buffer.from(`\0${this.#user}\0secret`).toString("base64")}`);
    while (this.#running) {
      const message = crashMessage(this.#user);
      const said = await send(lines, message);
      if (said.startsWith("250")) this.acknowledged.push(message);
      else {
        const code = said.slice(0, 3);
        this.refusals.set(code, (this.refusals.get(code) ?? 0) + 1);
        await lines.say("RSET");
        await sleep(20);
      }
    }
    await lines.say("QUIT");
  }
}

/** The last reply. */
async function send(lines: Lines, { sender, recipients, octets }: CrashMessage): Promise<string> {
  const commands = [`MAIL FROM:<${sender}>`, ...recipients.map((path) => `RCPT TO:<${path}>`)];
  for (const command of [...commands, "DATA"]) {
    const said = await lines.say(command);
    if (!/^[23]/.test(said)) return said;
  }
  // No line of it begins with a dot.
  lines.write(octets);
  return lines.say(".");
}

class Gone extends Error {}

class Lines {
  readonly #socket: TLSSocket;
  #received = "";
  #wake = (): void => {};

  constructor(socket: TLSSocket) {
    this.#socket = socket;
    socket.on("data", (octets) => {
      this.#received += octets.toString("latin1");
      this.#wake();
    });
    socket.on("error", () => {});
    socket.on("close", () => this.#wake());
  }

  write(octets: Uint8Array): void {
    this.#socket.write(octets);
  }

  say(line: string): Promise<string> {
    this.#socket.write(`${line}\r\n`);
    return this.reply();
  }

  /** Its last line. */
  async reply(): Promise<string> {
    for (;;) {
      const whole = /^(?:\d{3}-.*\r\n)*(\d{3} .*)\r\n/.exec(this.#received);
      if (whole) {
        this.#received = this.#received.slice(whole[0].length);
        return whole[1] ?? "";
      }
      if (this.#socket.destroyed) throw new Gone();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
