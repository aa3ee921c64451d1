import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { after, before, test } from "node:test";
import type { PolicySettings } from "../config/index.ts";
import { MxHere, NOW_S } from "./test-mx.ts";

// What was delivered to somebody once and comes again (RPL-1 to RPL-3), on a real socket and queue.

const border = new MxHere();
border.quarantine = { into: "store", keepMs: 86_400_000 };
before(() => border.start());
after(() => border.close());

function send(message: string, policy: Partial<PolicySettings> = {}, to?: string[]): Promise<string[]> {
  return border.send(message, { replays: "drop", ...policy }, to);
}

let count = 0;
/** A signed message like no other. */
function letter(extra = ""): string {
  return border.signed(
    `From: allice@someisp.test\r\nTo: bob@dest.test\r\nSubject: ${count++}\r\n${extra}\r\nNoon?\r\n`,
  );
}

const flags = (texts: { text: string }[]) =>
  texts.map(({ text }) => /^X-VSMTP-Flag: ([^\r]*)/m.exec(text)?.[1] ?? null);

/** What became of the last one, as the log has it. */
function last() {
  const { decision, repeated, queuedAs, reply } = border.events.at(-1) ?? assert.fail();
  return {
    action: decision.action,
    by: decision.decidedBy,
    repeated,
    queued: queuedAs !== null,
    code: reply.code,
  };
}

test("a repeat is taken and dropped, whatever was added to it on its way", async () => {
  const message = letter();
  assert.match((await send(message))[0] ?? "", /^250 2\.0\.0 Ok: queued/);
  assert.deepEqual(last(), { action: "deliver", by: "stage", repeated: false, queued: true, code: 250 });
  assert.equal((await border.queued()).length, 1);
  for (const [again, to] of [
    [message, "bob@dest.test"],
    [message, "BOB@Dest.test"],
    [`X-New: field\r\nReceived: elsewhere\r\n${message}`, "bob@dest.test"],
  ] as const) {
    assert.deepEqual(await send(again, {}, [to]), ["250 2.0.0 Ok"]);
    assert.deepEqual(last(), { action: "discard", by: "replay", repeated: true, queued: false, code: 250 });
  }
  assert.deepEqual(await border.queued(), []);
});

test("a repeat is flagged or accepted, where the settings say so", async () => {
  const message = letter();
  await send(message, { replays: "accept" });
  await send(message, { replays: "accept" });
  assert.deepEqual(flags(await border.entries()), [null, null], "and nothing is remembered");
  await send(message, { replays: "tag" });
  assert.deepEqual(flags(await border.entries()), [null]);
  await send(message, { replays: "tag" });
  assert.deepEqual(last(), { action: "tag", by: "replay", repeated: true, queued: true, code: 250 });
  assert.deepEqual(flags(await border.entries()), ["tag; VSMTP/pass; policy.replays"]);
  assert.deepEqual(await send(message), ["250 2.0.0 Ok"]);
});

test("only those who got it are left out; the others get it", async () => {
  const message = letter();
  await send(message, {}, ["bob@dest.test", "eve@dest.test"]);
  await border.queued();
  await send(message, {}, ["bob@dest.test", "carol@dest.test", "eve@dest.test"]);
  assert.deepEqual(last(), { action: "deliver", by: "stage", repeated: true, queued: true, code: 250 });
  assert.deepEqual(
    (await border.entries()).map(({ to }) => to),
    [["carol@dest.test"]],
  );
  await send(message, { replays: "tag" }, ["carol@dest.test", "dan@dest.test"]);
  const entries = (await border.entries()).sort((a, b) => (String(a.to) < String(b.to) ? -1 : 1));
  assert.deepEqual(
    entries.map(({ to }) => to),
    [["carol@dest.test"], ["dan@dest.test"]],
  );
  assert.deepEqual(flags(entries), ["tag; VSMTP/pass; policy.replays", null]);
  const [first, second] = entries.map(({ text }) => text.slice(text.indexOf("VSMTP-Signature")));
  assert.equal(first, second, "the signature is whole in both");
});

test("a tagged copy keeps no better one from its recipient; a better one keeps tagged ones away", async () => {
  const tagging = { actions: { pass: "tag" } } as const;
  const tagged = "tag; VSMTP/pass; policy.actions.pass";
  const message = letter();
  await send(message, tagging);
  assert.deepEqual(await send(message, tagging), ["250 2.0.0 Ok"], "tagged copies are repeats of each other");
  assert.deepEqual(flags(await border.entries()), [tagged]);
  await send(message);
  assert.deepEqual(flags(await border.entries()), [null]);
  const better = letter();
  await send(better);
  assert.deepEqual(await send(better, tagging), ["250 2.0.0 Ok"]);
  await send(better, tagging, ["bob@dest.test", "carol@dest.test"]);
  assert.deepEqual(
    (await border.entries()).map(({ to }) => to),
    [["bob@dest.test"], ["carol@dest.test"]],
  );
});

