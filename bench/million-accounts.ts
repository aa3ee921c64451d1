// A million accounts in each of the stores: how fast they are made and what room they take; lookups inside TLS beside
// the same with 1,000 accounts, with all replies held in memory or a tenth of them; how long a lookup takes at half that
// rate; and the server's memory. --accounts N takes another number.
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadAccounts, uniform, zipf } from "./accounts.ts";
import {
  type Contestant,
  figure,
  moveTo,
  percent,
  printTable,
  race,
  readEffort,
  readNumber,
} from "./harness.ts";
import { type KeyServerPeer, startKeyServer, warmUp } from "./key-server-peer.ts";
import { Asking } from "./lookup-client.ts";
import { databaseOctets, PostgresqlServer } from "./postgresql.ts";
import { underLoad } from "./server-process.ts";
import { SteadyAsking } from "./steady-asking.ts";

const FEW = 1000;
const CONNECTIONS = 50;
const STEADY_SECONDS = 5;
const MEBIBYTE = 1 << 20;

const effort = readEffort({ seconds: 1, runs: 5 });
const many = Math.ceil(readNumber("accounts", 1_000_000));
const folder = mkdtempSync(join(tmpdir(), "vsmtp-bench-"));
moveTo("all");
const postgresql = await PostgresqlServer.start(folder);
try {
  const file = (name: string): string => join(folder, name);
  await measure("SQLite", file("few.db"), file("many.db"), async (path) => statSync(path).size);
  const [small, large] = [await postgresql.makeDatabase(), await postgresql.makeDatabase()];
  await measure("PostgreSQL", small, large, databaseOctets);
} finally {
  await postgresql.stop();
  rmSync(folder, { recursive: true });
}
async function measure(
  store: string,
  few: string,
  location: string,
  octetsOf: (location: string) => Promise<number>,
): Promise<void> {
  moveTo("all");
  const fewAccounts = await loadAccounts(few, FEW);
  const accounts = await loadAccounts(location, many);
  moveTo(0);
  const octetsEach = ((await octetsOf(location)) - (await octetsOf(few))) / (many - FEW);
  printTable(
    `${store}: accounts made, with key pairs, without passwords`,
    ["accounts", "a second", "octets each", "aim"],
    [[figure(many), figure(many / accounts.seconds), figure(octetsEach), "≥ 5,000"]],
  );

  const all = await startKeyServer({
    transport: "tls",
    location,
    remembered: many,
    script: uniform(accounts),
  });
  const tenth = Math.ceil(many / 10);
  const some = await startKeyServer({
    transport: "tls",
    location,
    remembered: tenth,
    script: uniform(accounts),
  });
  const peers: Record<string, KeyServerPeer> = {
    [figure(FEW)]: await startKeyServer({
      transport: "tls",
      location: few,
      remembered: FEW,
      script: uniform(fewAccounts),
    }),
    [`${figure(many)}, all, evenly`]: all,
    [`${figure(many)}, all, by Zipf's law`]: { ...all, script: zipf(accounts) },
    [`${figure(many)}, ${figure(tenth)}, evenly`]: some,
    [`${figure(many)}, ${figure(tenth)}, by Zipf's law`]: { ...some, script: zipf(accounts) },
  };
  await warmUp(all, many);
  for (const peer of Object.values(peers)) if (peer !== all) await warmUp(peer, tenth);
  const contestants: Record<string, Contestant> = {};
  for (const [name, peer] of Object.entries(peers)) {
    contestants[name] = underLoad(
      peer.server,
      () => new Asking({ ...peer, connections: CONNECTIONS, depth: 1 }),
    );
  }
  const result = await race(contestants, effort);
  const rows: string[][] = [];
  for (const [name, peer] of Object.entries(peers)) {
    const latencies = await steadily(peer, result.perSecond(name) / 2);
    const { residentOctets } = await peer.server.usage();
    const isMeasure = name === figure(FEW);
    rows.push([
      name,
      figure(result.perSecond(name)),
      isMeasure ? "" : percent(result.ratio(name, figure(FEW))),
      figure(1e6 / result.perCpuSecond(name)),
      ...[50, 99].map((part) => figure(latencies.percentile(part) / 1000)),
      figure(residentOctets / MEBIBYTE),
      isMeasure ? "" : "80 %, p99 < 5 ms",
    ]);
  }
  printTable(
    `${store}: lookups inside TLS, one at a time on ${CONNECTIONS} connections`,
    ["accounts, replies in memory", "a second", "of 1,000", "CPU µs", "p50 ms", "p99 ms", "MiB", "aim"],
    rows,
  );
  for (const server of new Set(Object.values(peers).map((peer) => peer.server))) await server.stop();
}

/** How long lookups take that come evenly, in microseconds. */
async function steadily(peer: KeyServerPeer, perSecond: number): Promise<SteadyAsking["latencies"]> {
  const asking = new SteadyAsking({ ...peer, connections: CONNECTIONS, perSecond });
  await pause(500);
  asking.latencies.reset(); // of the connections that were being opened
  await pause(STEADY_SECONDS * 1000);
  await asking.stop();
  return asking.latencies;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
