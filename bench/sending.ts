// Mail on its way out, beside Postfix with OpenDKIM: smtp-source hands messages in, each is signed (Ed25519 in both) and
// synced to the disk before its 250, and delivered to smtp-sink. In clear text and without AUTH on either side; clients,
// sink and server share all cores.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { figure, moveTo, printTable, readEffort, spreadOf, times } from "./harness.ts";
import { hasPostfixWithOpenDkim, PostfixServer } from "./postfix.ts";
import { cpuSecondsOf, memoryOctetsOf } from "./process-tree.ts";
import type { SendingReady } from "./sending-server.ts";
import { ServerProcess } from "./server-process.ts";
import { SmtpSink, sendVolley, volleyMessage } from "./smtp-tools.ts";

/** What is measured, and how many times the peer's rate is aimed at. */
interface Case {
  readonly octets: number;
  readonly sessions: number;
  readonly kept: boolean;
  readonly aim: string;
}

const cases: readonly Case[] = [
  { octets: 2048, sessions: 20, kept: true, aim: "12 ×, 10 ×" },
  { octets: 2048, sessions: 20, kept: false, aim: "7 ×, 6 ×" },
  { octets: 2048, sessions: 1, kept: true, aim: "" },
  { octets: 2048, sessions: 100, kept: true, aim: "" },
  { octets: 51_200, sessions: 20, kept: true, aim: "" },
  { octets: 51_200, sessions: 1, kept: true, aim: "" },
  { octets: 51_200, sessions: 100, kept: true, aim: "" },
];

/** A server that signs and hands on, and how it is looked at. */
interface Contestant {
  readonly port: number;
  readonly pids: readonly number[];
  readonly sink: SmtpSink;
}

interface Figures {
  readonly acceptedPerSecond: number;
  readonly deliveredPerSecond: number;
  readonly cpuMs: number;
  readonly peakOctets: number;
}

const FIRST_MESSAGES = 200;
const WARMING_UP_MS = 5_000;

moveTo("all");
const { seconds, runs } = readEffort({ seconds: 3, runs: 3 });
if (!hasPostfixWithOpenDkim()) {
  console.log(
    "This needs root, Postfix (with smtp-source and smtp-sink) and OpenDKIM: Debian's postfix and opendkim.",
  );
  process.exit(0);
}
const folder = mkdtempSync(join(tmpdir(), "vsmtp-bench-"));
const sinks = [await SmtpSink.start(), await SmtpSink.start()] as const;
const postfix = await PostfixServer.start(folder, sinks[0].port);
const ours = await ServerProcess.startOn<SendingReady>(
  "all",
  "sending-server.ts",
  folder,
  String(sinks[1].port),
);
try {
  const peer: Contestant = { port: postfix.port, pids: postfix.pids, sink: sinks[0] };
  const own: Contestant = { port: ours.ready.port, pids: [ours.ready.pid], sink: sinks[1] };
  const rows: string[][] = [];
  for (const one of cases) {
    const file = join(folder, "message");
    writeFileSync(file, volleyMessage(one.octets));
    const rounds: { readonly peer: Figures; readonly own: Figures }[] = [];
    const enough = { peer: await howMany(peer, one, file), own: await howMany(own, one, file) };
    for (let run = 0; run < runs; run++) {
      rounds.push({
        peer: await measure(peer, one, file, enough.peer),
        own: await measure(own, one, file, enough.own),
      });
    }
    rows.push(...rowsOf(one, rounds));
    console.error(`${titleOf(one)}: done`);
  }
  printTable(
    "Mail on its way out, beside Postfix with OpenDKIM (Ed25519)",
    ["no TLS, no AUTH, all cores shared", "accepted/s", "×", "delivered/s", "×", "CPU ms", "peak MiB", "aim"],
    rows,
  );
} finally {
  await postfix.stop();
  await ours.stop();
  for (const sink of sinks) await sink.stop();
  rmSync(folder, { recursive: true, force: true });
}

/** As many as keep it busy for the time that is asked for, found out while the compiler gets to know the code. */
async function howMany(server: Contestant, one: Case, file: string): Promise<number> {
  let messages = FIRST_MESSAGES;
  for (const start = performance.now(); ; ) {
    const { acceptedPerSecond } = await measure(server, one, file, messages);
    messages = Math.max(FIRST_MESSAGES, Math.ceil(acceptedPerSecond * seconds));
    if (performance.now() - start > WARMING_UP_MS) return messages;
  }
}

async function measure(server: Contestant, one: Case, file: string, messages: number): Promise<Figures> {
  const { port, pids, sink } = server;
  let peakOctets = 0;
  const sampler = setInterval(() => {
    peakOctets = Math.max(peakOctets, memoryOctetsOf(pids));
  }, 500);
  const before = sink.received;
  const cpuBefore = cpuSecondsOf(pids);
  const start = performance.now();
  const acceptedSeconds = await sendVolley({ port, messages, file, sessions: one.sessions, kept: one.kept });
  await sink.until(before + messages);
  const deliveredSeconds = (performance.now() - start) / 1000;
  clearInterval(sampler);
  return {
    acceptedPerSecond: messages / acceptedSeconds,
    deliveredPerSecond: messages / deliveredSeconds,
    cpuMs: ((cpuSecondsOf(pids) - cpuBefore) / messages) * 1000,
    peakOctets: Math.max(peakOctets, memoryOctetsOf(pids)),
  };
}

function rowsOf(one: Case, rounds: readonly { readonly peer: Figures; readonly own: Figures }[]): string[][] {
  const cells = (side: "peer" | "own"): string[] => {
    const of = (name: keyof Figures): number => spreadOf(rounds.map((round) => round[side][name])).median;
    const ratio = (name: keyof Figures): string =>
      side === "own" ? times(spreadOf(rounds.map((round) => round.own[name] / round.peer[name]))) : "";
    return [
      figure(of("acceptedPerSecond")),
      ratio("acceptedPerSecond"),
      figure(of("deliveredPerSecond")),
      ratio("deliveredPerSecond"),
      figure(of("cpuMs")),
      (of("peakOctets") / 2 ** 20).toFixed(0),
    ];
  };
  return [
    [`vsmtp, ${titleOf(one)}`, ...cells("own"), one.aim],
    [`Postfix + OpenDKIM, ${titleOf(one)}`, ...cells("peer"), ""],
  ];
}

function titleOf({ octets, sessions, kept }: Case): string {
  const connections = kept ? `${sessions} kept` : `${sessions}, new connection each`;
  return `${octets / 1024} KiB, ${connections}`;
}
