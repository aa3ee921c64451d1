// Lookups a second of the key server beside a bare echo, which answers each line with as many octets over the same
// sockets and the same TLS. Each server is a process on a core of its own. The client is the same for both; it opens a
// new connection after 1000 requests, as KEY-16 makes everybody do, or after each to count handshakes.
import { connect, type Socket } from "node:net";
import { connect as connectTls, createSecureContext } from "node:tls";
import { figure, percent, printTable, race, readEffort } from "./harness.ts";
import { type Load, ServerProcess, underLoad } from "./server-process.ts";

interface AskingOptions {
  readonly port: number;
  readonly tls: boolean;
  /** Requests that are under way on a connection. */
  readonly depth: number;
  readonly requestsPerConnection: number;
  /** TLS sessions are taken up again. */
  readonly resume: boolean;
  readonly replyOctets: number;
  readonly request: (n: number) => string;
}

/** The ticket that the next connection shows. */
interface TlsSessions {
  latest: Buffer | null;
}

const CONNECTIONS = 16;
const MOST_REQUESTS = 1000;
const secureContext = createSecureContext();

/** All replies to KEY have the same length here, so octets count requests. */
async function replySize(port: number, request: string): Promise<number> {
  const socket = await open(port, true, null);
  socket.write(request);
  const reply = await new Promise<Buffer>((resolve) => socket.once("data", resolve));
  socket.destroy();
  return reply.length;
}

/** A connection past its greeting, and its handshake if there is to be one. */
async function open(port: number, tls: boolean, sessions: TlsSessions | null): Promise<Socket> {
  const socket = connect({ host: "127.0.0.1", port, noDelay: true });
  await new Promise((resolve, reject) => socket.once("data", resolve).once("error", reject));
  if (!tls) return socket;
  socket.write("STLS\r\n");
  await new Promise((resolve) => socket.once("data", resolve));
  const secure = connectTls({
    socket,
    secureContext,
    rejectUnauthorized: false,
    ALPNProtocols: ["vsmtp-key"],
    ...(sessions?.latest ? { session: sessions.latest } : {}),
  });
  if (sessions !== null) secure.on("session", (session) => (sessions.latest = session));
  await new Promise((resolve, reject) => secure.once("secureConnect", resolve).once("error", reject));
  return secure;
}

/** Keeps the server busy and counts what it answers. */
class Asking implements Load {
  done = 0;
  readonly #options: AskingOptions;
  readonly #sessions: TlsSessions | null;
  readonly #clients: Promise<unknown>;
  #next = 0;
  #running = true;

  constructor(options: AskingOptions) {
    this.#options = options;
    this.#sessions = options.resume ? { latest: null } : null;
    this.#clients = Promise.all(Array.from({ length: CONNECTIONS }, () => this.#client()));
  }

  async stop(): Promise<void> {
    this.#running = false;
    await this.#clients;
  }

  async #client(): Promise<void> {
    const { port, tls } = this.#options;
    while (this.#running) await this.#askAll(await open(port, tls, this.#sessions));
  }

  /** Resolves when the connection's requests are answered. */
  #askAll(socket: Socket): Promise<void> {
    const { depth, replyOctets, requestsPerConnection, request } = this.#options;
    let sent = 0;
    let octets = 0;
    let answered = 0;
    const send = (count: number): void => {
      let requests = "";
      for (let n = 0; n < count && sent < requestsPerConnection; n++, sent++)
        requests += request(this.#next++);
      if (requests !== "") socket.write(requests, "latin1");
    };
    socket.on("error", () => {});
    socket.on("data", (chunk: Buffer) => {
      octets += chunk.length;
      const fresh = Math.floor(octets / replyOctets) - answered;
      answered += fresh;
      this.done += fresh;
      if (!this.#running || answered >= requestsPerConnection) socket.destroy();
      else if (fresh > 0) send(fresh);
    });
    send(depth);
    return new Promise((resolve) => socket.once("close", () => resolve()));
  }
}

interface KeyServerReady {
  readonly port: number;
  readonly kid: string;
}

const effort = readEffort({ seconds: 0.5, runs: 5 });
const key = await ServerProcess.start<KeyServerReady>("key-server-process.ts", "key");
const rows: string[][] = [];
for (const tls of [false, true]) {
  const request = tls
    ? (n: number) => `KEY u${10_000 + (n % 10_000)}@example.test ${key.ready.kid}\r\n`
    : () => "NOOP\r\n";
  const replyOctets = tls ? await replySize(key.ready.port, request(0)) : "+OK\r\n".length;
  const echo = await ServerProcess.start<{ port: number }>(
    "key-server-process.ts",
    "echo",
    String(replyOctets),
  );
  const kept = { tls, replyOctets, request, requestsPerConnection: MOST_REQUESTS, resume: false };
  const fresh = { ...kept, depth: 1, requestsPerConnection: 1 };
  const loads = [
    { ...kept, depth: 1, how: "one at a time" },
    { ...kept, depth: 16, how: "16 deep" },
    { ...fresh, how: "new connection each" },
    ...(tls ? [{ ...fresh, resume: true, how: "new connection each, session resumed" }] : []),
  ];
  for (const { how, ...options } of loads) {
    const result = await race(
      {
        server: underLoad(key, () => new Asking({ ...options, port: key.ready.port })),
        echo: underLoad(echo, () => new Asking({ ...options, port: echo.ready.port })),
      },
      effort,
    );
    rows.push([
      `${tls ? "KEY in TLS" : "NOOP, plain"}, ${how}`,
      figure(result.perSecond("server")),
      percent(result.ratio("server", "echo")),
      figure(result.perCpuSecond("server")),
      percent(result.cpuRatio("server", "echo")),
      options.requestsPerConnection > 1 ? "70 %" : "",
    ]);
  }
  await echo.stop();
}
await key.stop();
const heading = [
  "key server, 16 connections",
  "a second",
  "of bare echo",
  "a CPU second",
  "of bare echo",
  "aim",
];
printTable("Lookups", heading, rows);
