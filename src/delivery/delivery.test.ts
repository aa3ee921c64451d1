import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { HostedDomain } from "../config/index.ts";
import type { DnsAnswer, MxRecord, Resolver } from "../dns/index.ts";
import { type NewMessage, Queue, RetrySchedule } from "../queue/index.ts";
import { type Reply, reply, type SmtpHandler, SmtpServer, type SmtpServerOptions } from "../smtp/index.ts";
import { SqliteQueueStore } from "../store/index.ts";
import { formatBounce } from "./bounce.ts";
import { forwardPath } from "./forward-path.ts";
import { type Bounce, Delivery, type DeliveryEvent, type DeliveryOptions, describe } from "./index.ts";
import { OctetBudget } from "./octet-budget.ts";
import { Router } from "./router.ts";

const content = Buffer.from("From: a@here.test\r\nSubject: x\r\n\r\n.dot\r\nHello\r\n");

function message(overrides: Partial<NewMessage> = {}): NewMessage {
  return {
    sender: "a@here.test",
    recipients: ["b@dest.test"],
    prefix: Buffer.from("Received: here\r\n"),
    content,
    body: "7bit",
    smtputf8: false,
    account: "a1",
    ...overrides,
  };
}

interface Zone {
  readonly mx?: readonly (readonly [preference: number, exchange: string])[] | "failure";
  readonly addresses?: readonly string[] | "failure";
}

/** A resolver that knows a few names. */
function resolverOf(zones: Record<string, Zone>): Resolver {
  const answer = <T>(name: string, records: readonly T[] | "failure" | undefined): DnsAnswer<T> => {
    if (records === "failure") return { kind: "failure", detail: "SERVFAIL" };
    if (records !== undefined) return { kind: "records", records, authenticated: false, ttlSeconds: 60 };
    return { kind: zones[name] === undefined ? "nxdomain" : "nodata", authenticated: false, ttlSeconds: 60 };
  };
  return {
    mx: async (name) => {
      const mx = zones[name]?.mx;
      const records =
        mx === "failure" ? mx : mx?.map(([preference, exchange]): MxRecord => ({ preference, exchange }));
      return answer(name, records);
    },
    addresses: async (name) => answer(name, zones[name]?.addresses),
    txt: async (name) => answer<string>(name, undefined),
    srv: async (name) => answer<never>(name, undefined),
    tlsa: async (name) => answer<never>(name, undefined),
  };
}

/** What other servers took. */
interface Taken {
  readonly from: string;
  readonly to: string[];
  readonly content: string;
  readonly sessionId: string;
  readonly protocol: string;
}

async function startServer(
  t: TestContext,
  handler: Partial<SmtpHandler> = {},
  options: Partial<SmtpServerOptions> = {},
) {
  const taken: Taken[] = [];
  const server = new SmtpServer({
    hostname: "mx.dest.test",
    tlsMode: "plain",
    limits: { connectionsPerAddress: 1000 },
    ...options,
    handler: {
      data(session, envelope) {
        const chunks: Uint8Array[] = [];
        return {
          write: (chunk) => void chunks.push(chunk),
          finish() {
            taken.push({
              from: envelope.reversePath?.text ?? "",
              to: envelope.recipients.map(({ text }) => text),
              content: Buffer.concat(chunks).toString("latin1"),
              sessionId: session.id,
              protocol: session.protocol,
            });
            return reply(250, "2.0.0", "Taken");
          },
          abort() {},
        };
      },
      ...handler,
    },
  });
  const { port } = await server.listen({ host: "127.0.0.1", port: 0 });
  t.after(() => server.close(0));
  return { server, port, taken };
}

const zones: Record<string, Zone> = {
  "dest.test": { mx: [[10, "mx.dest.test"]] },
  "mx.dest.test": { addresses: ["127.0.0.1"] },
};

