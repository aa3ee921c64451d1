// Mail on its way in, beside Postfix with OpenDKIM: smtp-source hands messages in, each is verified (Ed25519 in both, keys
// known already), synced to the disk before its 250, and delivered to smtp-sink. In clear text; clients, sink and
// servers share all cores. Then without a known key: each message of another account, whose key is asked for over TLS.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { moveTo, printTable, readEffort } from "./harness.ts";
import { hasPostfixWithOpenDkim, PostfixServer } from "./postfix.ts";
import { coldFile, dkimName, messageFile, NOTES, type ReceivingNotes } from "./receiving-files.ts";
import type { KeysReady } from "./receiving-keys.ts";
import type { ReceivingReady } from "./receiving-server.ts";
import { ServerProcess } from "./server-process.ts";
import { SmtpSink } from "./smtp-tools.ts";
import { type HandedIn, handIn, percentile } from "./steady-sending.ts";
import { type Case, type Contestant, columns, measureCase, titleOf } from "./volleys.ts";

const cases: readonly Case[] = [
  { octets: 2048, sessions: 20, kept: true, aim: "8 ×" },
  { octets: 2048, sessions: 20, kept: false, aim: "5 ×" },
  { octets: 2048, sessions: 1, kept: true, aim: "" },
  { octets: 2048, sessions: 100, kept: true, aim: "" },
  { octets: 51_200, sessions: 20, kept: true, aim: "" },
];
const COLD_MESSAGES = 2000;
const SESSIONS = 20;
const PROBE_SECONDS = 10;

moveTo("all");
const effort = readEffort({ seconds: 3, runs: 3 });
if (!hasPostfixWithOpenDkim()) {
  console.log(
    "This needs root, Postfix (with smtp-source and smtp-sink) and OpenDKIM: Debian's postfix and opendkim.",
  );
  process.exit(0);
}
const folder = mkdtempSync(join(tmpdir(), "vsmtp-bench-"));
const sinks = await Promise.all([SmtpSink.start(), SmtpSink.start(), SmtpSink.start()]);
const keys = await ServerProcess.startOn<KeysReady>(
  "all",
  "receiving-keys.ts",
  folder,
  String(COLD_MESSAGES),
);
const started: { stop(): Promise<void> }[] = [];
try {
  await measureVolleys();
  await measureLookups();
  await measureLatency();
} finally {
  for (const server of started.reverse()) await server.stop();
  await keys.stop();
  for (const sink of sinks) await sink.stop();
  rmSync(folder, { recursive: true, force: true });
}

async function measureVolleys(): Promise<void> {
  const [peerSink, ownSink, fullSink] = sinks as [SmtpSink, SmtpSink, SmtpSink];
  const fileOf = (kind: "both" | "vsmtp" | "dkim") => (octets: number) =>
    join(folder, messageFile(kind, octets));
  const { dkimRecord: record } = keys.ready;
  const postfix = await PostfixServer.start(folder, peerSink.port, null, {
    mode: "verify",
    name: dkimName,
    record,
  });
  started.push(postfix);
  const own = await startReceiver("own", ownSink, false);
  const full = await startReceiver("full", fullSink, true);
  const contestants: Contestant[] = [
    { name: "vsmtp", sink: ownSink, messageOf: fileOf("vsmtp"), numbered: true, ...placeOf(own) },
    {
      name: "vsmtp, and SPF, DKIM, DMARC, ARC",
      sink: fullSink,
      messageOf: fileOf("both"),
      numbered: true,
      ...placeOf(full),
    },
  ];
  const peer: Contestant = {
    name: "Postfix + OpenDKIM",
    port: postfix.port,
    pids: postfix.pids,
    sink: peerSink,
    messageOf: fileOf("dkim"),
    numbered: true,
  };
  const rows: string[][] = [];
  for (const one of cases) {
    rows.push(...(await measureCase(one, contestants, peer, effort)));
    console.error(`${titleOf(one)}: done`);
  }
  for (const server of started.splice(0).reverse()) await server.stop();
  printTable(
    "Mail on its way in, beside Postfix with OpenDKIM (Ed25519 in both)",
    ["no TLS, keys known, all cores shared", ...columns],
    rows,
  );
  for (const name of ["own", "full"])
    console.log(`verdicts, ${name}: ${JSON.stringify(notesOf(name).results)}`);
}

