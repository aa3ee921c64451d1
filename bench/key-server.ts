// Lookups a second of the key server beside a bare echo, which answers each line with as many octets over the same
// sockets and the same TLS. Each server is a process on a core of its own. The client is the same for both; it opens a
// new connection after 1000 requests, as KEY-16 makes everybody do, or after each to count handshakes.
import { type ChildProcess, spawn } from "node:child_process";
import { connect, type Socket } from "node:net";
import { connect as connectTls, createSecureContext } from "node:tls";
import {
  type Contestant,
  figure,
  onCore,
  percent,
  printTable,
  race,
  readEffort,
  type Sample,
} from "./harness.ts";

interface Load {
  readonly server: Started;
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

interface Started {
  readonly process: ChildProcess;
  readonly port: number;
  readonly kid: string;
}

const CONNECTIONS = 16;
const MOST_REQUESTS = 1000;
const secureContext = createSecureContext();

async function start(mode: "key" | "echo", replyOctets = 0): Promise<Started> {
  const file = new URL("./key-server-process.ts", import.meta.url).pathname;
  const [command, ...args] = onCore(1, [process.execPath, file, mode, String(replyOctets)]);
  const child = spawn(command as string, args, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  const { port, kid } = await answerOf<{ port: number; kid: string }>(child);
  return { process: child, port, kid };
}

function answerOf<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve) => child.once("message", (message) => resolve(message as T)));
}

async function cpuSeconds({ process }: Started): Promise<number> {
  const answer = answerOf<{ cpuUs: number }>(process);
  process.send("cpu");
  return (await answer).cpuUs / 1e6;
}

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
function asking(load: Load): Contestant {
  return async (seconds): Promise<Sample> => {
    let answered = 0;
    let next = 0;
    let running = true;
    const sessions = load.resume ? { latest: null } : null;
    const serve = async (): Promise<void> => {
      while (running) {
        const socket = await open(load.server.port, load.tls, sessions);
        await new Promise<void>((resolve) => {
          let sent = 0;
          let octets = 0;
          let counted = 0;
          const send = (count: number): void => {
            let requests = "";
            for (let n = 0; n < count && sent < load.requestsPerConnection; n++, sent++) {
              requests += load.request(next++);
            }
            if (requests !== "") socket.write(requests, "latin1");
          };
          socket.on("error", () => {}).on("close", () => resolve());
          socket.on("data", (chunk: Buffer) => {
            octets += chunk.length;
            const whole = Math.floor(octets / load.replyOctets);
            const fresh = whole - counted;
            counted = whole;
            answered += fresh;
            if (!running || counted >= load.requestsPerConnection) socket.destroy();
            else if (fresh > 0) send(fresh);
          });
          send(load.depth);
        });
      }
    };
    const serving = Promise.all(Array.from({ length: CONNECTIONS }, serve));
    await pause(200);
    const cpuBefore = await cpuSeconds(load.server);
    const before = answered;
    const start = performance.now();
    await pause(seconds * 1000);
    const elapsed = (performance.now() - start) / 1000;
    const done = answered - before;
    const cpu = (await cpuSeconds(load.server)) - cpuBefore;
    running = false;
    await serving;
    return { done, seconds: elapsed, cpuSeconds: cpu };
  };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

const effort = readEffort({ seconds: 0.5, runs: 5 });
const key = await start("key");
const rows: string[][] = [];
for (const tls of [false, true]) {
  const request = tls
    ? (n: number) => `KEY u${10_000 + (n % 10_000)}@example.test ${key.kid}\r\n`
    : () => "NOOP\r\n";
  const replyOctets = tls ? await replySize(key.port, request(0)) : "+OK\r\n".length;
  const echo = await start("echo", replyOctets);
  const kept = { tls, replyOctets, request, requestsPerConnection: MOST_REQUESTS, resume: false };
  const fresh = { ...kept, depth: 1, requestsPerConnection: 1 };
  const loads = [
    { ...kept, depth: 1, how: "one at a time" },
    { ...kept, depth: 16, how: "16 deep" },
    { ...fresh, how: "new connection each" },
    ...(tls ? [{ ...fresh, resume: true, how: "new connection each, session resumed" }] : []),
  ];
  for (const { how, ...load } of loads) {
    const result = await race(
      { server: asking({ ...load, server: key }), echo: asking({ ...load, server: echo }) },
      effort,
    );
    rows.push([
      `${tls ? "KEY in TLS" : "NOOP, plain"}, ${how}`,
      figure(result.perSecond("server")),
      percent(result.ratio("server", "echo")),
      figure(result.perCpuSecond("server")),
      percent(result.cpuRatio("server", "echo")),
      load.requestsPerConnection > 1 ? "70 %" : "",
    ]);
  }
  echo.process.disconnect();
}
key.process.disconnect();
const heading = [
  "key server, 16 connections",
  "a second",
  "of bare echo",
  "a CPU second",
  "of bare echo",
  "aim",
];
printTable("Lookups", heading, rows);
