import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { HostedDomain } from "../config/index.ts";
import { type Reply, reply } from "../smtp/index.ts";
import { ContentBudget } from "./content-budget.ts";
import { forwardPath } from "./forward-path.ts";
import type { ReportSigner } from "./index.ts";
import { content, message, startDelivery, startServer } from "./test-network.ts";

test("a message goes to the MX octet for octet; the next one over the same connection", async (t) => {
  const { port, taken } = await startServer(t);
  const { queue, attempts, dialled, reports } = await startDelivery(t, { "mx.dest.test": port });
  await queue.enqueue([message()]);
  assert.deepEqual(await attempts(1), ["b@dest.test delivered: mx.dest.test said: 250 2.0.0 Taken"]);
  await queue.enqueue([message({ sender: "", recipients: ["c@dest.test", "d@DEST.test"] })]);
  await attempts(2);
  assert.equal(taken[0]?.content, `Received: here\r\n${content}`);
  assert.deepEqual(
    taken.map(({ from, to }) => [from, to]),
    [
      ["a@here.test", ["b@dest.test"]],
      ["", ["c@dest.test", "d@DEST.test"]],
    ],
  );
  assert.equal(taken[0]?.sessionId, taken[1]?.sessionId);
  assert.deepEqual(dialled, ["mx.dest.test:25"]);
  assert.equal(reports.length, 0);
  assert.equal((await queue.counts()).queued, 0);
});

test("a large message is sent in pieces", async (t) => {
  const { port, taken } = await startServer(t);
  const { queue, attempts } = await startDelivery(t, { "mx.dest.test": port });
  const large = Buffer.from(`Subject: large\r\n\r\n${"0123456789abcdef\r\n".repeat(100_000)}`);
  await queue.enqueue([message({ content: large })]);
  await attempts(1);
  assert.ok(taken[0]?.content === `Received: here\r\n${large}`);
});

test("who is refused is reported, the others have their mail (RFC 3464)", async (t) => {
  const rcpt = (_: unknown, { localPart }: { localPart: string }): Reply | null =>
    localPart === "no" ? reply(550, "5.1.1", "Nobody of that name") : null;
  const { port, taken } = await startServer(t, { rcpt });
  const { queue, attempts, reports, events } = await startDelivery(t, { "mx.dest.test": port });
  await queue.enqueue([message({ recipients: ["b@dest.test", "no@dest.test"] })]);
  assert.deepEqual(await attempts(1), [
    "b@dest.test delivered: mx.dest.test said: 250 2.0.0 Taken",
    "no@dest.test failed: mx.dest.test said: 550 5.1.1 Nobody of that name",
  ]);
  assert.deepEqual(taken[0]?.to, ["b@dest.test"]);
  const [text = ""] = reports;
  assert.match(text, /^From: Mail delivery <mailer-daemon@mail\.here\.test>\r\nTo: <a@here\.test>\r\n/);
  assert.match(
    text,
    /\r\n\r\nFinal-Recipient: rfc822; no@dest\.test\r\nAction: failed\r\nStatus: 5\.1\.1\r\n/,
  );
  assert.ok(
    text.endsWith("\r\n\r\nReceived: here\r\nFrom: a@here.test\r\nSubject: x\r\n\r\n--=_id1--\r\n"),
    "the whole header",
  );
  assert.doesNotMatch(text, /\r(?!\n)|(?<!\r)\n/);
  // A null sender gets no report (RFC 5321 §4.5.5).
  await queue.enqueue([message({ sender: "", recipients: ["no@dest.test"] })]);
  await attempts(2);
  assert.equal(reports.length, 1);
  assert.ok(events.some(({ kind }) => kind === "undeliverable"));
  assert.equal((await queue.counts()).queued, 0);
});

test("what is deferred is tried again until it succeeds", async (t) => {
  let refusals = 2;
  const { port, taken } = await startServer(t, {
    mail: () => (refusals-- > 0 ? reply(451, "4.7.1", "Greylisted") : null),
  });
  const { queue, attempts, reports } = await startDelivery(t, { "mx.dest.test": port });
  await queue.enqueue([message()]);
  assert.deepEqual(await attempts(3), [
    "b@dest.test deferred: mx.dest.test said: 451 4.7.1 Greylisted",
    "b@dest.test deferred: mx.dest.test said: 451 4.7.1 Greylisted",
    "b@dest.test delivered: mx.dest.test said: 250 2.0.0 Taken",
  ]);
  assert.equal(taken.length, 1);
  assert.equal(reports.length, 0);
});