/** A queue on disk and a delivery that runs, with hosts mapped to ports of this machine. */
function startDelivery(
  t: TestContext,
  ports: Record<string, number>,
  options: Partial<DeliveryOptions> & { retryMs?: number; maxAgeMs?: number } = {},
) {
  const folder = mkdtempSync(join(tmpdir(), "vsmtp-delivery-"));
  const store = new SqliteQueueStore(join(folder, "queue.sqlite"));
  const retry = new RetrySchedule(
    {
      firstDelayMs: options.retryMs ?? 20,
      factor: 1,
      jitter: 0,
      ...(options.maxAgeMs === undefined ? {} : { maxAgeMs: options.maxAgeMs }),
    },
    () => 0.5,
  );
  const queue = new Queue({ store, retry, pollMs: 50 });
  const events: DeliveryEvent[] = [];
  const bounces: Bounce[] = [];
  const dialled: string[] = [];
  const delivery = new Delivery({
    queue,
    retry,
    hostname: "mail.here.test",
    domains: [],
    routes: [],
    findMaildir: () => null,
    resolver: resolverOf(zones),
    dialer: {
      async connect({ host, port }) {
        dialled.push(`${host}:${port}`);
        const socket = connect(ports[host] ?? 1, "127.0.0.1");
        await once(socket, "connect");
        return socket;
      },
    },
    allowPrivateAddresses: true,
    onBounce: async (bounce) => void bounces.push(bounce),
    onEvent: (event) => events.push(event),
    newId: () => "id1",
    ...options,
    limits: { avoidMs: 0, ...options.limits },
  });
  delivery.start();
  t.after(async () => {
    await delivery.stop(0);
    await queue.close();
    store.close();
    rmSync(folder, { recursive: true });
  });
  /** Waits for that many attempts; the results of all, one line each. */
  async function attempts(count: number): Promise<string[]> {
    for (;;) {
      const done = events.filter((event) => event.kind === "attempted");
      if (done.length >= count) {
        return done.flatMap(({ results }) =>
          results.map((result) => `${result.address} ${result.kind}: ${describe(result)}`),
        );
      }
      await sleep(5);
    }
  }
  return { folder, queue, delivery, events, bounces, dialled, attempts };
}

test("a message goes to the MX octet for octet; the next one over the same connection", async (t) => {
  const { port, taken } = await startServer(t);
  const { queue, attempts, dialled, bounces } = startDelivery(t, { "mx.dest.test": port });
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
  assert.equal(bounces.length, 0);
  assert.equal((await queue.counts()).queued, 0);
});

test("a large message is sent in pieces", async (t) => {
  const { port, taken } = await startServer(t);
  const { queue, attempts } = startDelivery(t, { "mx.dest.test": port });
  const large = Buffer.from(`Subject: large\r\n\r\n${"0123456789abcdef\r\n".repeat(100_000)}`);
  await queue.enqueue([message({ content: large })]);
  await attempts(1);
  assert.ok(taken[0]?.content === `Received: here\r\n${large}`);
});

test("who is refused is reported, the others have their mail (RFC 3464)", async (t) => {
  const rcpt = (_: unknown, { localPart }: { localPart: string }): Reply | null =>
    localPart === "no" ? reply(550, "5.1.1", "Nobody of that name") : null;
  const { port, taken } = await startServer(t, { rcpt });
  const { queue, attempts, bounces, events } = startDelivery(t, { "mx.dest.test": port });
  await queue.enqueue([message({ recipients: ["b@dest.test", "no@dest.test"] })]);
  assert.deepEqual(await attempts(1), [
    "b@dest.test delivered: mx.dest.test said: 250 2.0.0 Taken",
    "no@dest.test failed: mx.dest.test said: 550 5.1.1 Nobody of that name",
  ]);
  assert.deepEqual(taken[0]?.to, ["b@dest.test"]);
  const [bounce] = bounces;
  assert.deepEqual([bounce?.recipient, bounce?.account, bounce?.failed.length], ["a@here.test", "a1", 1]);
  const text = bounce?.content.toString() ?? "";
  assert.match(text, /^From: Mail delivery <mailer-daemon@mail\.here\.test>\r\nTo: <a@here\.test>\r\n/);
  assert.match(text, /\r\nAuto-Submitted: auto-replied\r\n/);
  assert.match(
    text,
    /Content-Type: multipart\/report; report-type=delivery-status;\r\n boundary="=_id1"\r\n/,
  );
  assert.match(
    text,
    /\r\nReporting-MTA: dns; mail\.here\.test\r\nArrival-Date: [^\r]+\r\n\r\nFinal-Recipient: rfc822; no@dest\.test\r\nAction: failed\r\nStatus: 5\.1\.1\r\nRemote-MTA: dns; mx\.dest\.test\r\nDiagnostic-Code: smtp; 550 5\.1\.1 Nobody of that name\r\n\r\n--=_id1\r\n/,
  );
  assert.ok(
    text.endsWith("\r\n\r\nReceived: here\r\nFrom: a@here.test\r\nSubject: x\r\n\r\n--=_id1--\r\n"),
    "the whole header",
  );
  assert.doesNotMatch(text, /\r(?!\n)|(?<!\r)\n/);
  // A null sender gets no report (RFC 5321 §4.5.5).
  await queue.enqueue([message({ sender: "", recipients: ["no@dest.test"] })]);
  await attempts(2);
  assert.equal(bounces.length, 1);
  assert.ok(events.some(({ kind }) => kind === "undeliverable"));
  assert.equal((await queue.counts()).queued, 0);
});

