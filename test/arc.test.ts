import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { User } from "../src/playground/index.ts";
import { dkimRecord, loadDkimKey } from "../src/signature/index.ts";
import { ProviderNetwork } from "./support/provider-network.ts";

// ARC between real servers (CUS-7, ACT-6): a list of one provider seals, and another one trusts its seals, or does not.

const folder = mkdtempSync(join(tmpdir(), "vsmtp-arc-"));
const keyFile = join(folder, "dkim.pem");
let network: ProviderNetwork;
let anna: User;

before(async () => {
  const pem = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({
    type: "pkcs8",
    format: "pem",
  });
  writeFileSync(keyFile, pem, { mode: 0o600 });
  network = await ProviderNetwork.start([
    { name: "author.test", policy: "v=VSMTP1; p=reject" },
    {
      name: "lists.test",
      settings: `[domains.lists.team]
members = ["bob@trusting.test", "carol@strict.test"]
posts = "anyone"
from = "sender"
subject_prefix = "[team]"
[domains.forwards]
dave = "bob@trusting.test"
[[submission.dkim]]
domain = "lists.test"
selector = "s1"
key = ${JSON.stringify(keyFile)}
`,
    },
    {
      name: "trusting.test",
      settings: `[[policy.trusted]]\nname = "team"\narc = ["lists.test"]\n`,
    },
    { name: "strict.test" },
  ]);
  const loaded = loadDkimKey(pem);
  assert.ok(loaded.ok);
  const [, ...strings] = dkimRecord({ domain: "lists.test", selector: "s1" }, loaded.key).split(
    / IN TXT "|" "|"$/,
  );
  network.dns.set("s1._domainkey.lists.test", { TXT: [strings.join("")] });
  anna = await network.addUser("anna@author.test");
  for (const address of ["team@lists.test", "dave@lists.test", "bob@trusting.test", "carol@strict.test"])
    await network.addUser(address);
});
after(async () => {
  await network.stop();
  rmSync(folder, { recursive: true });
});

test("a list that leaves From alone is refused for its author's domain, but where its seal is trusted", async () => {
  const id = await network.send({ from: anna, to: ["team@lists.test"], subject: "Dinner" });
  const trusting = await network.judged(id, "bob@trusting.test");
  assert.deepEqual(
    [trusting.verdict.result, trusting.policy.wanted, trusting.decision.action, trusting.decision.because],
    ["neutral", "reject", "deliver", "team"],
  );
  assert.deepEqual(trusting.neighbours?.arc, {
    result: "pass",
    sealers: ["lists.test"],
    recordedPass: { vsmtp: true, dmarc: false },
  });
  const strict = await network.judged(id, "carol@strict.test");
  assert.deepEqual([strict.verdict.result, strict.decision.action], ["neutral", "reject"]);
  const stored = await network.inMailbox("bob@trusting.test", id);
  assert.match(stored, /^Subject: \[team\] Dinner\r$/m);
  assert.match(stored.replaceAll(/\r\n\s/g, " "), /; arc=pass smtp\.remote-ip=127\.0\.0\.1/);
});

test("a forward is sealed and countersigned: both hold at the next provider", async () => {
  const id = await network.send({ from: anna, to: ["dave@lists.test"] });
  const { verdict, neighbours } = await network.judged(id, "bob@trusting.test");
  assert.deepEqual(
    [verdict.result, verdict.identity, verdict.rcpt, verdict.forwarder],
    ["pass", "anna@author.test", "forwarded", "dave@lists.test"],
  );
  assert.deepEqual([neighbours?.arc.result, neighbours?.arc.sealers], ["pass", ["lists.test"]]);
});
