// Our milter beside OpenDKIM in the same Postfix: smtp-source hands messages in, the milter signs or verifies each (Ed25519 in
// both, keys known), and Postfix delivers to smtp-sink. A Postfix without a milter shows what the milters add. In clear text;
// clients, sinks and servers share all cores.
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { moveTo, printTable, readEffort } from "./harness.ts";
import type { MilterReady } from "./milter-server.ts";
import { hasPostfixWithOpenDkim, type Milter, PostfixServer } from "./postfix.ts";
import { dkimName, messageFile } from "./receiving-files.ts";
import type { KeysReady } from "./receiving-keys.ts";
import { ServerProcess } from "./server-process.ts";
import { SmtpSink, volleyMessage } from "./smtp-tools.ts";
import { type Case, type Contestant, columnsWithPart, measureCase, titleOf } from "./volleys.ts";

const cases: readonly Case[] = [
  { octets: 2048, sessions: 20, kept: true, aim: "" },
  { octets: 2048, sessions: 20, kept: false, aim: "" },
  { octets: 2048, sessions: 1, kept: true, aim: "" },
  { octets: 51_200, sessions: 20, kept: true, aim: "" },
];

process.setMaxListeners(20); // each server is ended with this process
moveTo("all");
const effort = readEffort({ seconds: 3, runs: 3 });
if (!hasPostfixWithOpenDkim()) {
  console.log(
    "This needs root, Postfix (with smtp-source and smtp-sink) and OpenDKIM: Debian's postfix and opendkim.",
  );
  process.exit(0);
}
const folder = mkdtempSync(join(tmpdir(), "vsmtp-bench-"));
chmodSync(folder, 0o755); // for Postfix's users
const keys = await ServerProcess.startOn<KeysReady>("all", "receiving-keys.ts", folder, "0");
const { dkimRecord: record } = keys.ready;
const signedWith = (kind: "vsmtp" | "dkim") => (octets: number) => join(folder, messageFile(kind, octets));
try {
  await measure("signing", { mode: "sign" }, { ours: plain, theirs: plain });
  const verify = { mode: "verify", name: dkimName, record } as const;
  await measure("verifying", verify, { ours: signedWith("vsmtp"), theirs: signedWith("dkim") });
} finally {
  await keys.stop();
  rmSync(folder, { recursive: true, force: true });
}

interface Messages {
  readonly ours: Contestant["messageOf"];
  readonly theirs: Contestant["messageOf"];
}

async function measure(job: "signing" | "verifying", theirs: Milter, messages: Messages): Promise<void> {
  const started: { stop(): Promise<void> }[] = [];
  try {
    const ours = await ServerProcess.startOn<MilterReady>(
      "all",
      "milter-server.ts",
      job,
      join(folder, `${job}-ours`),
      JSON.stringify(keys.ready),
    );
    started.push(ours);
    const { port, pid } = ours.ready;
    const host = async (
      name: string,
      milter: Milter,
      pids: readonly number[],
      messageOf: Contestant["messageOf"],
    ): Promise<Contestant> => {
      const sink = await SmtpSink.start();
      started.push(sink);
      const place = join(folder, `${job}-${started.length}`);
      mkdirSync(place);
      const postfix = await PostfixServer.start(place, sink.port, null, milter);
      started.push(postfix);
      const partPids = [...pids, ...postfix.milterPids];
      return { name, port: postfix.port, pids: [...postfix.pids, ...pids], partPids, sink, messageOf };
    };
    const own = await host("Postfix + vsmtp", { mode: "other", port }, [pid], messages.ours);
    const bare = await host("Postfix alone", { mode: "none" }, [], messages.ours);
    const peer = await host("Postfix + OpenDKIM", theirs, [], messages.theirs);
    const rows: string[][] = [];
    for (const one of cases) {
      rows.push(...(await measureCase(one, [own, bare], peer, effort)));
      console.error(`${job}, ${titleOf(one)}: done`);
    }
    printTable(
      `A milter in Postfix, ${job}, beside OpenDKIM (aim: 1.5 × its rate, under 1 ms CPU of the milter)`,
      ["no TLS, all cores shared", ...columnsWithPart("milter CPU ms")],
      rows,
    );
    console.log(`what ours did: ${JSON.stringify(countLog(join(folder, `${job}-ours`, "log")))}`);
  } finally {
    for (const server of started.reverse()) await server.stop();
  }
}

/** How many messages its log tells of, by what became of them. */
function countLog(file: string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const line of readFileSync(file, "utf8").trimEnd().split("\n")) {
    const { msg, result = "" } = JSON.parse(line);
    const key = `${msg} ${result}`.trim();
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}

function plain(octets: number): string {
  const file = join(folder, `plain-${octets}`);
  writeFileSync(file, volleyMessage(octets));
  return file;
}
