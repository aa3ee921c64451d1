// Requests a second of the key server, on one core, beside a bare echo over the same sockets and TLS. The client is the
// same for both; it opens a new connection after 1000 requests, as KEY-16 makes everybody do.
import { type ChildProcess, fork } from "node:child_process";
import { connect, type Socket } from "node:net";
import { connect as connectTls, createSecureContext } from "node:tls";

export interface KeyServerRow {
  readonly what: string;
  readonly server: Rate;
  readonly echo: Rate;
}

export interface Rate {
  /** By the clock, with whatever else runs on the machine. */
  readonly perSecond: number;
  /** By the processor time that the server used: what a core to itself would do. */
  readonly perCoreSecond: number;
}

interface Load {
  readonly server: Started;
  readonly tls: boolean;
  readonly depth: number;
  readonly replyOctets: number;
  readonly request: (n: number) => string;
}

const CONNECTIONS = 16;
const REQUESTS_PER_CONNECTION = 1000;
const secureContext = createSecureContext();

/** @param seconds of measuring for each figure, after as much again for warming up */
export async function measureKeyServer(seconds = 1.5): Promise<KeyServerRow[]> {
  const key = await start("key");
  const rows: KeyServerRow[] = [];
  for (const tls of [false, true]) {
    const request = tls
      ? (n: number) => `KEY u${10_000 + (n % 10_000)}@example.test ${key.kid}\r\n`
      : () => "NOOP\r\n";
    const replyOctets = tls ? await replySize(key.port, request(0)) : "+OK\r\n".length;
    const echo = await start("echo", replyOctets);
    for (const depth of [1, 16]) {
      const load = { tls, depth, replyOctets, request };
      // In turns, so that what else the machine does hits both.
      const turns: { server: Rate; echo: Rate }[] = [];
      for (let turn = 0; turn < 3; turn++) {
        turns.push({
          echo: await run({ ...load, server: echo }, seconds),
          server: await run({ ...load, server: key }, seconds),
        });
      }
      const what = `${tls ? "KEY in TLS" : "NOOP, plain"}, ${depth === 1 ? "one at a time" : "16 deep"}`;
      rows.push({
        what,
        server: median(turns.map((turn) => turn.server)),
        echo: median(turns.map((turn) => turn.echo)),
      });
    }
    echo.process.disconnect();
  }
  key.process.disconnect();
  return rows;
}

interface Started {
  readonly process: ChildProcess;
  readonly port: number;
  readonly kid: string;
}

async function start(mode: "key" | "echo", replyOctets = 0): Promise<Started> {
  const child = fork(new URL("./key-server-process.ts", import.meta.url), [mode, String(replyOctets)]);
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

function median(rates: readonly Rate[]): Rate {
  const middle = (values: number[]) => values.sort((a, b) => a - b)[values.length >> 1] as number;
  return {
    perSecond: middle(rates.map((rate) => rate.perSecond)),
    perCoreSecond: middle(rates.map((rate) => rate.perCoreSecond)),
  };
}

/** All replies to KEY have the same length here, so octets count requests. */
async function replySize(port: number, request: string): Promise<number> {
  const socket = await open(port, true);
  socket.write(request);
  const reply = await new Promise<Buffer>((resolve) => socket.once("data", resolve));
  socket.destroy();
  return reply.length;
}

/** A connection past its greeting, and its handshake if there is to be one. */
async function open(port: number, tls: boolean): Promise<Socket> {
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
  });
  await new Promise((resolve, reject) => secure.once("secureConnect", resolve).once("error", reject));
  return secure;
}

async function run(load: Load, seconds: number): Promise<Rate> {
  let answered = 0;
  let next = 0;
  let running = true;
  const serve = async (): Promise<void> => {
    while (running) {
      const socket = await open(load.server.port, load.tls);
      await new Promise<void>((resolve) => {
        let sent = 0;
        let octets = 0;
        let counted = 0;
        const send = (count: number): void => {
          let requests = "";
          for (let n = 0; n < count && sent < REQUESTS_PER_CONNECTION; n++, sent++)
            requests += load.request(next++);
          if (requests !== "") socket.write(requests, "latin1");
        };
        socket.on("error", () => {}).on("close", () => resolve());
        socket.on("data", (chunk: Buffer) => {
          octets += chunk.length;
          const whole = Math.floor(octets / load.replyOctets);
          const fresh = whole - counted;
          counted = whole;
          answered += fresh;
          if (!running || counted >= REQUESTS_PER_CONNECTION) socket.destroy();
          else if (fresh > 0) send(fresh);
        });
        send(load.depth);
      });
    }
  };
  const serving = Promise.all(Array.from({ length: CONNECTIONS }, serve));
  await pause(seconds * 500);
  const cpuBefore = await cpuSeconds(load.server);
  const before = answered;
  const start = performance.now();
  await pause(seconds * 1000);
  const elapsed = (performance.now() - start) / 1000;
  const requests = answered - before;
  const cpu = (await cpuSeconds(load.server)) - cpuBefore;
  running = false;
  await serving;
  return { perSecond: requests / elapsed, perCoreSecond: requests / cpu };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

if (process.argv[1] === import.meta.filename) {
  for (const { what, server, echo } of await measureKeyServer()) {
    const compare = (figure: keyof Rate) => {
      const share = ((100 * server[figure]) / echo[figure]).toFixed(0);
      return `${server[figure].toFixed(0)} (bare echo ${echo[figure].toFixed(0)}: ${share} %)`;
    };
    console.log(`${what}: ${compare("perSecond")} a second, ${compare("perCoreSecond")} a second of a core`);
  }
}