test("what is deferred is tried again until it succeeds", async (t) => {
  let refusals = 2;
  const { port, taken } = await startServer(t, {
    mail: () => (refusals-- > 0 ? reply(451, "4.7.1", "Greylisted") : null),
  });
  const { queue, attempts, bounces } = startDelivery(t, { "mx.dest.test": port });
  await queue.enqueue([message()]);
  assert.deepEqual(await attempts(3), [
    "b@dest.test deferred: mx.dest.test said: 451 4.7.1 Greylisted",
    "b@dest.test deferred: mx.dest.test said: 451 4.7.1 Greylisted",
    "b@dest.test delivered: mx.dest.test said: 250 2.0.0 Taken",
  ]);
  assert.equal(taken.length, 1);
  assert.equal(bounces.length, 0);
});

test("what is given up for its age is reported (X.4.7), before the queue forgets it", async (t) => {
  const { port } = await startServer(t, { mail: () => reply(451, "4.3.0", "Never") });
  const { queue, attempts, bounces, events } = startDelivery(t, { "mx.dest.test": port }, { maxAgeMs: 40 });
  await queue.enqueue([message()]);
  for (let made = 1; bounces.length === 0; made++) await attempts(made);
  assert.match(
    bounces[0]?.content.toString() ?? "",
    /Status: 5\.4\.7\r\nRemote-MTA: dns; mx\.dest\.test\r\nDiagnostic-Code: smtp; 451 4\.3\.0 Never/,
  );
  assert.match(
    bounces[0]?.content.toString() ?? "",
    /given up after repeated attempts; the last one: mx\.dest\.test said: 451/,
  );
  while (events.at(-1)?.kind !== "attempted") await sleep(5);
  assert.equal((await queue.counts()).queued, 0);
  assert.equal(bounces.length, 1);
});

test("a failure whose report cannot be queued is not forgotten", async (t) => {
  const { port } = await startServer(t, { mail: () => reply(550, "5.7.1", "No") });
  let broken = true;
  const told: Bounce[] = [];
  const { queue, attempts } = startDelivery(
    t,
    { "mx.dest.test": port },
    {
      onBounce: async (bounce) => {
        if (broken) throw new Error("disk full");
        told.push(bounce);
      },
    },
  );
  await queue.enqueue([message()]);
  assert.match((await attempts(1))[0] as string, /deferred: .*550 5\.7\.1 No/);
  broken = false;
  while (told.length === 0) await sleep(5);
});

