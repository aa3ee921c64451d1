// What memory a submission server takes for 1,000 idle sessions, and for 200 more that hand in mail all the time: small
// messages, then large ones, whose bodies go to files. All inside TLS and logged in.

import type { SmtpClient } from "../src/smtp/index.ts";
import { figure, printTable, readEffort } from "./harness.ts";
import type { PipelineReady } from "./pipeline-server.ts";
import { attachment, letter } from "./sample-messages.ts";
import { ServerProcess } from "./server-process.ts";
import { openSession, sendOne } from "./submission-client.ts";

const IDLE = 1000;
const ACTIVE = 200;

const { seconds } = readEffort({ seconds: 5, runs: 1 });
const server = await ServerProcess.start<PipelineReady>("pipeline-server.ts", "submission");
const rows: string[][] = [];
await note("no session");
const idle = await openSessions(IDLE);
await note(`${IDLE} idle sessions`);
const active = await openSessions(ACTIVE);
for (const [what, message] of [
  ["2 KiB", letter(2048)],
  ["50 KiB", attachment(50 << 10)],
  ["5 MiB", attachment(5 << 20)],
] as const) {
  const sent = await send(active, message);
  await note(`and ${ACTIVE} that send ${what}`, sent);
}
for (const client of [...idle, ...active]) await client.quit();
await server.stop();
printTable(
  "Memory of connections",
  ["submission, TLS, logged in", "messages/s", "resident MiB", "at most so far"],
  rows,
);

async function openSessions(count: number): Promise<SmtpClient[]> {
  const clients: SmtpClient[] = [];
  while (clients.length < count) {
    const some = Array.from({ length: Math.min(20, count - clients.length) }, () =>
      openSession(server.ready),
    );
    clients.push(...(await Promise.all(some)));
  }
  return clients;
}

/** Messages a second. */
async function send(clients: readonly SmtpClient[], message: Buffer): Promise<number> {
  const start = performance.now();
  let sent = 0;
  await Promise.all(
    clients.map(async (client) => {
      do {
        await sendOne(client, message);
        sent++;
      } while (performance.now() - start < seconds * 1000);
    }),
  );
  return (sent * 1000) / (performance.now() - start);
}

async function note(what: string, perSecond?: number): Promise<void> {
  const { residentOctets, peakResidentOctets } = await server.usage();
  const mebibytes = [residentOctets, peakResidentOctets].map((octets) => figure(octets / (1 << 20)));
  rows.push([what, perSecond === undefined ? "" : figure(perSecond), ...mebibytes]);
}