test("what is given up for its age is reported (X.4.7), before the queue forgets it", async (t) => {
  const { port } = await startServer(t, { mail: () => reply(451, "4.3.0", "Never") });
  const { queue, attempts, reports, events } = await startDelivery(
    t,
    { "mx.dest.test": port },
    { maxAgeMs: 40 },
  );
  await queue.enqueue([message()]);
  for (let made = 1; reports.length === 0; made++) await attempts(made);
  assert.match(
    reports[0] ?? "",
    /Status: 5\.4\.7\r\nRemote-MTA: dns; mx\.dest\.test\r\nDiagnostic-Code: smtp; 451 4\.3\.0 Never/,
  );
  assert.match(reports[0] ?? "", /and then given up\. The reason: The/);
  while (events.at(-1)?.kind !== "attempted") await sleep(5);
  assert.equal((await queue.counts()).queued, 0);
  assert.equal(reports.length, 1);
});

test("a failure whose report cannot be signed is not forgotten; then its report is queued as it is", async (t) => {
  const { port, taken } = await startServer(t, {
    mail: (_, { reversePath }) => (reversePath === null ? null : reply(550, "5.7.1", "No")),
  });
  let away = true;
  const reportSigner: ReportSigner = {
    isRole: () => false,
    sign: async ({ compose }) => {
      if (away) return { kind: "later", cause: new Error("the vault is away") };
      const report = message({ sender: "", recipients: ["a@dest.test"], content: compose("m@here.test") });
      return { kind: "ready", messages: [report], signedBy: null };
    },
  };
  const { queue, attempts, events } = await startDelivery(t, { "mx.dest.test": port }, { reportSigner });
  await queue.enqueue([message()]);
  assert.match((await attempts(1))[0] as string, /deferred: .*550 5\.7\.1 No/);
  away = false;
  while (taken.length === 0) await sleep(5);
  assert.match(taken[0]?.content ?? "", /^Received: here\r\nFrom: Mail delivery <m@here\.test>\r\n/);
  assert.deepEqual(
    events
      .map(({ kind }) => kind)
      .filter((kind) => kind.startsWith("report"))
      .slice(-2),
    ["report-failed", "reported"],
  );
});

test("what was signed by a key that is not good any more is held or removed, and nobody is told", async (t) => {
  for (const [stoppedMail, fate, counts] of [
    ["hold", "held", [0, 1]],
    ["remove", "removed", [0, 0]],
  ] as const) {
    const standing = { problem: async () => "its key is revoked" };
    const { queue, events, dialled, reports } = await startDelivery(t, {}, { standing, stoppedMail });
    await queue.enqueue([message({ kids: ["k1"] })]);
    while (events.length === 0) await sleep(5);
    assert.ok(events[0]?.kind === "stopped" && events[0].fate === fate);
    assert.equal(events[0].because, "its key is revoked");
    const { queued, held } = await queue.counts();
    assert.deepEqual([[queued, held], dialled, reports], [counts, [], []]);
  }
});

test("what waits for a server when its account is stopped does not leave", async (t) => {
  const { port, taken } = await startServer(t, {
    connect: () => new Promise((resolve) => setTimeout(resolve, 700, null)),
  });
  let because: string | null = null;
  const standing = { problem: async () => because };
  const { queue, events, dialled } = await startDelivery(t, { "mx.dest.test": port }, { standing });
  await queue.enqueue([message({ kids: ["k1"] })]);
  while (dialled.length === 0) await sleep(5);
  because = "its account is suspended";
  while (events.length === 0) await sleep(5);
  assert.deepEqual([events[0]?.kind, taken.length, (await queue.counts()).held], ["stopped", 0, 1]);
});