test("mail hosts: order, the next one when one does not answer, and what ends the search (RFC 5321 §5.1)", async (t) => {
  const good = await startServer(t);
  const unfriendly = await startServer(t, { connect: () => reply(554, "5.7.1", "Not you") });
  const busy = await startServer(t, { connect: () => reply(421, "4.3.2", "Later") });
  const retired = createServer((socket) => socket.end("521 5.3.2 takes no mail\r\n")).listen(0, "127.0.0.1");
  await once(retired, "listening");
  t.after(() => retired.close());
  const ports = {
    good: good.port,
    unfriendly: unfriendly.port,
    busy: busy.port,
    retired: (retired.address() as { port: number }).port,
  };
  const local = ["127.0.0.1"];
  const resolver = resolverOf({
    "order.test": {
      mx: [
        [30, "unfriendly"],
        [20, "good"],
        [10, "down"],
        [15, "busy"],
      ],
    },
    "itself.test": { addresses: local },
    "itself.bad.test": { mx: "failure" },
    "null.test": { mx: [[0, "."]] },
    "nothing.test": {},
    "noaddress.test": { mx: [[10, "gone.test"]] },
    "unfriendly.test": { mx: [[10, "unfriendly"]] },
    "retired.test": { mx: [[10, "retired"]] },
    "loop.test": {
      mx: [
        [10, "mail.here.test"],
        [20, "good"],
      ],
    },
    "backup.test": {
      mx: [
        [10, "good"],
        [20, "mail.here.test"],
      ],
    },
    good: { addresses: local },
    unfriendly: { addresses: local },
    busy: { addresses: local },
    down: { addresses: local },
    retired: { addresses: local },
  });
  const { queue, attempts, dialled } = startDelivery(
    t,
    { ...ports, "itself.test": good.port },
    { resolver, retryMs: 1e6 },
  );
  const expected: [address: string, result: RegExp][] = [
    ["b@order.test", /delivered: good said: 250/],
    ["b@itself.test", /delivered: itself\.test said: 250/],
    ["b@itself.bad.test", /deferred: 4\.4\.3 .*SERVFAIL/],
    ["b@null.test", /failed: 5\.1\.10 null\.test takes no mail/],
    ["b@nothing.test", /failed: 5\.1\.2/],
    ["b@unknown.test", /failed: 5\.1\.2/],
    ["b@noaddress.test", /failed: 5\.4\.4 gone\.test has no address/],
    ["b@unfriendly.test", /deferred: unfriendly said: 554 5\.7\.1 Not you/],
    ["b@retired.test", /failed: retired said: 521 5\.3\.2/],
    ["b@loop.test", /failed: 5\.4\.6/],
    ["b@backup.test", /delivered: good/],
    ["b@[127.0.0.1]", /failed: 5\.1\.2 not a mail domain/],
  ];
  for (const [index, [address, result]] of expected.entries()) {
    await queue.enqueue([message({ recipients: [address] })]);
    assert.match((await attempts(index + 1))[index] as string, result, address);
  }
  assert.deepEqual(dialled.slice(0, 3), ["down:25", "busy:25", "good:25"]);
});

test("private addresses are not mail hosts unless that is allowed", async (t) => {
  const { queue, attempts, dialled } = startDelivery(t, {}, { allowPrivateAddresses: false, retryMs: 1e6 });
  await queue.enqueue([message()]);
  assert.deepEqual(await attempts(1), [
    "b@dest.test deferred: 4.4.4 no address of mx.dest.test is globally reachable",
  ]);
  assert.deepEqual(dialled, []);
});

