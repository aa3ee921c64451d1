// Our side of milter.ts: a process with the role milter as `vsmtp milter` has it, with its log in a file. It signs what comes
// from this machine as one user, or verifies all.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { pino } from "pino";
import { loadConfig } from "../src/config/index.ts";
import { createLog, startProvider } from "../src/provider/index.ts";
import type { KeysReady } from "./receiving-keys.ts";
import { announce } from "./server-process.ts";

export interface MilterReady {
  readonly port: number;
  readonly pid: number;
}

const [job = "", folder = "", keysText = "{}"] = process.argv.slice(2);
const keys: KeysReady = JSON.parse(keysText);
mkdirSync(folder, { recursive: true });
const loaded = loadConfig(
  `
roles = ["milter"]
hostname = "mail.example.test"
data_directory = "${folder}"
[milter]
listen = ["127.0.0.1:0"]
${job === "signing" ? '[[milter.relays]]\nnetworks = ["127.0.0.0/8"]\naccount = "u1@example.test"\n' : ""}
[accounts]
recipients_per_period = 1_000_000_000
new_account_recipients = 1_000_000_000
[neighbours]
enabled = false
[network]
resolvers = ["127.0.0.1:${keys.dnsPort}"]
ca_file = "${keys.caFile}"
allow_private_addresses = true
key_port = ${keys.keyPort}
`,
  join(folder, "vsmtp.toml"),
);
assert.ok(loaded.ok, JSON.stringify(loaded));
const log = createLog("info", pino.destination(join(folder, "log")));
const provider = await startProvider(loaded.config, log);
if (job === "signing") {
  assert.ok((await provider.keyring?.addDomain("example.test"))?.ok);
  assert.ok((await provider.keyring?.addAccount({ address: "u1@example.test" }))?.ok);
}
const ready: MilterReady = { port: provider.places[0]?.port ?? 0, pid: process.pid };
announce(ready, () => provider.stop());
