// The receiver of receiving.ts: MX and delivery to one next hop, in one process as `vsmtp serve` has them, with its log in a
// file. Its queue, its replay memory and its mail log are on the disk.
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pino } from "pino";
import { loadConfig } from "../src/config/index.ts";
import { createLog, startProvider } from "../src/provider/index.ts";
import { NOTES, type ReceivingNotes } from "./receiving-files.ts";
import type { KeysReady } from "./receiving-keys.ts";
import { announce } from "./server-process.ts";

export interface ReceivingReady {
  readonly port: number;
  readonly pid: number;
}

const [folder = "", nextHopPort = "", keysText = "{}", neighbours = "false"] = process.argv.slice(2);
const keys: KeysReady = JSON.parse(keysText);
mkdirSync(folder, { recursive: true });
const loaded = loadConfig(
  `
roles = ["mx", "delivery"]
hostname = "mx.dest.test"
data_directory = "${folder}"
[mx]
listen = [{ address = "127.0.0.1:0", tls = "none" }]
[[domains]]
name = "dest.test"
next_hop = "127.0.0.1:${nextHopPort}"
tls = "none"
[neighbours]
enabled = ${neighbours}
[delivery]
connections_per_destination = 50
[limits]
connections_per_address = 1000
[network]
resolvers = ["127.0.0.1:${keys.dnsPort}"]
ca_file = "${keys.caFile}"
allow_private_addresses = true
key_port = ${keys.keyPort}
`,
  join(folder, "vsmtp.toml"),
);
assert.ok(loaded.ok, JSON.stringify(loaded));
const results: Record<string, number> = {};
const verifyingMs: number[] = [];
const log = createLog("info", pino.destination(join(folder, "log")));
const provider = await startProvider(loaded.config, log, {
  onMx: ({ verdict, took }) => {
    results[verdict.result] = (results[verdict.result] ?? 0) + 1;
    if (verifyingMs.length < 1_000_000) verifyingMs.push(took.verifying);
  },
});
const ready: ReceivingReady = { port: provider.places[0]?.port ?? 0, pid: process.pid };
announce(ready, async () => {
  await provider.stop();
  const notes: ReceivingNotes = { results, verifyingMs };
  writeFileSync(join(folder, NOTES), JSON.stringify(notes));
});