/** Each message is another account's: with keys known from a first time, and without. */
async function measureLookups(): Promise<void> {
  const receiver = await startReceiver("lookups", sinks[0] as SmtpSink, false);
  const messages = Array.from({ length: COLD_MESSAGES }, (_, index) =>
    readFileSync(join(folder, coldFile(index))),
  );
  const rows: string[][] = [];
  for (const name of ["cold, a lookup for each", "warm, the same accounts again"]) {
    const { perSecond, replyMs } = await handIn(receiver.ready.port, messages, {
      sessions: SESSIONS,
      recipient: (index) => `${name.slice(0, 4)}${index}@dest.test`,
    });
    rows.push([name, perSecond.toFixed(0), percentile(replyMs, 0.5), percentile(replyMs, 0.99)]);
  }
  await receiver.stop();
  started.length = 0;
  printTable(
    `${COLD_MESSAGES} accounts, ${SESSIONS} kept sessions`,
    ["2 KiB", "accepted/s", "reply p50 ms", "p99 ms"],
    rows,
  );
  console.log(`verdicts: ${JSON.stringify(notesOf("lookups").results)}`);
}

/** What verifying adds to the time that a client waits for its 250, at half the highest rate. */
async function measureLatency(): Promise<void> {
  const kinds = ["vsmtp", "none"] as const;
  const receivers = await Promise.all(
    kinds.map((kind, index) => startReceiver(kind, sinks[index] as SmtpSink, false)),
  );
  let phase = 0;
  const phaseOf = async (pace?: readonly number[]): Promise<HandedIn[]> => {
    phase++;
    const results: HandedIn[] = [];
    for (const [index, kind] of kinds.entries()) {
      const text = readFileSync(join(folder, messageFile(kind, 2048)), "latin1").replaceAll("\n", "\r\n");
      const options = {
        sessions: SESSIONS,
        seconds: PROBE_SECONDS,
        recipient: (message: number) => `p${phase}-${message}@dest.test`,
        ...(pace === undefined ? {} : { perSecond: pace[index] as number }),
      };
      results.push(await handIn(receivers[index]?.ready.port ?? 0, [Buffer.from(text, "latin1")], options));
    }
    return results;
  };
  await phaseOf(); // the compiler gets to know the code
  const highest = await phaseOf();
  const half = await phaseOf(highest.map(({ perSecond }) => perSecond / 2));
  for (const receiver of receivers) await receiver.stop();
  started.length = 0;
  const rows = kinds.map((kind, index) => {
    const { perSecond, replyMs } = half[index] as HandedIn;
    const judged = notesOf(kind).verifyingMs.slice(-replyMs.length);
    return [
      kind === "none" ? "unsigned" : "signed",
      (highest[index] as HandedIn).perSecond.toFixed(0),
      perSecond.toFixed(0),
      ...[0.5, 0.99].flatMap((share) => [percentile(replyMs, share), percentile(judged, share)]),
    ];
  });
  printTable(
    `At half the highest rate, ${SESSIONS} kept sessions`,
    [
      "2 KiB, key known",
      "highest/s",
      "rate/s",
      "reply p50 ms",
      "verifying p50",
      "reply p99",
      "verifying p99",
    ],
    rows,
  );
}

async function startReceiver(
  name: string,
  sink: SmtpSink,
  neighbours: boolean,
): Promise<ServerProcess<ReceivingReady>> {
  const server = await ServerProcess.startOn<ReceivingReady>(
    "all",
    "receiving-server.ts",
    join(folder, name),
    String(sink.port),
    JSON.stringify(keys.ready),
    String(neighbours),
  );
  started.push(server);
  return server;
}

function placeOf({ ready: { port, pid } }: ServerProcess<ReceivingReady>) {
  return { port, pids: [pid] };
}

function notesOf(name: string): ReceivingNotes {
  return JSON.parse(readFileSync(join(folder, name, NOTES), "utf8"));
}