test("Maildir: durable files with their octets, folder for quarantine, one copy a mailbox", async (t) => {
  const root = mkdtempSync(join(tmpdir(), "vsmtp-maildir-"));
  t.after(() => rmSync(root, { recursive: true }));
  const mailboxes = { listed: new Map(), root, catchAll: null };
  const domains: HostedDomain[] = [
    {
      name: "here.test",
      target: { kind: "maildir", mailboxes },
      forwards: new Map(),
      lists: new Map(),
      policy: { stage: null, actions: {}, senders: [] },
    },
  ];
  const known = new Map([
    ["bob", "bob"],
    ["bob+news", "bob"],
    ["eve", "eve"],
    ["postmaster", "eve"],
    ["locked", "locked/x"],
  ]);
  const { queue, attempts, reports } = await startDelivery(
    t,
    {},
    {
      domains,
      hostname: "here.test",
      retryMs: 1e6,
      findMaildir: (given, localPart) => {
        assert.equal(given, mailboxes);
        const name = known.get(localPart);
        return name === undefined ? null : join(root, name);
      },
    },
  );
  const [id] = await queue.enqueue([
    message({ recipients: ["Bob@HERE.test", "bob+news@here.test", "eve@here.test", "nobody@here.test"] }),
  ]);
  const results = await attempts(1);
  assert.deepEqual(
    results.map((line) => line.split(":")[0]),
    [
      "Bob@HERE.test delivered",
      "bob+news@here.test delivered",
      "eve@here.test delivered",
      "nobody@here.test failed",
    ],
  );
  assert.match(reports[0] ?? "", /nobody@here\.test\r\nAction: failed\r\nStatus: 5\.1\.1\r/);
  const [file, ...more] = readdirSync(join(root, "bob", "new"));
  assert.equal(more.length, 0);
  assert.match(file as string, new RegExp(`^\\d+\\.V${id}R0\\.here\\.test$`));
  const path = join(root, "bob", "new", file as string);
  assert.equal(
    readFileSync(path, "latin1"),
    `Return-Path: <a@here.test>\r\nDelivered-To: Bob@HERE.test\r\nReceived: here\r\n${content}`,
  );
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(join(root, "bob", "tmp")), []);
  await queue.enqueue([message({ recipients: ["bob@here.test"], suspicious: true })]);
  await attempts(2);
  assert.equal(readdirSync(join(root, "bob", ".Junk", "new")).length, 1);
  assert.ok(readdirSync(join(root, "bob", ".Junk")).includes("maildirfolder"));
  await queue.enqueue([message({ recipients: ["Postmaster"] })]);
  assert.match((await attempts(3)).at(-1) as string, /^Postmaster delivered/);
  // The file system refuses: a file stands where the folder should be.
  writeFileSync(join(root, "locked"), "");
  await queue.enqueue([message({ recipients: ["locked@here.test"] })]);
  assert.match(
    (await attempts(4)).at(-1) as string,
    /^locked@here\.test deferred: 4\.2\.0 the message cannot be stored: E/,
  );
});

test("stop: what is in work ends well; after the grace it is given back, and delivered by the next", async (t) => {
  let release: () => void = () => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  let slow = true;
  const { port, taken } = await startServer(t, {
    mail: () => (slow ? held.then(() => null) : null),
  });
  const first = await startDelivery(t, { "mx.dest.test": port });
  await first.queue.enqueue([message()]);
  while (first.dialled.length === 0) await sleep(5);
  const stopped = first.delivery.stop(5000);
  await sleep(20);
  release();
  await stopped;
  assert.equal(taken.length, 1, "finished within the grace");

  const second = await startDelivery(t, { "mx.dest.test": port }, { retryMs: 1e6 });
  slow = false;
  const never = await startServer(t, { mail: () => new Promise(() => {}) });
  const stuck = await startDelivery(
    t,
    { "mx.dest.test": never.port },
    { retryMs: 1e6, limits: { messages: 4 } },
  );
  await stuck.queue.enqueue([message(), message()]);
  while (stuck.dialled.length === 0) await sleep(5);
  await sleep(20);
  const begun = performance.now();
  await stuck.delivery.stop(50);
  assert.ok(performance.now() - begun < 2000);
  assert.ok(!stuck.events.some(({ kind }) => kind === "attempted"), "nothing was recorded");
  assert.equal((await stuck.queue.counts()).leased, 2);
  await stuck.queue.close();
  assert.deepEqual(
    await stuck.queue
      .counts()
      .then(({ queued, leased, deferredRecipients }) => [queued, leased, deferredRecipients]),
    [2, 0, 0],
  );
  await second.queue.enqueue([message()]);
  await second.attempts(1);
});

