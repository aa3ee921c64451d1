// What a long queue costs: how long a server with a million queued messages takes to start and what memory it has then;
// and what 100,000 messages to a destination that is dead take from one that lives.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { newMessageId, type StoredMessage } from "../src/queue/index.ts";
import { Spool } from "../src/spool/index.ts";
import { openQueueStore } from "../src/store/index.ts";
import { figure, moveTo, percent, printTable, readEffort, spreadOf } from "./harness.ts";
import { NativeServer } from "./native-server.ts";
import { memoryOctetsOf } from "./process-tree.ts";
import { letter } from "./sample-messages.ts";
import type { SendingReady } from "./sending-server.ts";
import { ServerProcess } from "./server-process.ts";
import { SmtpSink, sendVolley, volleyMessage } from "./smtp-tools.ts";

const MESSAGES = 1_000_000;
const DESTINATIONS = 10_000;
const DEAD_MESSAGES = 100_000;
const DAY_MS = 86_400_000;
const PER_COMMIT = 1000;

const { seconds, runs } = readEffort({ seconds: 3, runs: 5 });
moveTo("all");
const folder = mkdtempSync(join(tmpdir(), "vsmtp-bench-"));
try {
  await aMillion(join(folder, "million"));
  if (NativeServer.has("smtp-source")) await deadDestination();
  else console.log("The dead destination needs smtp-source and smtp-sink: Debian's postfix.");
} finally {
  rmSync(folder, { recursive: true });
}

async function aMillion(place: string): Promise<void> {
  const rows: string[][] = [];
  for (const messages of [0, MESSAGES]) {
    const home = `${place}-${messages}`;
    await fill(home, messages, (n) => `d${n % DESTINATIONS}.test`, Date.now() + DAY_MS);
    const start = performance.now();
    const server = await ServerProcess.startOn<SendingReady>("all", "sending-server.ts", home, "9");
    const startSeconds = (performance.now() - start) / 1000;
    const atStart = memoryOctetsOf([server.ready.pid]);
    await pause(seconds * 1000);
    const later = memoryOctetsOf([server.ready.pid]);
    await server.stop();
    rows.push([
      `${messages.toLocaleString("en-US")} messages queued`,
      figure(startSeconds),
      mebibytes(atStart),
      mebibytes(later),
    ]);
  }
  printTable(
    "A long queue",
    ["SQLite, 2 KiB each", "s to the first greeting", "MiB then", `MiB ${seconds} s later`],
    rows,
  );
}

/** Two servers take turns; one has mail for a host that takes connections and says nothing. */
async function deadDestination(): Promise<void> {
  const silent = await listenSilently();
  const file = join(folder, "message");
  writeFileSync(file, volleyMessage(2048));
  const sinks = [await SmtpSink.start(), await SmtpSink.start()] as const;
  const [burdened, free] = [join(folder, "burdened"), join(folder, "free")];
  await fill(burdened, DEAD_MESSAGES, () => "dead.test", Date.now());
  await fill(free, 0, () => "", 0);
  const dead = String((silent.address() as { port: number }).port);
  const start = (home: string, sink: SmtpSink): Promise<ServerProcess<SendingReady>> =>
    ServerProcess.startOn<SendingReady>("all", "sending-server.ts", home, String(sink.port), dead);
  const servers = [await start(burdened, sinks[0]), await start(free, sinks[1])] as const;
  const perSecond = async (which: 0 | 1, messages: number): Promise<number> => {
    const before = sinks[which].received;
    const startMs = performance.now();
    const { port } = servers[which].ready;
    await sendVolley({ port, sessions: 20, messages, kept: true, file });
    await sinks[which].until(before + messages);
    return (messages * 1000) / (performance.now() - startMs);
  };
  const messages = Math.ceil((await perSecond(1, 1000)) * seconds);
  await perSecond(0, 1000);
  const rounds: { readonly with: number; readonly without: number }[] = [];
  for (let run = 0; run < runs; run++) {
    rounds.push({ with: await perSecond(0, messages), without: await perSecond(1, messages) });
  }
  const median = (rates: readonly number[]): string => figure(spreadOf(rates).median);
  printTable(
    `${DEAD_MESSAGES.toLocaleString("en-US")} messages to a dead destination`,
    ["2 KiB, 20 sessions, delivered/s", "without", "with", "with, of without", "aim"],
    [
      [
        "live mail",
        median(rounds.map((round) => round.without)),
        median(rounds.map((round) => round.with)),
        percent(spreadOf(rounds.map((round) => round.with / round.without))),
        "over 90 %",
      ],
    ],
  );
  for (const server of servers) await server.stop();
  for (const sink of sinks) await sink.stop();
  silent.close();
}

async function fill(
  home: string,
  count: number,
  destination: (n: number) => string,
  dueAt: number,
): Promise<void> {
  const spool = await Spool.open(join(home, "spool"));
  const store = await openQueueStore(join(home, "queue.sqlite"), spool);
  const content = { inline: letter(2048), file: null };
  for (let done = 0; done < count; done += PER_COMMIT) {
    const messages = Array.from({ length: PER_COMMIT }, (_, n) =>
      storedMessage(destination(done + n), { ...content }, dueAt),
    );
    await store.commit([{ kind: "insert", messages }]);
  }
  await store.close();
}

function storedMessage(
  destination: string,
  content: StoredMessage["content"],
  enqueuedAt: number,
): StoredMessage {
  return {
    id: newMessageId(Date.now()),
    destination,
    sender: "u1@example.test",
    recipients: [{ address: `bob@${destination}`, notify: null, originalRecipient: null }],
    prefix: Buffer.alloc(0),
    content,
    body: "7bit",
    smtputf8: false,
    requireTls: false,
    envelopeId: null,
    returned: null,
    account: null,
    kids: [],
    suspicious: false,
    enqueuedAt,
    expiresAt: enqueuedAt + 5 * DAY_MS,
    wakeAt: enqueuedAt + DAY_MS,
    lease: null,
  };
}

function listenSilently(): Promise<Server> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.on("error", () => {}).resume());
    server.listen(0, "127.0.0.1", () => resolve(server));
  });
}

function mebibytes(octets: number): string {
  return (octets / 2 ** 20).toFixed(0);
}
