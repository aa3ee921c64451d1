// Lookups a second of the key server beside nsd, which answers DKIM's TXT records over TCP, and redis GET: 100,000 names
// each, the server on one core, the client on another. KEY is asked in clear text, which only a benchmark may, and
// inside TLS as the protocol has it. A server that is not installed is left out.
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { accountName, loadAccounts, uniform } from "./accounts.ts";
import {
  type Contestant,
  figure,
  hasCore,
  percent,
  printTable,
  type Race,
  race,
  readEffort,
  times,
} from "./harness.ts";
import { type KeyServerPeer, startKeyServer, warmUp } from "./key-server-peer.ts";
import { Asking, type Peer } from "./lookup-client.ts";
import { startNsd } from "./nsd.ts";
import { startRedis } from "./redis.ts";
import { underLoad } from "./server-process.ts";

const NAMES = 100_000;
const SPKI_PREFIX = Buffer.from("302a300506032b6570032100", "hex");

type Name = "plain" | "tls" | "nsd" | "redis";
type Peers = Readonly<Partial<Record<Name, Peer>>>;
const titles: Readonly<Record<Name, string>> = {
  plain: "KEY, plain",
  tls: "KEY in TLS",
  nsd: "nsd, TXT over TCP",
  redis: "redis GET",
};

const effort = readEffort({ seconds: 0.5, runs: 5 });
const folder = mkdtempSync(join(tmpdir(), "vsmtp-bench-"));
const started: Peer[] = [];
try {
  const location = join(folder, "keyring.db");
  const accounts = await loadAccounts(location, NAMES);
  const keyServer = async (transport: "plain" | "tls", core = 1): Promise<KeyServerPeer> => {
    const script = uniform(accounts);
    const peer = await startKeyServer({ transport, location, remembered: NAMES, script, core });
    started.push(peer);
    await warmUp(peer, NAMES);
    return peer;
  };
  const plain = await keyServer("plain");
  const keys = new Map(Array.from({ length: NAMES }, (_, n) => [accountName(n), publicKey()]));
  const nsd = await startNsd(keys, folder);
  const redis = await startRedis(keys, folder);
  for (const peer of [nsd, redis]) if (peer !== null) started.push(peer);
  if (nsd === null || redis === null) console.log("nsd and redis-server take part where they are installed.");
  await compare({
    plain,
    tls: await keyServer("tls"),
    ...(nsd === null ? {} : { nsd }),
    ...(redis === null ? {} : { redis }),
  });
  // The client's own core, if there is no third.
  await compareTwo(plain, await keyServer("plain", hasCore(2) ? 2 : 0));
} finally {
  for (const { server } of started) await server.stop();
  rmSync(folder, { recursive: true });
}

async function compare(peers: Peers): Promise<void> {
  const rows: string[][] = [];
  const names = Object.keys(peers) as Name[];
  for (const { connections, depth } of [
    { connections: 16, depth: 1 },
    { connections: 50, depth: 1 },
    { connections: 16, depth: 16 },
  ]) {
    const contestants = Object.fromEntries(
      names.map((name) => [name, asked(peers[name] as Peer, connections, depth)]),
    ) as Record<Name, Contestant>;
    const result = await race(contestants, effort);
    const how = `${connections} connections, ${depth === 1 ? "one at a time" : `${depth} deep`}`;
    for (const name of names) rows.push([`${titles[name]}, ${how}`, ...cells(result, name, names, depth)]);
  }
  const heading = [
    "100,000 names, one core",
    "a second",
    "of nsd",
    "of redis",
    "of plain",
    "CPU µs",
    "busy",
    "aim",
  ];
  printTable("Lookups beside their peers", heading, rows);
}

function cells(result: Race<Name>, name: Name, names: readonly Name[], depth: number): string[] {
  const aims = {
    plain: depth === 1 ? "1 × nsd, redis" : "6 × nsd",
    tls: "60 % of plain",
    nsd: "",
    redis: "",
  };
  const isOurs = name === "plain" || name === "tls";
  const beside = (peer: Name): string =>
    isOurs && names.includes(peer) ? times(result.ratio(name, peer)) : "";
  return [
    figure(result.perSecond(name)),
    beside("nsd"),
    beside("redis"),
    name === "tls" ? percent(result.ratio("tls", "plain")) : "",
    figure(1e6 / result.perCpuSecond(name)),
    result.busy(name),
    aims[name],
  ];
}

/** Two processes beside one: what each lookup costs them is what they share, whether or not the client leaves room. */
async function compareTwo(one: KeyServerPeer, other: KeyServerPeer): Promise<void> {
  let turn = 0;
  const both: Peer = {
    ...one,
    open: (onRead) => (turn++ % 2 === 0 ? one : other).open(onRead),
    server: {
      cpuSeconds: async () => (await one.server.cpuSeconds()) + (await other.server.cpuSeconds()),
      stop: async () => {},
    },
  };
  const rows: string[][] = [];
  for (const depth of [1, 16]) {
    const alone = hasCore(2);
    const result = await race(
      { one: asked(one, 16, depth, alone), both: asked(both, 16, depth, alone) },
      effort,
    );
    rows.push([
      `KEY, plain, ${depth === 1 ? "one at a time" : `${depth} deep`}`,
      figure(result.perSecond("one")),
      figure(result.perSecond("both")),
      times(result.ratio("both", "one")),
      percent(result.cpuRatio("both", "one")),
      result.busy("both"),
      "2 ×, 100 %",
    ]);
  }
  const heading = ["16 connections", "one process", "two", "by the clock", "a CPU second", "busy", "aim"];
  printTable(`Two processes ${hasCore(2) ? "on a core each" : "and the client on two cores"}`, heading, rows);
}

function asked(peer: Peer, connections: number, depth: number, alone = hasCore(1)): Contestant {
  return underLoad(peer.server, () => new Asking({ ...peer, connections, depth, alone }));
}

function publicKey(): string {
  return Buffer.concat([SPKI_PREFIX, randomBytes(32)]).toString("base64");
}
