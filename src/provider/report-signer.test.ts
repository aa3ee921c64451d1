import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { PublicKeyView } from "../keyring/index.ts";
import { decodeAddress } from "../message/index.ts";
import { verify } from "../signature/index.ts";
import { RemoteVault } from "../signing/index.ts";
import { VaultClient } from "../vault-protocol/index.ts";
import { RoleReportSigner } from "./report-signer.ts";
import { openHere, order } from "./test-here.ts";

const hour = 3_600_000;
let here: Awaited<ReturnType<typeof openHere>>;

before(async () => {
  here = await openHere();
});

after(() => here.close());

test("a report is signed by the domain's mailer-daemon, as what no person wrote (NBR-2, SIG-19)", async () => {
  const signer = new RoleReportSigner({
    hostname: "mx.here.test",
    vault: here.vault,
    staple: false,
    dkim: new Map(),
  });
  const signed = await signer.sign(order());
  assert.ok(signed.kind === "ready");
  assert.equal(signed.signedBy, "mailer-daemon@here.test");
  const [message, ...more] = signed.messages;
  assert.ok(message !== undefined && more.length === 0);
  assert.deepEqual(
    [message.sender, message.recipients, message.account, message.kids.length],
    ["", [{ address: "alice@here.test", notify: ["never"], originalRecipient: null }], null, 1],
  );
  const octets = Buffer.concat([message.prefix, message.content.inline]);
  assert.match(
    octets.toString(),
    /^VSMTP-Signature:[\s\S]*; f=auto;[\s\S]*From: <mailer-daemon@here\.test>\r\n/,
  );
  const publicKeys = new PublicKeyView(here.store);
  const now = Math.floor(Date.now() / 1000);
  const verdict = await verify(octets, {
    now,
    recipients: [decodeAddress("alice@here.test") as never],
    keys: {
      lookUp: async ({ identity, kid }) => {
        const key = (await publicKeys.keys(identity, now)).find((one) => one.kid === kid);
        if (!key) return { kind: "fail", reason: "no-key", detail: "" };
        return { kind: "key", spki: key.spki, grants: key.grants, trust: "host" };
      },
    },
  });
  assert.deepEqual(
    [verdict.result, verdict.identity, verdict.rcpt],
    ["pass", "mailer-daemon@here.test", "match"],
  );
  assert.deepEqual(
    [signer.isRole("Mailer-Daemon@here.test"), signer.isRole("alice@here.test")],
    [true, false],
  );
});

test("where the vault knows nobody who could sign, a report comes from this host as it is", async () => {
  const signer = new RoleReportSigner({
    hostname: "mx.here.test",
    vault: here.vault,
    staple: false,
    dkim: new Map(),
  });
  for (const domain of ["elsewhere.test", "[192.0.2.1]"]) {
    const signed = await signer.sign(order({ domain }));
    assert.ok(signed.kind === "ready" && signed.signedBy === null);
    const [message] = signed.messages;
    assert.deepEqual([message?.sender, message?.kids, message?.prefix.length], ["", [], 0]);
    assert.match(String(message?.content.inline), /^From: <mailer-daemon@mx\.here\.test>/);
  }
});

test("reports of what went on to domains of others come from a domain of ours", async () => {
  const signer = new RoleReportSigner({
    hostname: "mx.here.test",
    vault: here.vault,
    ownDomain: "here.test",
    staple: false,
    dkim: new Map(),
  });
  const signed = await signer.sign(order({ domain: "elsewhere.test", recipient: "alice@far.test" }));
  assert.ok(signed.kind === "ready");
  assert.equal(signed.signedBy, "mailer-daemon@here.test");
});

test("a vault that is away: reports wait for it, for a day; those that are overdue go without", async () => {
  let now = 0;
  const client = new VaultClient({ open: () => Promise.reject(new Error("nobody there")) });
  const vault = new RemoteVault({ client, mode: "sign" });
  const signer = new RoleReportSigner({
    hostname: "mx.here.test",
    vault,
    staple: false,
    dkim: new Map(),
    now: () => now,
  });
  assert.equal((await signer.sign(order())).kind, "later");
  now = 24 * hour - 1;
  assert.equal((await signer.sign(order())).kind, "later");
  const overdue = await signer.sign(order({ overdue: true }));
  assert.ok(overdue.kind === "ready" && overdue.signedBy === null);
  now = 24 * hour;
  const unsigned = await signer.sign(order());
  assert.ok(unsigned.kind === "ready" && unsigned.signedBy === null);
  await vault.close();
});
