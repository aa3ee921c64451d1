import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { HostedDomain } from "../config/index.ts";
import type { NewMessage, Notify } from "../queue/index.ts";
import type { EnvelopeRecipient } from "../smtp/index.ts";
import { message, startDelivery, startServer } from "./test-network.ts";

// What senders hear, from the queue to the next server and back.

function wishing(notify: readonly Notify[] | null, address = "b@dest.test"): NewMessage {
  return { ...message(), recipients: [{ address, notify, originalRecipient: "rfc822;b@old.test" }] };
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await sleep(5);
}

function subjects(reports: readonly string[]): string[] {
  return reports.map((report) => /^Subject: (.*)$/m.exec(report)?.[1]?.trimEnd() ?? "");
}

test("a destination that nobody answers at: one report of the delay, one of the failure, both with what it said", async (t) => {
  const { queue, reports, events, dialled } = await startDelivery(t, {}, { warnAfterMs: 200, maxAgeMs: 600 });
  await queue.enqueue([message(), message({ recipients: ["c@dest.test"] })]);
  const ended = () =>
    events.filter(
      (event) => event.kind === "attempted" && event.results.some(({ kind }) => kind === "failed"),
    );
  await until(() => ended().length === 2);
  assert.deepEqual(subjects(reports).sort(), [
    "Delayed: your message to b@dest.test",
    "Delayed: your message to c@dest.test",
    "Not delivered: your message to b@dest.test",
    "Not delivered: your message to c@dest.test",
  ]);
  for (const report of reports) assert.match(report, /Diagnostic-Code: X-VSMTP; 4\.4\.1 .*ECONNREFUSED/);
  for (const report of reports.filter((one) => one.includes("Action: failed"))) {
    assert.match(report, /could not be reached/);
  }
  const { queued, leased, held } = await queue.counts();
  assert.deepEqual([queued, leased, held], [0, 0, 0]);
  assert.ok(dialled.length < 20, `${dialled.length} attempts`);
});

test("what the operator wants returned is returned, also while its destination rests", async (t) => {
  const { queue, reports } = await startDelivery(t, {}, { retryMs: 1e6 });
  const [id = ""] = await queue.enqueue([message()]);
  let [listed] = await queue.list({}, 1);
  while (listed?.state !== "queued" || listed.attempts === 0) {
    await sleep(5);
    [listed] = await queue.list({}, 1);
  }
  await queue.order({ ids: [id] }, { kind: "bounce" });
  await until(() => reports.length === 1);
  assert.match(reports[0] ?? "", /The operator of this mail system stopped it and returned it\./);
  assert.match(reports[0] ?? "", /Before that, in detail:/);
});

test("NOTIFY=SUCCESS: the next server reports if it knows how, else we do (RFC 3461 §5.2)", async (t) => {
  const asked: (readonly [Notify[] | null, string | null])[] = [];
  const rcpt = (_: unknown, { notify, originalRecipient }: EnvelopeRecipient): null => {
    asked.push([notify === null ? null : [...notify], originalRecipient]);
    return null;
  };
  const knows = await startServer(t, { rcpt });
  const ignorant = await startServer(t, { rcpt }, { withheld: ["DSN"] });
  const first = await startDelivery(t, { "mx.dest.test": knows.port });
  await first.queue.enqueue([{ ...wishing(["success", "failure"]), envelopeId: "e1", returned: "headers" }]);
  await first.attempts(1);
  assert.deepEqual([first.reports, asked], [[], [[["success", "failure"], "rfc822;b@old.test"]]]);
  const second = await startDelivery(t, { "mx.dest.test": ignorant.port });
  await second.queue.enqueue([wishing(["success"]), wishing(null, "c@dest.test")]);
  await second.attempts(2);
  assert.deepEqual(subjects(second.reports), ["Handed on: your message to b@dest.test"]);
  assert.match(
    second.reports[0] ?? "",
    /Original-Recipient: rfc822; b@old\.test\r\n[\s\S]*Action: relayed\r\nStatus: 2\./,
  );
});

test("NOTIFY=SUCCESS to a mailbox of this host: it says that it is there", async (t) => {
  const root = mkdtempSync(join(tmpdir(), "vsmtp-maildir-"));
  t.after(() => rmSync(root, { recursive: true }));
  const mailboxes = { listed: new Map(), root, catchAll: null };
  const policy = { stage: null, actions: {}, senders: [] };
  const domains: HostedDomain[] = [
    {
      name: "here.test",
      target: { kind: "maildir", mailboxes },
      forwards: new Map(),
      lists: new Map(),
      policy,
    },
  ];
  const findMaildir = () => join(root, "b");
  const { queue, reports, attempts } = await startDelivery(t, {}, { domains, findMaildir });
  await queue.enqueue([wishing(["success"], "b@here.test")]);
  await attempts(1);
  assert.deepEqual(subjects(reports), ["Delivered: your message to b@here.test"]);
});
