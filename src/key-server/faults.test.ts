import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { after, before, describe, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { createSecureContext, type SecureContext } from "node:tls";
import { type DirectoryKey, type KeyDirectory, KeyServer, type KeyServerOptions } from "./index.ts";
import { createTestAuthority } from "./test-authority.ts";
import { TestClient } from "./test-client.ts";
import type { ProcessReport } from "./test-server-process.ts";

// What clients do wrong, by mistake or on purpose, on real sockets: each has its answer, and the server goes on.

const kid = "FIH_rUKoiX6PoyILK0Uagg";
const key: DirectoryKey = {
  owner: "a",
  kid,
  algorithm: "ed25519-sha256",
  state: "active",
  spki: Buffer.from("MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", "base64"),
  notBefore: 1072915200,
  notAfter: 1104537600,
  grants: [],
};
const GREETING = "+OK VSMTP/1\r\n";
const NO_KEY = "-ERR [NOKEY] unknown\r\n";
const TOO_LONG = "-ERR [SYNTAX] a request has at most 1024 octets\r\n";
const NOT_CRLF = "-ERR [SYNTAX] lines end in CRLF\r\n";
const UNKNOWN = "-ERR [UNSUPP] expected CAPA, STLS, NOOP, QUIT or KEY\r\n";
const BAD_KEY_REQUEST = "-ERR [SYNTAX] expected KEY address [kid]\r\n";

let context: SecureContext;
let roots: SecureContext;
const servers: KeyServer[] = [];
before(async () => {
  const authority = await createTestAuthority();
  context = await authority.issue(["mx1.someisp.tld"]);
  roots = createSecureContext({ ca: authority.certificate });
});
after(() => Promise.all(servers.map((server) => server.close(0))));

/** A directory that never changes. */
function directoryOf(keys: KeyDirectory["keys"]): KeyDirectory {
  const domain = async () => ({ epoch: null, statementKey: null });
  return { changeCount: () => 0, changedSince: () => new Set(), domain, keys };
}

async function start(options: Partial<KeyServerOptions> = {}): Promise<{ server: KeyServer; port: number }> {
  const directory = directoryOf(async () => [key]);
  const server = new KeyServer({ directory, secureContext: () => context, exposure: "open", ...options });
  servers.push(server);
  return { server, port: (await server.listen(0, "127.0.0.1")).port };
}

async function greeted(port: number): Promise<TestClient> {
  const client = new TestClient(port);
  await client.expect(GREETING);
  return client;
}

async function secured(port: number): Promise<TestClient> {
  const client = await greeted(port);
  await client.startTls(roots);
  return client;
}

/** The server still serves: nothing that went before did it any harm. */
async function assertServes(port: number): Promise<void> {
  const client = await secured(port);
  client.send("NOOP\r\n");
  await client.expect("+OK\r\n");
  client.send("QUIT\r\n");
  await client.expect("+OK\r\n");
  await client.expectClose();
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await wait(2);
}

describe("lines that are none of the protocol", () => {
  const inPlainText: [what: string, octets: string, reply: string, closes: boolean][] = [
    ["a NUL", "NO\0OP\r\n", UNKNOWN, false],
    ["octets above 127", "\xff\xfe\xfd\r\n", UNKNOWN, false],
    ["control characters", "\x1b[2J\r\n", UNKNOWN, false],
    ["an HTTP request", "GET / HTTP/1.1\r\n", UNKNOWN, false],
    ["an argument too many", "STLS now\r\n", "-ERR [SYNTAX] STLS takes no argument\r\n", false],
    ["an empty line", "\r\n", UNKNOWN, false],
    ["LF alone", "NOOP\nNOOP\r\n", NOT_CRLF, true],
    ["an empty line of LF alone", "\n", NOT_CRLF, true],
    ["a line that never ends", "X".repeat(1024), TOO_LONG, true],
    ["a line of 1025 octets", `${"X".repeat(1023)}\r\n`, TOO_LONG, true],
    ["a line of 1024 octets", `${"X".repeat(1022)}\r\n`, UNKNOWN, false],
    ["a megabyte without a line end", "X".repeat(1 << 20), TOO_LONG, true],
  ];
  const insideTls: typeof inPlainText = [
    ["a NUL in an address", `KEY a\0@x.tld ${kid}\r\n`, BAD_KEY_REQUEST, false],
    ["a CR in an address", `KEY a\r@x.tld ${kid}\r\n`, BAD_KEY_REQUEST, false],
    ["an address of a thousand octets", `KEY ${"a".repeat(990)}@x.tld\r\n`, BAD_KEY_REQUEST, false],
    ["a key id that is none", "KEY a@x.tld x\r\n", BAD_KEY_REQUEST, false],
    ["KEY alone", "KEY\r\n", BAD_KEY_REQUEST, false],
    ["STLS again", "STLS\r\n", "-ERR [UNSUPP] TLS is active already\r\n", false],
  ];
  const cases = [
    ...inPlainText.map((one) => ["in plain text", greeted, ...one] as const),
    ...[...inPlainText, ...insideTls]
      .filter(([what]) => what !== "an argument too many")
      .map((one) => ["inside TLS", secured, ...one] as const),
  ];
  test("each has its answer; where line ends are lost the connection goes too (KEY-1, KEY-30)", async () => {
    const { server, port } = await start();
    for (const [where, open, what, octets, reply, closes] of cases) {
      const client = await open(port);
      client.send(octets);
      if (!closes) client.send("NOOP\r\n");
      await client.expect(closes ? reply : `${reply}+OK\r\n`).catch((cause) => {
        throw new Error(`${what} ${where}`, { cause });
      });
      if (closes) await client.expectClose();
      else client.socket.destroy();
    }
    await assertServes(port);
    await until(() => server.connections === 0);
  });

  test("requests that come octet by octet are answered all the same", async () => {
    const { port } = await start();
    const client = await secured(port);
    client.socket.setNoDelay(true);
    for (const octet of `noop\r\nKEY a@x.tld AAAAAAAAAAAAAAAAAAAAAA\r\n`) {
      client.send(octet);
      await wait(1);
    }
    await client.expect(`+OK\r\n${NO_KEY}`);
    client.socket.destroy();
  });
});

describe("clients that hold a place", () => {
  test("a handshake that never begins, or stops halfway, ends at its limit; others are served meanwhile", async () => {
    let nowMs = 0;
    const { server, port } = await start({ nowMs: () => nowMs });
    const halves: TestClient[] = [];
    for (const hello of [
      "",
      "\x16",
      "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
      "\x16\x03\x01\x00\x05hello",
    ]) {
      const client = await greeted(port);
      client.send("STLS\r\n");
      await client.expect("+OK begin\r\n");
      client.send(hello);
      halves.push(client);
    }
    await halves[3]?.expectClose(); // That was no ClientHello.
    nowMs = 9_000;
    await assertServes(port);
    assert.equal(halves.filter(({ closed }) => closed).length, 1);
    nowMs = 10_001;
    for (const half of halves) await half.expectClose();
    await until(() => server.connections === 0);
  });

  test("a client that drips octets inside TLS is idle (KEY-16)", async () => {
    let nowMs = 0;
    const { port } = await start({ nowMs: () => nowMs, limits: { idleMs: 30_000 } });
    const client = await secured(port);
    for (let n = 0; n < 30 && !client.closed; n++) {
      client.send("N");
      nowMs += 2000;
      await wait(50);
    }
    await client.expectClose();
  });

  test("one that never reads its replies is not read either, and let go", async () => {
    let nowMs = 0;
    const { server, port } = await start({ nowMs: () => nowMs, limits: { requests: 1000 } });
    const client = await secured(port);
    client.socket.pause();
    for (let n = 0; n < 900; n++) client.send(`KEY a@x.tld ${kid}\r\n`);
    await wait(100);
    await assertServes(port);
    nowMs = 60_001;
    await wait(1100); // the sweep
    nowMs += 5001;
    await until(() => server.connections === 0);
  });

  test("a network's connections take no places from others (KEY-37)", async () => {
    const { server, port } = await start();
    const flood = Array.from({ length: 300 }, () =>
      quiet(connect({ port, host: "127.0.0.1", localAddress: "127.0.1.1" })),
    );
    await until(() => server.connections === 100);
    await assertServes(port);
    for (const socket of flood) socket.destroy();
    await until(() => server.connections === 0);
  });

  test("a network that keeps the server busy with handshakes gets no more of them for a while (KEY-37)", async () => {
    let nowMs = 0;
    const { port } = await start({ nowMs: () => nowMs, limits: { costPerMinute: 100 } });
    for (let n = 0; n < 10; n++) (await secured(port)).socket.destroy();
    const refused = await greeted(port);
    refused.send("STLS\r\nNOOP\r\n");
    await refused.expect("-ERR [RATE] too many requests, come back later\r\n+OK\r\n");
    refused.socket.destroy();
    nowMs = 60_000;
    await assertServes(port);
  });

  test("connections that are reset at any moment leave nothing behind", async () => {
    const { server, port } = await start();
    const sent = ["", "N", "NOOP\r\n", "STLS\r\n", "STLS\r\n\x16\x03\x01", "X".repeat(2000)];
    for (let n = 0; n < 120; n++) {
      const socket = quiet(connect(port, "127.0.0.1"));
      await once(socket, "connect");
      socket.write(sent[n % sent.length] ?? "");
      if (n % 2 === 0) await wait(1);
      socket.resetAndDestroy();
    }
    const inTls = await Promise.all(Array.from({ length: 10 }, () => secured(port)));
    for (const client of inTls) {
      client.send(`KEY a@x.tld ${kid}\r\n`.repeat(20));
      client.socket.destroy();
    }
    await until(() => server.connections === 0);
    await assertServes(port);
  });
});

describe("more than was agreed", () => {
  test("a pipeline deeper than 16 waits its turn and keeps its order, also where answers take time (KEY-15)", async () => {
    let underWay = 0;
    let most = 0;
    const directory = directoryOf(async ({ localPart }) => {
      most = Math.max(most, ++underWay);
      await wait(Number(localPart) % 7);
      underWay--;
      return [];
    });
    const { port } = await start({ directory });
    const client = await secured(port);
    let expected = "";
    for (let n = 0; n < 200; n++) {
      // In portions of other sizes than requests, while earlier ones are still being answered.
      client.send(`KEY ${n}@x.tld ${kid}\r\n`);
      if (n % 5 === 0) client.send("NOOP\r\nCAP");
      if (n % 40 === 0) await wait(3);
      if (n % 5 === 0) client.send(" \r\n");
      expected += NO_KEY;
      if (n % 5 === 0) expected += `+OK\r\n${UNKNOWN}`;
    }
    await client.expect(expected);
    assert.ok(most <= 16, `${most} under way`);
    client.socket.destroy();
  });

  test("after 1000 requests the session ends (KEY-16)", async () => {
    const { port } = await start();
    const client = await secured(port);
    client.send("NOOP\r\n".repeat(1200));
    await client.expectClose();
    // STLS was the first of the thousand.
    const [last, ...rest] = client.received.split("\r\n").reverse().slice(1);
    assert.equal(last, "-ERR [LIMIT] too many requests in one session");
    assert.ok(rest.length === 999 && rest.every((line) => line === "+OK"));
  });
});

describe("a directory that fails", () => {
  test("throwing or rejecting is [TEMP], and the next request asks again", async () => {
    let fault: "throws" | "rejects" | null = "throws";
    const failures: unknown[] = [];
    const directory = directoryOf(() => {
      if (fault === "throws") throw new Error("gone");
      return fault === "rejects" ? Promise.reject(new Error("gone")) : Promise.resolve([]);
    });
    const { port } = await start({ directory, onEvent: (event) => failures.push(event.kind) });
    const client = await secured(port);
    for (fault of ["throws", "rejects", null] as const) {
      client.send(`KEY a@x.tld ${kid}\r\n`);
      await client.expect(fault === null ? NO_KEY : "-ERR [TEMP] come back later\r\n");
    }
    assert.deepEqual(failures, ["directory-failed", "directory-failed"]);
    client.socket.destroy();
  });
});

test("a directory that does not answer is [TEMP] before the asker gives up, and order is kept (KEY-17)", async () => {
  const directory = directoryOf(({ localPart }) =>
    localPart === "hangs" ? new Promise(() => {}) : Promise.resolve([key]),
  );
  const failures: unknown[] = [];
  const { port } = await start({
    directory,
    limits: { answerMs: 50 },
    onEvent: (event) => failures.push(event.kind),
  });
  const client = await secured(port);
  client.send(`KEY hangs@x.tld ${kid}\r\nKEY a@x.tld AAAAAAAAAAAAAAAAAAAAAA\r\n`);
  await client.expect(`-ERR [TEMP] come back later\r\n${NO_KEY}`);
  assert.deepEqual(failures, ["directory-failed"]);
  client.socket.destroy();
});

describe("memory", () => {
  let child: ChildProcess;
  let port = 0;
  let ca = "";
  const held: Socket[] = [];

  before(async () => {
    const limits = { connections: 2000, connectionsPerPrefix: 100, costPerMinute: 1e9 };
    child = fork(new URL("test-server-process.ts", import.meta.url), [JSON.stringify(limits)], {
      execArgv: [...process.execArgv.filter((arg) => !arg.startsWith("--test")), "--expose-gc"],
    });
    const [report] = (await once(child, "message")) as [ProcessReport];
    if ("port" in report) ({ port, ca } = report);
  });
  after(() => child.kill());

  async function report(): Promise<{ connections: number; residentMiB: number }> {
    child.send("report");
    const [answer] = (await once(child, "message")) as [ProcessReport];
    assert.ok("connections" in answer);
    return { connections: answer.connections, residentMiB: answer.residentOctets / 2 ** 20 };
  }

  /** Many networks of loopback, 100 connections each. */
  const from = (n: number): string => `127.0.${1 + Math.floor(n / 100)}.${1 + (n % 100)}`;

  test("2500 idle connections: 2000 are kept, 500 told [BUSY], for less than 32 KiB each", async (t) => {
    const before = await report();
    let busy = 0;
    for (let n = 0; n < 2500; n++) {
      const socket = quiet(connect({ port, host: "127.0.0.1", localAddress: from(n) }));
      held.push(socket);
      const [octets] = (await once(socket, "data")) as [Buffer];
      if (octets.toString() === GREETING) continue;
      assert.equal(octets.toString(), "-ERR [BUSY] too many connections\r\n");
      busy++;
    }
    assert.equal(busy, 500);
    const idle = await report();
    assert.equal(idle.connections, 2000);
    const eachKiB = ((idle.residentMiB - before.residentMiB) * 1024) / 2000;
    t.diagnostic(`${eachKiB.toFixed(1)} KiB for each idle connection`);
    assert.ok(eachKiB < 32, `${eachKiB} KiB each`);
  });

  test("what idle clients sent before is not kept: a begun request is all they hold", async (t) => {
    const before = await report();
    for (const socket of held) {
      if (!socket.destroyed) socket.write(`${"NOOP\r\n".repeat(900)}KEY somebody@someisp.tld`);
    }
    await wait(500);
    const after = await report();
    assert.equal(after.connections, 2000);
    const eachKiB = ((after.residentMiB - before.residentMiB) * 1024) / 2000;
    t.diagnostic(`${eachKiB.toFixed(1)} KiB more for each, having read 900 requests of it`);
    assert.ok(eachKiB < 16, `${eachKiB} KiB each`);
    for (const socket of held) socket.destroy();
    while ((await report()).connections > 0) await wait(20);
  });

  test("clients that read nothing hold a few pipelines of replies, not all they asked for", async (t) => {
    const before = await report();
    const secureContext = createSecureContext({ ca });
    const clients: TestClient[] = [];
    for (let n = 0; n < 100; n++) {
      const client = await greeted(port);
      await client.startTls(secureContext);
      client.socket.pause();
      // A thousand replies of 1.2 KiB each.
      client.send(`KEY a@x.tld ${kid}\r\n`.repeat(950));
      clients.push(client);
    }
    await wait(1000);
    const after = await report();
    const eachKiB = ((after.residentMiB - before.residentMiB) * 1024) / 100;
    t.diagnostic(`${eachKiB.toFixed(1)} KiB for each client that does not read`);
    assert.ok(eachKiB < 768, `${eachKiB} KiB each`);
    for (const client of clients) client.socket.destroy();
  });
});

function quiet(socket: Socket): Socket {
  return socket.on("error", () => {});
}
