// What the tests of this module talk to: a server that records, and a client that says anything.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { createSecureContext, connect as secure } from "node:tls";
import { saslExchange } from "../sasl/index.ts";
import {
  type AuthExchange,
  type Envelope,
  reply,
  type ServerEvent,
  type SmtpHandler,
  SmtpServer,
  type SmtpServerOptions,
} from "./index.ts";

/** Self-signed, for mx.test, valid until 2125; its key protects nothing. */
export const certificate = `-----BEGIN CERTIFICATE-----
MIIBjzCCATWgAwIBAgIUDctCBjwiu9HRW0pS0Psp8gs09JcwCgYIKoZIzj0EAwIw
EjEQMA4GA1UEAwwHbXgudGVzdDAgFw0yNjExMjQwMDMxNTdaGA8yMTI2MTAzMTAw
MzE1N1owEjEQMA4GA1UEAwwHbXgudGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEH
A0IABGDx53471QyqIZznZajHp3ZQO4gy+e31JXns8M5yOSQ1o7VHWpLUx1EizWDO
a0CaO8idBw+2HtKdb+lJfI8TMeKjZzBlMB0GA1UdDgQWBBQrBVjlEFYq3A/9lEAi
T2fQb6m72zAfBgNVHSMEGDAWgBQrBVjlEFYq3A/9lEAiT2fQb6m72zASBgNVHREE
CzAJggdteC50ZXN0MA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIg
VJ0kdfUzxh/L7lCJZlXtYEb+Z4dLbtnljsjlkiBTFHYCIQCLPMDA1ubc4m4bVVD5
Tzhd49bC1oD0XJk4wvK4eY309w==
-----END CERTIFICATE-----`;
const privateKey = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgaJm06dRexfeppr5V
Oa3Tl/7eAFuwxq+u8Yly6FhIxO+hRANCAARg8ed+O9UMqiGc52Wox6d2UDuIMvnt
9SV57PDOcjkkNaO1R1qS1MdRIs1gzmtAmjvInQcPth7SnW/pSXyPEzHi
-----END PRIVATE KEY-----`;
const secureContext = createSecureContext({ key: privateKey, cert: certificate });

export interface Recorded {
  readonly envelope: Envelope;
  readonly from: string | null;
  readonly to: string[];
  readonly protocol: string;
  content: string;
  outcome: string;
}

/** Whoever says "secret" is who he says he is. */
function saslRelay(mechanism: string): AuthExchange<string> | null {
  const exchange = saslExchange<string>(mechanism, {
    channelBinding: null,
    backend: {
      password: async ({ authcid, password }) =>
        password === "secret" ? { kind: "accepted", user: authcid } : { kind: "rejected" },
      scram: async () => ({ kind: "busy" }),
      token: async () => ({ kind: "busy" }),
    },
  });
  return (
    exchange && {
      async respond(response) {
        const step = await exchange.respond(response);
        const refused = step.kind === "rejected" || step.kind === "suspended" || step.kind === "busy";
        return refused ? { kind: "refused" } : step;
      },
      cancel: () => exchange.cancel(),
    }
  );
}

/** A server on loopback whose handler accepts and records everything, but for what `options` change. */
export async function startServer(
  options: Partial<SmtpServerOptions<string>> & { methods?: Partial<SmtpHandler<string>> } = {},
) {
  const messages: Recorded[] = [];
  const events: ServerEvent<string>[] = [];
  const transcript: string[] = [];
  const handler: SmtpHandler<string> = {
    mechanisms: () => ["PLAIN", "LOGIN"],
    authenticate: (_session, mechanism) => saslRelay(mechanism),
    data(session, envelope) {
      const chunks: Uint8Array[] = [];
      const message: Recorded = {
        envelope,
        from: envelope.reversePath?.text ?? null,
        to: envelope.recipients.map(({ text }) => text),
        protocol: session.protocol,
        content: "",
        outcome: "open",
      };
      messages.push(message);
      return {
        write: (chunk) => void chunks.push(chunk),
        finish() {
          message.content = Buffer.concat(chunks).toString("latin1");
          message.outcome = "finished";
          return reply(250, "2.0.0", `Kept as ${envelope.id}`);
        },
        abort(reason) {
          message.outcome = reason;
        },
      };
    },
    ...options.methods,
  };
  const server = new SmtpServer<string>({
    hostname: "mx.test",
    tlsMode: "starttls",
    secureContext: () => secureContext,
    onEvent: (event) => events.push(event),
    transcript: (_session, line) => transcript.push(line),
    handler,
    ...options,
    deadlines: { authFailureDelayMs: 0, ...options.deadlines },
  });
  const { port } = await server.listen({ host: "127.0.0.1", port: 0 });
  /** Waits until that many sessions have ended; why they did. */
  async function closeReasons(count: number): Promise<string[]> {
    for (;;) {
      const reasons = events.flatMap((event) => (event.kind === "closed" ? [event.reason] : []));
      if (reasons.length >= count) return reasons;
      await delay(2);
    }
  }
  return { server, port, messages, events, transcript, closeReasons };
}

/** A client without manners: sends what it is told, and shows what comes back. */
export class Talker {
  #socket: Socket;
  #text = "";
  #ended = false;
  #wake: () => void = () => {};

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#listen();
  }

  static async connect(port: number, localAddress = "127.0.0.1"): Promise<Talker> {
    const socket = connect({ port, host: "127.0.0.1", localAddress, noDelay: true });
    await once(socket, "connect");
    return new Talker(socket);
  }

  /** Connected, greeted, and EHLO said. */
  static async hello(port: number): Promise<Talker> {
    const talker = await Talker.connect(port);
    await talker.reply();
    await talker.ask("EHLO client.test");
    return talker;
  }

  /** The same, inside TLS. */
  static async secured(port: number): Promise<Talker> {
    const talker = await Talker.hello(port);
    await talker.ask("STARTTLS");
    await talker.startTls();
    await talker.ask("EHLO client.test");
    return talker;
  }

  get socket(): Socket {
    return this.#socket;
  }

  /** Sends text as Latin-1. */
  send(text: string): void {
    this.#socket.write(text, "latin1");
  }

  /** Sends one command line; the whole reply, its lines joined by `|`. */
  ask(line: string): Promise<string> {
    this.send(`${line}\r\n`);
    return this.reply();
  }

  /** The next whole reply, its lines joined by `|`; what there is, in brackets, when the connection ends first. */
  async reply(): Promise<string> {
    for (;;) {
      const found = /^(?:\d{3}-.*\r\n)*\d{3}(?: .*)?\r\n/.exec(this.#text);
      if (found !== null) {
        this.#text = this.#text.slice(found[0].length);
        return found[0].trimEnd().replaceAll("\r\n", "|");
      }
      if (this.#ended) return `[${this.#text}]`;
      await this.#change();
    }
  }

  async replies(count: number): Promise<string[]> {
    const replies: string[] = [];
    while (replies.length < count) replies.push(await this.reply());
    return replies;
  }

  /** All that comes until the server closes. */
  async rest(): Promise<string> {
    while (!this.#ended) await this.#change();
    return this.#text;
  }

  async startTls(options: { maxVersion?: "TLSv1.2" } = {}): Promise<void> {
    this.#socket.removeAllListeners();
    const socket = secure({ socket: this.#socket, rejectUnauthorized: false, ...options });
    this.#socket = socket;
    this.#listen();
    await once(socket, "secureConnect");
  }

  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  async #change(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }

  #listen(): void {
    const over = () => {
      this.#ended = true;
      this.#wake();
    };
    this.#socket
      .on("data", (chunk) => {
        this.#text += chunk.toString("latin1");
        this.#wake();
      })
      .on("end", over)
      .on("close", over)
      .on("error", over);
  }
}

export function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Puts a message on a session that has said EHLO; the reply to its end. */
export async function sendMessage(talker: Talker, content = "Subject: x\r\n\r\nHello\r\n"): Promise<string> {
  assert.match(await talker.ask("MAIL FROM:<a@client.test>"), /^250/);
  assert.match(await talker.ask("RCPT TO:<b@mx.test>"), /^250/);
  assert.match(await talker.ask("DATA"), /^354/);
  talker.send(`${content}.\r\n`);
  return talker.reply();
}