test("a server whose TLS is broken gets its mail in clear (RFC 7435)", async (t) => {
  const taken: string[] = [];
  const server = createServer((socket: Socket) => {
    socket.on("error", () => {}).write("220 x\r\n");
    let clear = true;
    socket.on("data", (chunk) => {
      const text = chunk.toString("latin1");
      if (!clear) return void socket.destroy();
      if (text.startsWith("EHLO")) socket.write("250-x\r\n250 STARTTLS\r\n");
      else if (text.startsWith("STARTTLS")) {
        clear = false;
        socket.write("220 go\r\n");
      } else if (text.startsWith("DATA")) socket.write("354 go\r\n");
      else {
        taken.push(text);
        socket.write("250 ok\r\n");
      }
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const { queue, attempts, dialled } = startDelivery(t, {
    "mx.dest.test": (server.address() as { port: number }).port,
  });
  await queue.enqueue([message()]);
  assert.match((await attempts(1))[0] as string, /delivered/);
  assert.equal(dialled.length, 2);
  assert.ok(taken.some((text) => text.includes("Subject: x")));
});

test("a kept connection that the server has left is replaced without an attempt lost", async (t) => {
  const { port, taken, server } = await startServer(t, {}, { deadlines: { commandMs: 30 } });
  const { queue, attempts, dialled } = startDelivery(t, { "mx.dest.test": port });
  await queue.enqueue([message()]);
  await attempts(1);
  while (server.connections > 0) await sleep(5);
  await queue.enqueue([message()]);
  await attempts(2);
  assert.equal(taken.length, 2);
  assert.equal(dialled.length, 2);
});

test("Maildir: durable files with their octets, folder for quarantine, one copy a mailbox", async (t) => {
  const root = mkdtempSync(join(tmpdir(), "vsmtp-maildir-"));
  t.after(() => rmSync(root, { recursive: true }));
  const mailboxes = { listed: new Map(), root, catchAll: null };
  const domains: HostedDomain[] = [
    { name: "here.test", target: { kind: "maildir", mailboxes }, policy: { stage: null, actions: {} } },
  ];
  const known = new Map([
    ["bob", "bob"],
    ["bob+news", "bob"],
    ["eve", "eve"],
    ["postmaster", "eve"],
    ["locked", "locked/x"],
  ]);
  const { queue, attempts, bounces } = startDelivery(
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
  assert.equal(bounces[0]?.failed[0]?.enhanced, "5.1.1");
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
  await queue.enqueue([message({ recipients: ["bob@here.test"], quarantined: true })]);
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

test("routes: the longest pattern that fits, hosted domains before all", () => {
  const hop = (host: string) => ({ kind: "next-hop", host, port: 25 });
  const router = new Router(
    [
      {
        name: "own.dest.test",
        target: { kind: "next-hop", nextHop: { host: "inner", port: 25 } },
        policy: { stage: null, actions: {} },
      },
    ],
    ["dest.test", ".dest.test", ".a.dest.test", "own.dest.test", ".test"].map((pattern) => ({
      pattern,
      nextHop: { host: pattern, port: 25 },
    })),
  );
  for (const [domain, expected] of [
    ["own.dest.test", "inner"],
    ["dest.test", "dest.test"],
    ["x.dest.test", ".dest.test"],
    ["x.a.dest.test", ".a.dest.test"],
    ["a.dest.test", ".dest.test"],
    ["other.test", ".test"],
  ] as const) {
    assert.deepEqual(router.route(domain), hop(expected), domain);
  }
  assert.deepEqual(router.route("example.org"), { kind: "mx" });
  assert.deepEqual(
    new Router([], [{ pattern: "*", nextHop: { host: "smart", port: 25 } }]).route("example.org"),
    hop("smart"),
  );
});

test("a next hop takes several domains in one transaction, and may have a private address", async (t) => {
  const { port, taken } = await startServer(t);
  const { queue, attempts, dialled } = startDelivery(
    t,
    { "10.0.0.1": port },
    {
      allowPrivateAddresses: false,
      routes: [{ pattern: "*", nextHop: { host: "10.0.0.1", port: 2525 } }],
    },
  );
  await queue.enqueue([message({ recipients: ["b@x.test", "c@y.test"] })]);
  await attempts(1);
  assert.deepEqual(taken[0]?.to, ["b@x.test", "c@y.test"]);
  assert.deepEqual(dialled, ["10.0.0.1:2525"]);
});

test("stop: what is in work ends well; after the grace it is given back, and delivered by the next", async (t) => {
  let release: () => void = () => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  let slow = true;
  const { port, taken } = await startServer(t, {
    mail: () => (slow ? held.then(() => null) : null),
  });
  const first = startDelivery(t, { "mx.dest.test": port });
  await first.queue.enqueue([message()]);
  while (first.dialled.length === 0) await sleep(5);
  const stopped = first.delivery.stop(5000);
  await sleep(20);
  release();
  await stopped;
  assert.equal(taken.length, 1, "finished within the grace");

  const second = startDelivery(t, { "mx.dest.test": port }, { retryMs: 1e6 });
  slow = false;
  const never = await startServer(t, { mail: () => new Promise(() => {}) });
  const stuck = startDelivery(t, { "mx.dest.test": never.port }, { retryMs: 1e6, limits: { messages: 2 } });
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

test("many messages within narrow limits arrive once each", async (t) => {
  let most = 0;
  const { port, taken, server } = await startServer(t, {
    mail: async () => {
      most = Math.max(most, server.connections);
      return null;
    },
  });
  const { queue, attempts } = startDelivery(
    t,
    { "mx.dest.test": port },
    {
      limits: { messages: 20, connectionsPerTarget: 3, messagesPerConnection: 7, contentOctets: 200 },
    },
  );
  const all = Array.from({ length: 200 }, (_, index) => message({ recipients: [`r${index}@dest.test`] }));
  await queue.enqueue(all.slice(0, 100));
  await queue.enqueue(all.slice(100));
  await attempts(200);
  assert.deepEqual(new Set(taken.map(({ to }) => to[0])).size, 200);
  assert.equal(taken.length, 200);
  assert.ok(most <= 4, `${most} connections`); // one may still be saying QUIT
  assert.ok(new Set(taken.map(({ sessionId }) => sessionId)).size >= 200 / 7);
});

test("over a hundred recipients go in transactions of a hundred (RFC 5321 §4.5.3.1.8)", async (t) => {
  const { port, taken } = await startServer(t);
  const { queue, attempts } = startDelivery(t, { "mx.dest.test": port });
  await queue.enqueue([
    message({ recipients: Array.from({ length: 150 }, (_, index) => `r${index}@dest.test`) }),
  ]);
  assert.equal((await attempts(1)).filter((line) => line.includes("delivered")).length, 150);
  assert.deepEqual(
    taken.map(({ to }) => to.length),
    [100, 50],
  );
});

test("an address that could not be talked to is left alone for a while", async (t) => {
  const { queue, attempts, dialled } = startDelivery(t, {}, { limits: { avoidMs: 1e6 }, retryMs: 1e6 });
  await queue.enqueue([message()]);
  await attempts(1);
  await queue.enqueue([message()]);
  const results = await attempts(2);
  assert.equal(results[0], results[1]);
  assert.equal(dialled.length, 1);
});

test("addresses outside ASCII: A-labels where that suffices, and in reports (RFC 6531, RFC 6533)", () => {
  assert.equal(forwardPath("b@bücher.test"), "b@xn--bcher-kva.test");
  assert.equal(forwardPath("bü@bücher.test"), "bü@bücher.test");
  assert.equal(forwardPath("B@dest.test"), "B@dest.test");
  assert.equal(forwardPath(""), "");
  const report = formatBounce(
    {
      id: "m1",
      sender: "a@here.test",
      recipients: [],
      body: "8bitmime",
      smtputf8: true,
      account: null,
      quarantined: false,
      size: 1,
      enqueuedAt: 0,
      attempt: 1,
    },
    [
      {
        kind: "failed",
        code: 550,
        enhanced: "5.1.1",
        text: "böse\r\nX: y",
        remote: "mx.test",
        index: 0,
        address: "ü@dest.test",
      },
    ],
    Buffer.from("Subject: ß\r\n"),
    { hostname: "here.test", from: "mailer-daemon@here.test", now: new Date(0), id: "i" },
  ).toString();
  assert.match(report, /Final-Recipient: utf-8; \\x\{FC\}@dest\.test\r\n/);
  assert.match(report, /Diagnostic-Code: smtp; 550 5\.1\.1 b\?se\?\?X: y\r\n/);
  assert.match(
    report,
    /Content-Type: text\/rfc822-headers\r\nContent-Transfer-Encoding: 8bit\r\n\r\nSubject: ß\r\n/,
  );
});

test("SMTPUTF8 is asked for where it is needed only (RFC 6531 §3.6)", async (t) => {
  const protocols: string[] = [];
  const { port } = await startServer(t, {
    rcpt: ({ protocol }) => {
      protocols.push(protocol);
      return null;
    },
  });
  const { queue, attempts } = startDelivery(t, { "mx.dest.test": port });
  await queue.enqueue([message({ smtputf8: true })]);
  await queue.enqueue([
    message({ smtputf8: true, content: Buffer.from("Subject: ß\r\n\r\nx\r\n"), body: "8bitmime" }),
  ]);
  await queue.enqueue([message({ smtputf8: true, recipients: ["ü@dest.test"] })]);
  await attempts(3);
  assert.deepEqual(protocols.sort(), ["ESMTP", "UTF8SMTP", "UTF8SMTP"]);
});

test("the budget lets one large thing in alone, and keeps the order", async () => {
  const budget = new OctetBudget(10);
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
