import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { loadConfig } from "../config/index.ts";
import { DnsServer } from "../dns/index.ts";
import { createLog } from "./log.ts";
import { openMemories } from "./memories.ts";
import { openNetwork } from "./network.ts";

const dns = new DnsServer();
let port = 0;
before(async () => {
  port = (await dns.listen()).port;
});
after(() => dns.close());

/** The memories of an installation that runs these roles, and the files that it leaves. */
function installation(roles: string, options = {}) {
  const folder = mkdtempSync(join(tmpdir(), "vsmtp-memories-"));
  after(() => rmSync(folder, { recursive: true }));
  const text = `roles = [${roles}]
hostname = "mx.dest.test"
data_directory = "${folder}"
tls = { certificate = "cert.pem", key = "key.pem" }
[[domains]]
name = "dest.test"
maildir_root = "mail"
[network]
resolvers = ["127.0.0.1:${port}"]
`;
  const loaded = loadConfig(text, join(folder, "vsmtp.toml"));
  assert.ok(loaded.ok);
  const open = () => {
    const network = openNetwork(loaded.config.network);
    return openMemories(loaded.config, network, createLog("error", process.stderr), options);
  };
  return { open, file: (name: string) => join(folder, name) };
}

test("records outlive the process, are opened once, and are written where mail comes in (POL-10)", async () => {
  for (const [roles, options, isWritten] of [
    ['"mx", "delivery"', {}, true],
    ['"mx"', {}, true],
    ['"delivery"', {}, false],
    ['"mx"', { readOnly: true }, false],
  ] as const) {
    const { open, file } = installation(roles, options);
    dns.set("_vsmtp.kept.test", { TXT: ["v=VSMTP1; p=reject; ma=86400"] });
    const memories = open();
    assert.equal(memories.policies(), memories.policies());
    assert.equal((await memories.policies().recordOf("kept.test")).kind, "record");
    memories.knownDomains().found("kept.test", 1_073_304_000);
    await memories.close();
    for (const name of ["policy-records.json", "known-domains.json"])
      assert.equal(existsSync(file(name)), isWritten, `${name} ${roles}`);
    if (!isWritten) continue;
    assert.match(readFileSync(file("policy-records.json"), "utf8"), /"domain":"kept\.test"/);
    dns.fail("_vsmtp.kept.test", "SERVFAIL");
    const next = open();
    const found = await next.policies().recordOf("kept.test");
    assert.ok(found.kind === "record" && found.remembered?.insteadOf === "failure");
    assert.equal(next.knownDomains().isStranger("kept.test", 1_073_304_000 + 8 * 86_400), false);
    await next.close();
    dns.clear();
  }
});

test("what strangers name as their key servers pushes nothing out of what mail is sent by", async () => {
  const { open } = installation('"mx", "delivery"');
  const memories = open();
  assert.notEqual(memories.keyServersMtaSts(), memories.mtaSts());
  await memories.close();
});
