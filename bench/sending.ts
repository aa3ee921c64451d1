// Mail on its way out, beside Postfix with OpenDKIM: smtp-source hands messages in, each is signed (Ed25519 in both) and
// synced to the disk before its 250, and delivered to smtp-sink. In clear text and without AUTH on either side; clients,
// sink and server share all cores.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { moveTo, printTable, readEffort } from "./harness.ts";
import { hasPostfixWithOpenDkim, PostfixServer } from "./postfix.ts";
import type { SendingReady } from "./sending-server.ts";
import { ServerProcess } from "./server-process.ts";
import { SmtpSink, volleyMessage } from "./smtp-tools.ts";
import { type Case, type Contestant, columns, measureCase, titleOf } from "./volleys.ts";

const cases: readonly Case[] = [
  { octets: 2048, sessions: 20, kept: true, aim: "12 ×, 10 ×" },
  { octets: 2048, sessions: 20, kept: false, aim: "7 ×, 6 ×" },
  { octets: 2048, sessions: 1, kept: true, aim: "" },
  { octets: 2048, sessions: 100, kept: true, aim: "" },
  { octets: 51_200, sessions: 20, kept: true, aim: "" },
  { octets: 51_200, sessions: 1, kept: true, aim: "" },
  { octets: 51_200, sessions: 100, kept: true, aim: "" },
];

moveTo("all");
const effort = readEffort({ seconds: 3, runs: 3 });
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
const messageOf = (octets: number): string => {
  const file = join(folder, `message-${octets}`);
  writeFileSync(file, volleyMessage(octets));
  return file;
};
try {
  const peer: Contestant = {
    name: "Postfix + OpenDKIM",
    port: postfix.port,
    pids: postfix.pids,
    sink: sinks[0],
    messageOf,
  };
  const { port, pid } = ours.ready;
  const own: Contestant = { name: "vsmtp", port, pids: [pid], sink: sinks[1], messageOf };
  const rows: string[][] = [];
  for (const one of cases) {
    rows.push(...(await measureCase(one, [own], peer, effort)));
    console.error(`${titleOf(one)}: done`);
  }
  printTable(
    "Mail on its way out, beside Postfix with OpenDKIM (Ed25519)",
    ["no TLS, no AUTH, all cores shared", ...columns],
    rows,
  );
} finally {
  await postfix.stop();
  await ours.stop();
  for (const sink of sinks) await sink.stop();
  rmSync(folder, { recursive: true, force: true });
}