test("a copy with traces that forwards and lists refuse keeps the true one from nobody", async () => {
  const received = "Received: from a by b; Thu, 26 Nov 2026 04:00:00 +0000\r\n";
  for (const trace of [
    "Delivered-To: Bob@Dest.test\r\n",
    "List-Id: Bob's <Bob.dest.test>\r\n",
    "Auto-Submitted: auto-replied\r\n",
    received.repeat(31),
  ]) {
    const message = letter();
    await send(`${trace}${message}`);
    assert.deepEqual(
      await send(`${trace}${message}`),
      ["250 2.0.0 Ok"],
      "by itself it is a repeat of itself",
    );
    await send(message);
    assert.deepEqual(last(), { action: "deliver", by: "stage", repeated: false, queued: true, code: 250 });
    assert.equal((await border.queued()).length, 2);
    for (const again of [message, `${trace}${message}`, `X-New: field\r\n${message}`]) {
      assert.deepEqual(await send(again), ["250 2.0.0 Ok"]);
    }
    assert.deepEqual(await border.queued(), []);
  }
  const others = letter();
  await send(`Delivered-To: carol@dest.test\r\n${received.repeat(3)}${others}`);
  assert.deepEqual(await send(others), ["250 2.0.0 Ok"], "traces of others are nothing to forwards here");
  await border.queued();
});

test("of copies that come at a time one is delivered", async () => {
  const message = letter();
  await Promise.all(Array.from({ length: 8 }, () => send(message)));
  assert.equal((await border.queued()).length, 1);
  const wide = letter();
  const [to, reversed] = [
    ["a@dest.test", "b@dest.test"],
    ["b@dest.test", "a@dest.test"],
  ];
  await Promise.all([to, reversed, to, reversed].map((some) => send(wide, {}, some)));
  assert.deepEqual((await border.entries()).flatMap((entry) => entry.to).sort(), to);
});

test("what is signed anew, is signed by nobody, or does not verify is no repeat", async () => {
  const text = "From: allice@someisp.test\r\nTo: bob@dest.test\r\n\r\nanew\r\n";
  const policy = { actions: { none: "deliver", fail: "deliver" } } as const;
  const messages = [
    border.signed(text),
    border.signed(text, { signedAt: NOW_S - 1 }),
    text,
    text,
    `${border.signed(text)}altered\r\n`,
    `${border.signed(text)}altered\r\n`,
  ];
  for (const message of messages) await send(message, policy);
  assert.deepEqual(
    border.events.slice(-messages.length).map(({ verdict }) => verdict.result),
    ["pass", "pass", "none", "none", "fail", "fail"],
  );
  assert.equal((await border.queued()).length, messages.length);
});

test("what was refused, or kept from its recipient, was not delivered", async () => {
  const message = letter();
  for (const action of ["reject", "defer", "discard", "quarantine"] as const)
    await send(message, { actions: { pass: action } });
  assert.deepEqual(await border.queued(), []);
  await send(message);
  assert.equal((await border.queued()).length, 1);
});

test("a large repeat leaves no file behind", async () => {
  const message = letter(`\r\n${"large ".repeat(12).concat("\r\n").repeat(8_000)}`);
  const policy = { replays: "tag" } as const;
  await send(message);
  assert.deepEqual(await send(message), ["250 2.0.0 Ok"]);
  await send(message, policy, ["bob@dest.test", "carol@dest.test"]);
  assert.equal((await border.queued()).length, 3);
  assert.deepEqual(readdirSync(border.spoolFolder), []);
});

test("what is kept in quarantine is noted for those who look through it (ACT-1)", async () => {
  const forged = "X-VSMTP-Quarantine: released 2020-01-01T00:00Z\r\n";
  const head =
    "From: =?utf-8?Q?=C3=9Cnal?= <Eve@Evil.test>, b@x.test\r\nSender: eve@evil.test\r\nSubject: =?utf-8?Q?D=C3=B6ner?=\r\n lunch\r\n";
  const message = `${forged}${head}Message-ID: <1@evil.test>\r\n\r\nhello\r\n`;
  const policy = { actions: { none: "quarantine" } } as const;
  assert.match(
    (await send(message, policy, ["bob@dest.test", "eve@dest.test"]))[0] ?? "",
    /^250 .*queued as/,
  );
  assert.deepEqual(await border.queued(), []);
  const [kept] = await border.queue.list({ state: "quarantined" }, 9, border.events.at(-2)?.queuedAs ?? "");
  const { until, ...note } = kept?.quarantine ?? assert.fail();
  assert.ok(Math.abs(until - Date.now() - 86_400_000) < 60_000);
  assert.deepEqual(note, {
    result: "none",
    reason: "unsigned",
    identity: null,
    kid: null,
    from: "=?utf-8?Q?=C3=9Cnal?= <Eve@Evil.test>, b@x.test",
    authors: ["eve@evil.test", "b@x.test"],
    subject: "=?utf-8?Q?D=C3=B6ner?= lunch",
    messageId: "<1@evil.test>",
    client: "127.0.0.1",
    decidedBy: "override",
    because: "policy.actions.none",
  });
  await border.queue.order({ ids: [kept?.id ?? ""], state: "quarantined" }, { kind: "release" });
  const [entry] = await border.entries();
  assert.deepEqual(entry?.to, ["bob@dest.test", "eve@dest.test"]);
  const fields = [...(entry?.text ?? "").matchAll(/^([\w-]+):/gm)].map(([, name]) => name);
  assert.deepEqual(fields.slice(0, 4), [
    "X-VSMTP-Quarantine",
    "Authentication-Results",
    "X-VSMTP-Flag",
    "Received",
  ]);
  assert.equal(fields.filter((name) => name === "X-VSMTP-Quarantine").length, 1, "nobody else writes it");
  assert.match(entry?.text ?? "", /VSMTP\/unsigned;\r\n by override\r\n/);
});
