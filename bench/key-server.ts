// Lookups a second of the key server beside a bare echo, which answers each line with as many octets over the same
// sockets and the same TLS. Each server is a process on a core of its own. The client is the same for both; it opens a
// new connection after 999 requests, as KEY-16 makes everybody do, or after each to count handshakes.
import { figure, percent, printTable, race, readEffort } from "./harness.ts";
import { MOST_REQUESTS } from "./key-server-peer.ts";
import { Asking, measureReply, type Open, openPlain, openTls, Script } from "./lookup-client.ts";
import { ServerProcess, underLoad } from "./server-process.ts";

const ACCOUNTS = 10_000;

const effort = readEffort({ seconds: 0.5, runs: 5 });
const key = await ServerProcess.start<{ port: number; kid: string }>("key-server-process.ts", "key");
const lookups = Array.from(
  { length: ACCOUNTS },
  (_, n) => `KEY u${10_000 + n}@example.test ${key.ready.kid}\r\n`,
);
const rows: string[][] = [];
for (const tls of [false, true]) {
  const opener = (port: number, resume = false): Open =>
    tls ? openTls(port, { resume }) : openPlain(port, { greeted: true });
  const script = Script.of(tls ? lookups : Array(16).fill("NOOP\r\n"));
  const replyOctets = await measureReply(opener(key.ready.port), script, "+OK");
  const echo = await ServerProcess.start<{ port: number }>(
    "key-server-process.ts",
    "echo",
    String(replyOctets),
  );
  const loads = [
    { depth: 1, requestsPerConnection: MOST_REQUESTS, how: "one at a time" },
    { depth: 16, requestsPerConnection: MOST_REQUESTS, how: "16 deep" },
    { depth: 1, requestsPerConnection: 1, how: "new connection each" },
    ...(tls
      ? [{ depth: 1, requestsPerConnection: 1, how: "new connection each, session resumed", resume: true }]
      : []),
  ];
  for (const { how, resume, ...load } of loads) {
    const asking =
      ({ port }: { port: number }) =>
      () =>
        new Asking({ ...load, open: opener(port, resume), script, replyOctets, connections: 16 });
    const result = await race(
      { server: underLoad(key, asking(key.ready)), echo: underLoad(echo, asking(echo.ready)) },
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
