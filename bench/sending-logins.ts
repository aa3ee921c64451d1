// The same as sending.ts where clients log in, inside TLS: Postfix asks Dovecot. The client is ours, and shares the cores.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { generate } from "selfsigned";
import { MappingDialer } from "../src/dialer/index.ts";
import { openSmtp, type SmtpClient } from "../src/smtp/index.ts";
import { Dovecot, missingDovecot } from "../test/support/peers/dovecot.ts";
import { figure, moveTo, printTable, readEffort, spreadOf, times } from "./harness.ts";
import { hasPostfixWithOpenDkim, PostfixServer } from "./postfix.ts";
import { cpuSecondsOf } from "./process-tree.ts";
import { letter } from "./sample-messages.ts";
import type { SendingReady } from "./sending-server.ts";
import { ServerProcess } from "./server-process.ts";
import { SmtpSink } from "./smtp-tools.ts";

const HOSTNAME = "mail.example.test";
const USER = "u1@example.test";
const SESSIONS = 20;

interface Contestant {
  readonly port: number;
  readonly certificate: string;
  readonly pids: readonly number[];
  readonly sink: SmtpSink;
}

interface Figures {
  readonly acceptedPerSecond: number;
  readonly deliveredPerSecond: number;
  readonly cpuMs: number;
}

const { seconds, runs } = readEffort({ seconds: 3, runs: 3 });
moveTo("all");
const missing = missingDovecot();
if (!hasPostfixWithOpenDkim() || missing !== false) {
  console.log(
    "This needs root, Postfix, OpenDKIM and Dovecot: Debian's postfix, opendkim and dovecot-lmtpd.",
  );
  process.exit(0);
}
const dialer = new MappingDialer();
const message = Buffer.from(letter(2048).toString("latin1").replace("allice@someisp.test", USER), "latin1");
const folder = mkdtempSync(join(tmpdir(), "vsmtp-bench-"));
const certificate = await makeCertificate();
const dovecot = await Dovecot.start({ [USER]: 1 << 20 });
const sinks = [await SmtpSink.start(), await SmtpSink.start()] as const;
const logins = { ...certificate.files, dovecotSocket: dovecot.authSocket };
const postfix = await PostfixServer.start(folder, sinks[0].port, logins);
const ours = await ServerProcess.startOn<SendingReady>(
  "all",
  "sending-server.ts",
  folder,
  String(sinks[1].port),
);
try {
  const peer: Contestant = {
    port: postfix.port,
    certificate: certificate.pem,
    pids: postfix.pids,
    sink: sinks[0],
  };
  const { loginPort: port, pid } = ours.ready;
  const own: Contestant = { port, certificate: ours.ready.certificate, pids: [pid], sink: sinks[1] };
  const rows: string[][] = [];
  for (const kept of [true, false]) {
    await measure(peer, kept);
    await measure(own, kept);
    const rounds: { readonly peer: Figures; readonly own: Figures }[] = [];
    for (let run = 0; run < runs; run++) {
      rounds.push({ peer: await measure(peer, kept), own: await measure(own, kept) });
    }
    for (const side of ["own", "peer"] as const) {
      const of = (name: keyof Figures): string =>
        figure(spreadOf(rounds.map((round) => round[side][name])).median);
      const ratio = (name: keyof Figures): string =>
        side === "own" ? times(spreadOf(rounds.map((round) => round.own[name] / round.peer[name]))) : "";
      rows.push([
        `${side === "own" ? "vsmtp" : "Postfix + OpenDKIM + Dovecot"}, ${SESSIONS} ${kept ? "kept" : "new connections, a message each"}`,
        of("acceptedPerSecond"),
        ratio("acceptedPerSecond"),
        of("deliveredPerSecond"),
        ratio("deliveredPerSecond"),
        of("cpuMs"),
      ]);
    }
  }
  printTable(
    "The same with TLS and AUTH",
    ["2 KiB, all cores shared", "accepted/s", "×", "delivered/s", "×", "CPU ms"],
    rows,
  );
} finally {
  await postfix.stop();
  await ours.stop();
  await dovecot.stop();
  for (const sink of sinks) await sink.stop();
  rmSync(folder, { recursive: true, force: true });
}

async function measure(server: Contestant, kept: boolean): Promise<Figures> {
  const { pids, sink } = server;
  const before = sink.received;
  const cpuBefore = cpuSecondsOf(pids);
  const start = performance.now();
  const counts = await Promise.all(
    Array.from({ length: SESSIONS }, () => session(server, kept, start + seconds * 1000)),
  );
  const messages = counts.reduce((sum, count) => sum + count, 0);
  const acceptedSeconds = (performance.now() - start) / 1000;
  await sink.until(before + messages);
  const deliveredSeconds = (performance.now() - start) / 1000;
  await pause(100);
  return {
    acceptedPerSecond: messages / acceptedSeconds,
    deliveredPerSecond: messages / deliveredSeconds,
    cpuMs: ((cpuSecondsOf(pids) - cpuBefore) / messages) * 1000,
  };
}

/** @returns how many it handed in */
async function session(server: Contestant, kept: boolean, endMs: number): Promise<number> {
  let client: SmtpClient | null = null;
  let messages = 0;
  do {
    client ??= await open(server);
    const [outcome] = await client.send({
      reversePath: USER,
      recipients: [{ address: "bob@dest.test" }],
      content: message,
    });
    if (outcome?.status !== "delivered") throw new Error(outcome?.text);
    messages++;
    if (!kept) {
      await client.quit();
      client = null;
    }
  } while (performance.now() < endMs);
  await client?.quit();
  return messages;
}

async function open({ port, certificate: ca }: Contestant): Promise<SmtpClient> {
  const opened = await openSmtp(
    dialer,
    { host: HOSTNAME, address: "127.0.0.1", port },
    {
      hostname: "client.test",
      tls: { mode: "implicit", name: HOSTNAME, ca },
      credentials: { user: USER, password: "secret" },
    },
  );
  if (!opened.ok) throw new Error(opened.failure.text);
  return opened.client;
}

async function makeCertificate(): Promise<{ pem: string; files: { certificate: string; key: string } }> {
  const made = await generate([{ name: "commonName", value: HOSTNAME }], {
    keyType: "ec",
    algorithm: "sha256",
    extensions: [{ name: "subjectAltName", altNames: [{ type: 2, value: HOSTNAME }] }],
  });
  const files = { certificate: join(folder, "certificate.pem"), key: join(folder, "key.pem") };
  writeFileSync(files.certificate, made.cert);
  writeFileSync(files.key, made.private, { mode: 0o600 });
  return { pem: made.cert, files };
}