test("stop: storage that does not record what became of mail is waited for so long, and no longer", async (t) => {
  const { port, taken } = await startServer(t);
  const { folder, queue, delivery, dialled } = await startDelivery(t, { "mx.dest.test": port });
  const other = new DatabaseSync(join(folder, "queue.sqlite"));
  await queue.enqueue([message()]);
  while (dialled.length === 0) await sleep(1);
  other.exec("BEGIN EXCLUSIVE");
  while (taken.length === 0) await sleep(1);
  const begun = performance.now();
  await delivery.stop(50, 50);
  await queue.close();
  assert.ok(performance.now() - begun < 15_000, `${performance.now() - begun} ms`);
  other.exec("COMMIT");
  other.close();
});

test("many messages within narrow limits arrive once each", async (t) => {
  const { port, taken } = await startServer(t);
  const { queue, attempts, open } = await startDelivery(
    t,
    { "mx.dest.test": port },
    {
      limits: { messages: 20, connectionsPerDestination: 3, messagesPerConnection: 7, contentOctets: 200 },
    },
  );
  const all = Array.from({ length: 200 }, (_, index) => message({ recipients: [`r${index}@dest.test`] }));
  await queue.enqueue(all.slice(0, 100));
  await queue.enqueue(all.slice(100));
  await attempts(200);
  assert.deepEqual(new Set(taken.map(({ to }) => to[0])).size, 200);
  assert.equal(taken.length, 200);
  assert.equal(open.most, 3);
  assert.ok(new Set(taken.map(({ sessionId }) => sessionId)).size >= 200 / 7);
});

test("over a hundred recipients go in transactions of a hundred (RFC 5321 §4.5.3.1.8)", async (t) => {
  const { port, taken } = await startServer(t);
  const { queue, attempts } = await startDelivery(t, { "mx.dest.test": port });
  await queue.enqueue([
    message({ recipients: Array.from({ length: 150 }, (_, index) => `r${index}@dest.test`) }),
  ]);
  assert.equal((await attempts(1)).filter((line) => line.includes("delivered")).length, 150);
  assert.deepEqual(
    taken.map(({ to }) => to.length),
    [100, 50],
  );
});

test("who is put off to a transaction of his own gets one at once, as long as each gets somewhere (RFC 5321 §4.5.3.1.10)", async (t) => {
  const own = reply(452, "4.5.3", "In a transaction of its own");
  const { port, taken } = await startServer(t, {
    rcpt: (_, { localPart }, { recipients: [first] }) => {
      if (localPart === "never") return own;
      if (localPart === "unknown") return reply(550, "5.1.1", "Unknown");
      return first !== undefined && first.localPart[0] !== localPart[0] ? own : null;
    },
  });
  const { queue, attempts } = await startDelivery(t, { "mx.dest.test": port });
  const recipients = ["a1", "b1", "a2", "unknown", "c1", "never", "b2"].map((name) => `${name}@dest.test`);
  await queue.enqueue([message({ recipients })]);
  const lines = await attempts(1);
  assert.deepEqual(
    taken.map(({ to }) => to.map((address) => address.replace("@dest.test", ""))),
    [["a1", "a2"], ["b1", "b2"], ["c1"]],
  );
  assert.equal(new Set(taken.map(({ sessionId }) => sessionId)).size, 1, "over one connection");
  assert.deepEqual(lines.map((line) => line.replace(/@dest\.test (\w+):.*?(\d{3}).*/, " $1 $2")).sort(), [
    "a1 delivered 250",
    "a2 delivered 250",
    "b1 delivered 250",
    "b2 delivered 250",
    "c1 delivered 250",
    "never deferred 452",
    "unknown failed 550",
  ]);
});

test("addresses outside ASCII: A-labels where that suffices (RFC 6531)", () => {
  assert.equal(forwardPath("b@bücher.test"), "b@xn--bcher-kva.test");
  assert.equal(forwardPath("bü@bücher.test"), "bü@bücher.test");
  assert.equal(forwardPath("B@dest.test"), "B@dest.test");
  assert.equal(forwardPath(""), "");
});

test("the budget lets one large thing in alone, and keeps the order", async () => {
  const budget = new ContentBudget(10);
  const order: string[] = [];
  await budget.take(6);
  const large = budget.take(50).then(() => order.push("large"));
  const small = budget.take(1).then(() => order.push("small"));
  await sleep(1);
  assert.deepEqual(order, []);
  budget.giveBack(6);
  await large;
  budget.giveBack(50);
  await small;
  assert.deepEqual(order, ["large", "small"]);
});
