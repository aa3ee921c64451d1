import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { createSecureContext } from "node:tls";
import { DnsServer } from "../src/dns/index.ts";
import { activeKey, kid, TestDirectory } from "../src/key-lookup/test-network.ts";
import { KeyServer } from "../src/key-server/index.ts";
import { createAuthority } from "./support/certificates.ts";
import { vsmtp } from "./support/program.ts";

// "vsmtp lookup" as an operator sees it, by the settings of an installation and with what it remembers.

const folder = mkdtempSync(join(tmpdir(), "vsmtp-lookup-"));
const settings = join(folder, "vsmtp.toml");
const memoryFile = join(folder, "data", "policy-records.json");
const dns = new DnsServer({ ttlSeconds: 300 });
const directory = new TestDirectory();
const now = Math.floor(Date.now() / 1000);
let server: KeyServer;

before(async () => {
  const authority = await createAuthority();
  const secureContext = createSecureContext(await authority.issue(["mx.someisp.tld"]));
  directory.set("allice@someisp.tld", { ...activeKey, notBefore: now - 86_400, notAfter: now + 86_400 });
  server = new KeyServer({ directory, secureContext: () => secureContext, exposure: "open" });
  const { port } = await server.listen(0, "127.0.0.1");
  writeFileSync(join(folder, "ca.pem"), authority.cert);
  mkdirSync(join(folder, "data"));
  writeFileSync(
    settings,
    `roles = ["mx"]
hostname = "mx.dest.test"
data_directory = "data"
tls = { certificate = "cert.pem", key = "key.pem" }
[[domains]]
name = "dest.test"
maildir_root = "mail"
[network]
resolvers = ["127.0.0.1:${(await dns.listen()).port}"]
ca_file = "ca.pem"
allow_private_addresses = true
connect = { "mx.someisp.tld:8757" = "127.0.0.1:${port}" }
`,
  );
  dns.set("someisp.tld", { MX: [[10, "mx.someisp.tld"]] });
  dns.set("mx.someisp.tld", { A: ["127.0.0.1"] });
});

after(async () => {
  await server.close(0);
  await dns.close();
  rmSync(folder, { recursive: true, force: true });
});

const lookup = (...args: string[]) => vsmtp(["lookup", "--config", settings, ...args]);

test("for people: policy record, servers, certificate, statement, trust and memory, in order", async () => {
  const record = "v=VSMTP1; p=reject; ep=1073304000; ma=86400";
  dns.set("_vsmtp.someisp.tld", { TXT: [record], ttlSeconds: 3600 });
  const { stdout, stderr, status } = await lookup("allice@someisp.tld", kid);
  assert.equal(status, 0, stdout + stderr);
  const lines = stdout.split("\n").map((line) => line.trim());
  const expected = [
    `allice@someisp.tld, key ${kid}`,
    "Policy record",
    `_vsmtp.someisp.tld: ${record}`,
    "TTL 3600 s, not validated by DNSSEC",
    "its TTL is longer than 300 s: its changes are heard of late",
    "ep: statements issued before 2004-01-05 12:00:00Z are void",
    "ma: to be remembered for 1 d at most",
    "unsigned mail From someisp.tld: to be refused",
    "Key servers",
    "MX someisp.tld: 10 mx.someisp.tld, TTL 300 s",
    "to ask: mx.someisp.tld:8757 (the MX hosts; not validated by DNSSEC)",
    "1. mx.someisp.tld:8757",
    "S: +OK VSMTP/1",
    "TLSv1.3, certificate for mx.someisp.tld",
    "proves mx.someisp.tld, by an authority that is trusted here: host trust",
    `C: KEY allice@someisp.tld ${kid}`,
    "the statement is remembered for 600 s",
    "Statement",
    `key     ${kid}, ed25519-sha256, active`,
    "judged  usable",
    `key ${kid}, host trust`,
    "host trust: the certificate proves mx.someisp.tld",
  ];
  let at = -1;
  for (const line of expected) {
    const found = lines.indexOf(line, at + 1);
    assert.ok(found > at, `"${line}" is missing, or not where it belongs, in\n${stdout}`);
    at = found;
  }
});

test("for programs: one line of JSON with all its fields", async () => {
  const { stdout, status } = await lookup("allice@someisp.tld", kid, "--json");
  assert.equal(status, 0);
  const object = JSON.parse(stdout);
  const page = readFileSync(join(import.meta.dirname, "../docs/commands.md"), "utf8");
  const row = page.split("\n").find((line) => line.startsWith("| `vsmtp lookup"));
  const fields = row
    ?.split(" | ")
    .at(-1)
    ?.match(/[a-z_]+/g);
  assert.deepEqual(Object.keys(object), fields);
  assert.deepEqual(
    [
      object.answer.kid,
      object.answer.trust,
      object.decoded.state,
      object.decoded.ttl,
      object.unsigned.wanted,
    ],
    [kid, "host", "active", 600, "reject"],
  );
  assert.deepEqual(
    object.trail.map(({ kind }: { kind: string }) => kind).filter((kind: string) => kind !== "line"),
    [
      ...["policy", "dns", "hosts", "target", "dns", "addresses", "connecting", "connection", "certificate"],
      ...["statement", "kept"],
    ],
  );
});

test("what the server remembers of a record that is suppressed counts, and is left as it is", async () => {
  dns.delete("_vsmtp.someisp.tld");
  const kept = {
    domain: "someisp.tld",
    last: {
      text: "v=VSMTP1; p=reject; auth=domain; ma=2592000",
      authenticated: false,
      days: 30,
      dayBegan: now - 3600,
      until: now + 86_400,
      keptUntil: now + 86_400,
    },
    before: null,
    epoch: 0,
    epochUntil: 0,
  };
  const file = `{"form":1,"entries":[\n${JSON.stringify(kept)}\n]}\n`;
  writeFileSync(memoryFile, file);
  const { stdout, status } = await lookup("allice@someisp.tld", kid);
  assert.equal(status, 75, stdout);
  assert.match(stdout, /not in the DNS now \(there is none\); remembered until 20/);
  assert.match(stdout, /remembered here: seen on 30 days, serves until /);
  assert.match(stdout, /unsigned mail From someisp\.tld: to be refused/);
  assert.match(stdout, /^temperror: .* it is trusted as a host only$/m);
  dns.set("_vsmtp.someisp.tld", { TXT: ["v=VSMTP1; ma=60"] });
  assert.equal((await lookup("allice@someisp.tld", kid)).status, 0);
  assert.equal(readFileSync(memoryFile, "utf8"), file);
});

test("how to reach the world stands in one place", async () => {
  const { stderr, status } = await lookup("allice@someisp.tld", "--resolver", "127.0.0.1:53");
  assert.equal(status, 2);
  assert.match(stderr, /^vsmtp: --config says how to reach the world/);
});

test("a server's words do not reach the terminal as they are", async () => {
  dns.set("_vsmtp.someisp.tld", { TXT: ["v=VSMTP1; p=none; x=\u001b]0;owned\u0007"] });
  const { stdout } = await lookup("allice@someisp.tld", kid);
  assert.ok(!stdout.includes("\u001b"), stdout);
});
