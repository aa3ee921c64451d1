import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { MailLogStore } from "../src/mail-log/index.ts";
import { delivered, received, submitted } from "../src/mail-log/test-entries.ts";
import { openMailLogStore } from "../src/store/index.ts";
import { CommandLine } from "./support/command-line.ts";

// vsmtp log on a real store that a server has open: what the commands print, their JSON, what they refuse.

const cli = new CommandLine();
const NOON = Date.UTC(2026, 10, 26, 12);
const passed = received(NOON, { recipients: ["bob@dest.test", "carol@dest.test"] });
const revoked = received(NOON + 60_000, {
  ...{ result: "fail", reason: "revoked", action: "reject", code: 550, enhanced: "5.7.5" },
  ...{ from: ["eve\u001b[31m@sender.test"], reversePath: "eve@sender.test", identity: "mallory@agent.test" },
  ...{
    kid: "-AAAAAAAAAAAAAAAAAAAAA",
    detail: "the key is revoked",
    policy: "reject",
    policyDomain: "sender.test",
  },
  ...{
    decidedBy: "override",
    because: "policy.actions",
    took: { receiving: 5, verifying: 7, queueing: null },
  },
  ...{ spf: "pass", dkim: "none", dmarc: "fail", arc: "none", messageId: "<2@sender.test>", align: null },
});
const written = submitted(NOON + 120_000, { recipients: ["x@far.test", "y@far.test"] });
let store: MailLogStore;

before(async () => {
  await cli.refuses("log search", /there is no mail log on this host: .*mail-log\.sqlite is not there/);
  store = await openMailLogStore(join(cli.folder, "data/mail-log.sqlite"));
  await store.add({
    received: [passed, revoked],
    submitted: [written],
    delivered: [
      delivered(passed.id, NOON + 400, { detail: "2.0.0 stored in the mailbox" }),
      delivered(written.id, NOON + 121_500, {
        recipient: "x@far.test",
        outcome: "deferred",
        detail: "451 later",
      }),
    ],
  });
});
after(async () => {
  await store.close();
  cli.remove();
});

test("log search: a table, the newest first; strangers' words cannot steer the terminal", async () => {
  const { stdout } = await cli.run("log search");
  const lines = stdout.split("\n").map((line) => line.replaceAll(/ {2,}/g, " | "));
  assert.deepEqual(lines, [
    "TIME | ID | VERDICT | ACTION | CLIENT | FROM | TO | SIGNED BY",
    `2026-11-26 12:02:00 | ${written.id} | handed in | queued | 192.0.2.77 | bob@dest.test | 2 recipients`,
    `2026-11-26 12:01:00 | ${revoked.id} | fail revoked | reject | 192.0.2.1 | eve\u{fffd}[31m@sender.test | bob@dest.test | mallory@agent.test`,
    `2026-11-26 12:00:00 | ${passed.id} | pass | deliver | 192.0.2.1 | alice@sender.test | bob@dest.test +1`,
    "",
  ]);
});

test("log search: each option finds what it says; the limit is kept; nothing found is said", async () => {
  const find = async (line: string) => (await cli.objects(`log search ${line}`)).map(({ id }) => id);
  for (const [line, ids] of [
    ["--from @sender.test --verdict fail", [revoked.id]],
    ["--to carol@dest.test", [passed.id]],
    ["--identity @agent.test", [revoked.id]],
    ["--kid -AAAAAAAAAAAAAAAAAAAAA", [revoked.id]],
    ["--reason revoked --action reject", [revoked.id]],
    ["--client 192.0.2.77", [written.id]],
    ["--domain dest.test", [written.id]],
    ["--message-id 2@sender.test", [revoked.id]],
    ["--direction out --to @far.test", [written.id]],
    ['--since "2026-11-26 12:01" --until "2026-11-26 12:02"', [revoked.id]],
    ["--limit 1", [written.id]],
    ["--all", [written.id, revoked.id, passed.id]],
    ["--verdict permerror", []],
  ] as const) {
    assert.deepEqual(await find(line), ids, line);
  }
  await cli.does("log search --verdict permerror", /^no such messages\n$/);
});

test("log search: JSON tells all that the help names", async () => {
  const [object] = await cli.objects(`log search --reason revoked`);
  assert.deepEqual(object, {
    ...{ id: revoked.id, direction: "in", at: NOON / 1000 + 60, session: "s1", client: "192.0.2.1" },
    ...{ helo: "mx.sender.test", reverse_path: "eve@sender.test", from: ["eve\u001b[31m@sender.test"] },
    ...{ recipients: ["bob@dest.test"], recipient_count: 1, message_id: "<2@sender.test>" },
    ...{
      message_id_hash: null,
      account: null,
      copies: null,
      octets: 2048,
      result: "fail",
      reason: "revoked",
    },
    ...{ detail: "the key is revoked", identity: "mallory@agent.test", kids: ["-AAAAAAAAAAAAAAAAAAAAA"] },
    ...{
      align: null,
      rcpt: "match",
      trust: "host",
      forwarder: null,
      stapled: false,
      spf: "pass",
      dkim: "none",
    },
    ...{ dmarc: "fail", arc: "none", policy: "reject", policy_domain: "sender.test", stage: "enforce" },
    ...{ action: "reject", decided_by: "override", because: "policy.actions", repeated: false, code: 550 },
    ...{ enhanced: "5.7.5", receiving_ms: 5, verifying_ms: 7, queueing_ms: null },
  });
});

test("log show: the whole story of a message, in any letters of its id", async () => {
  const { stdout } = await cli.run(`log show ${passed.id.toLowerCase()}`);
  assert.equal(
    stdout,
    `${passed.id}
  came        2026-11-26 12:00:00.000 from 192.0.2.1 (mx.sender.test), session s1
  sender      alice@sender.test
  from        alice@sender.test
  to          bob@dest.test
              carol@dest.test
  Message-ID  <1@sender.test>
  octets      2048
  verdict     pass: the signature holds
  signed by   alice@sender.test
  key         AAAAAAAAAAAAAAAAAAAAAA
  found out   align=from rcpt=match trust=host
  action      deliver, decided by stage; stage enforce
  answer      250 2.0.0
  took        receiving 12 ms, verifying 3 ms, queueing 1 ms
  recipients  2026-11-26 12:00:00 (after 0.4 s)  bob@dest.test  delivered: 2.0.0 stored in the mailbox
`,
  );
  await cli.does(`log show ${revoked.id}`, /decided by override \(policy\.actions\).*not queued\n$/s);
  await cli.does(
    `log show ${written.id}`,
    /account +a1\n.*\(after 1\.5 s\) {2}x@far\.test {2}deferred: 451 later\n$/s,
  );
  const { deliveries } = await cli.object(`log show ${written.id}`);
  assert.deepEqual(deliveries, [
    {
      ...{ id: written.id, at: NOON / 1000 + 121, recipient: "x@far.test", outcome: "deferred" },
      detail: "451 later",
    },
  ]);
});

test("what is wrong with a command line is said in one line", async () => {
  await cli.refuses("log show 0000000000000000", /nothing is known of it; entries are kept 30 days/);
  await cli.refuses(
    "log search --verdict revoked",
    /It is no result\. "revoked" is a reason: --reason revoked/,
  );
  await cli.refuses("log search --verdict good", /There are pass, neutral, none/);
  await cli.refuses("log search --from bob", /@example\.org/);
  await cli.refuses("log search --client mx.sender.test", /IPv4 or IPv6/);
});
