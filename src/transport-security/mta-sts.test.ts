import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createSecureContext } from "node:tls";
import fc from "fast-check";
import type { DnsAnswer, Resolver } from "../dns/index.ts";
import {
  coversMailHost,
  type MtaStsFile,
  MtaStsPolicies,
  type MtaStsPolicy,
  mtaStsFetcher,
  openMtaStsFile,
  parseMtaStsPolicy,
  parseMtaStsRecord,
} from "./index.ts";
import { makeCertificate, type TestCertificate } from "./test-certificates.ts";

const policyText =
  "version: STSv1\r\nmode: enforce\r\nmx: mx.dest.test\r\nmx: *.mail.test\r\nmax_age: 86400\r\n";
const enforced: MtaStsPolicy = {
  mode: "enforce",
  mx: ["mx.dest.test", "*.mail.test"],
  maxAgeSeconds: 86_400,
};

test("records (RFC 8461 §3.1)", () => {
  for (const [texts, id] of [
    [["v=STSv1; id=20160831085700Z;"], "20160831085700Z"],
    [["v=STSv1;id=a"], "a"],
    [["v=STSv1 ; x=1; id=b ;id=c"], "b"],
    [["v=spf1 -all", "v=STSv1; id=a", "something"], "a"],
    [["v=STSv1; id=a", "v=STSv1; id=b"], null],
    [["v=STSv1; id=a-b"], null],
    [["v=STSv1; id="], null],
    [["v=STSv1"], null],
    [["v=STSv10; id=a"], null],
    [["V=STSv1; id=a"], null],
    [[" v=STSv1; id=a"], null],
    [[`v=STSv1; id=${"a".repeat(33)}`], null],
    [[], null],
  ] as const) {
    assert.equal(parseMtaStsRecord(texts), id, texts.join(" | "));
  }
  fc.assert(fc.property(fc.array(fc.string()), (texts) => void parseMtaStsRecord(texts)));
});

test("policies (RFC 8461 §3.2)", () => {
  const read = (text: string) => {
    const parsed = parseMtaStsPolicy(text);
    return parsed.ok ? parsed.policy : parsed.problem;
  };
  assert.deepEqual(read(policyText), enforced);
  assert.deepEqual(read(policyText.replaceAll("\r\n", "\n").trimEnd()), enforced);
  assert.deepEqual(read(policyText.replaceAll(": ", ":").replace("mx.dest", "MX.Dest")), enforced);
  assert.deepEqual(read(`${policyText}mode: none\r\nx-extra: 1\r\nnonsense\r\n`), enforced);
  assert.deepEqual(read("version: STSv1\nmode: none\nmax_age: 9999999999"), {
    mode: "none",
    mx: [],
    maxAgeSeconds: 31_557_600,
  });
  assert.match(read(policyText.replace("STSv1", "STSv2")) as string, /version/);
  assert.match(read(policyText.replace("enforce", "Enforce")) as string, /mode/);
  assert.match(read(policyText.replace(/mode.*\r\n/, "")) as string, /mode/);
  assert.match(read(policyText.replace("86400", "-1")) as string, /max_age/);
  assert.match(read(policyText.replace(/max_age.*/, "")) as string, /max_age/);
  assert.match(read(policyText.replaceAll(/mx:.*\r\n/g, "")) as string, /mx is missing/);
  for (const mx of ["*", "*.", "a.*.test", "a..test", "-a.test", "a b", "10.0.0.1/8", ""]) {
    assert.match(read(policyText.replace("mx.dest.test", mx)) as string, /no host name/, mx);
  }
  fc.assert(fc.property(fc.string(), (text) => void parseMtaStsPolicy(text)));
});

test("which hosts a policy names (RFC 8461 §4.1)", () => {
  for (const [host, covered] of [
    ["mx.dest.test", true],
    ["a.mail.test", true],
    ["a.b.mail.test", false],
    ["mail.test", false],
    ["xmail.test", false],
    ["dest.test", false],
    ["x.mx.dest.test", false],
    ["test", false],
  ] as const) {
    assert.equal(coversMailHost(enforced, host), covered, host);
  }
});

/** An HTTPS server that stands for a policy host. */
async function startPolicyHost(
  t: TestContext,
  certificate: TestCertificate,
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<number> {
  const server = createServer({ cert: certificate.cert, key: certificate.key }, answer).listen(
    0,
    "127.0.0.1",
  );
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

function addressesOf(records: Record<string, readonly string[]>): Resolver {
  return {
    addresses: async (name: string): Promise<DnsAnswer<string>> =>
      records[name]
        ? { kind: "records", records: records[name], authenticated: false, ttlSeconds: 1 }
        : { kind: "nxdomain", authenticated: false, ttlSeconds: 1 },
  } as Partial<Resolver> as Resolver;
}

const authority = await makeCertificate(["Authority"], { authority: true });
const good = await makeCertificate(["mta-sts.dest.test"], { issuer: authority });

test("fetching: WebPKI, no redirect, text/plain, 64 KiB, a deadline (RFC 8461 §3.3)", async (t) => {
  const plain = (text: string) => (_: IncomingMessage, response: ServerResponse) => {
    response.setHeader("content-type", "text/plain; charset=utf-8").end(text);
  };
  const fetchFrom = async (
    certificate: TestCertificate,
    answer: (request: IncomingMessage, response: ServerResponse) => void,
    options: { addresses?: readonly string[]; allowPrivateAddresses?: boolean; timeoutMs?: number } = {},
  ) => {
    const port = await startPolicyHost(t, certificate, answer);
    const fetch = mtaStsFetcher({
      resolver: addressesOf({ "mta-sts.dest.test": options.addresses ?? ["127.0.0.1"] }),
      dialer: {
        connect: async ({ host, port: wanted, address }) => {
          assert.deepEqual([host, wanted], ["mta-sts.dest.test", 443]);
          const socket = connect(port, address);
          await once(socket, "connect");
          return socket;
        },
      },
      secureContext: createSecureContext({ ca: authority.cert }),
      allowPrivateAddresses: options.allowPrivateAddresses ?? true,
      timeoutMs: options.timeoutMs ?? 5000,
    });
    const fetched = await fetch("dest.test");
    return fetched.kind === "policy" ? fetched.policy : fetched.detail;
  };
  const asked: (string | undefined)[] = [];
  const policy = await fetchFrom(good, (request, response) => {
    asked.push(request.method, request.url, request.headers.host);
    plain(policyText)(request, response);
  });
  assert.deepEqual(policy, enforced);
  assert.deepEqual(asked, ["GET", "/.well-known/mta-sts.txt", "mta-sts.dest.test"]);
  // The second address where the first gives no connection: nothing listens at 127.0.0.2.
  assert.deepEqual(
    await fetchFrom(good, plain(policyText), { addresses: ["127.0.0.2", "127.0.0.1"] }),
    enforced,
  );

  const wrong = (names: readonly string[], wishes = {}) =>
    makeCertificate(names, { issuer: authority, ...wishes }).then((made) =>
      fetchFrom(made, plain(policyText)),
    );
  assert.match((await wrong(["dest.test"])) as string, /no certificate for mta-sts\.dest\.test/);
  assert.deepEqual(await wrong(["*.dest.test"]), enforced);
  assert.match((await wrong(["mta-*.dest.test"])) as string, /no certificate for/);
  assert.match(
    (await wrong(["mta-sts.dest.test"], { until: new Date(Date.now() - 1000), from: new Date(0) })) as string,
    /expired/,
  );
  const unknown = await makeCertificate(["mta-sts.dest.test"]);
  assert.match((await fetchFrom(unknown, plain(policyText))) as string, /self-signed/);

  const redirect = (_: IncomingMessage, response: ServerResponse) => {
    response
      .writeHead(301, { location: "https://mta-sts.dest.test/other", "content-type": "text/plain" })
      .end();
  };
  assert.match((await fetchFrom(good, redirect)) as string, /answered 301/);
  const page = (_: IncomingMessage, response: ServerResponse) => {
    response.setHeader("content-type", "text/html").end(policyText);
  };
  assert.match((await fetchFrom(good, page)) as string, /with text\/html/);
  assert.match((await fetchFrom(good, plain("version: STSv1\n"))) as string, /mode is unknown/);
  assert.match(
    (await fetchFrom(good, plain(`${policyText}${"x: y\n".repeat(20_000)}`))) as string,
    /larger than 65536/,
  );
  assert.deepEqual(await fetchFrom(good, plain(policyText + "x: y\n".repeat(1000))), enforced);
  const cut = (_: IncomingMessage, response: ServerResponse) => {
    response.writeHead(200, { "content-type": "text/plain", "content-length": 1000 }).write(policyText);
    setTimeout(() => response.destroy(), 20);
  };
  assert.match((await fetchFrom(good, cut)) as string, /aborted|not complete/);
  const silent = (_: IncomingMessage, response: ServerResponse) => {
    response.writeHead(200, { "content-type": "text/plain" }).write(policyText);
  };
  assert.equal(await fetchFrom(good, silent, { timeoutMs: 100 }), "out of time");
  assert.match(
    (await fetchFrom(good, plain(policyText), { allowPrivateAddresses: false })) as string,
    /no address that can be used/,
  );
  assert.match(
    (await fetchFrom(good, plain(policyText), { addresses: ["127.0.0.2"] })) as string,
    /cannot connect/,
  );
});

/** Policies over a DNS and a policy host that the test decides. */
function policiesWith(file: MtaStsFile | null = null) {
  const world = {
    now: 1_000_000,
    record: "v=STSv1; id=1" as string | null | "failure",
    served: policyText as string | null,
    asked: 0,
    fetches: 0,
  };
  const policies = new MtaStsPolicies({
    resolver: {
      txt: async (name: string): Promise<DnsAnswer<string>> => {
        world.asked++;
        assert.equal(name, "_mta-sts.dest.test");
        if (world.record === "failure") return { kind: "failure", detail: "SERVFAIL" };
        if (world.record === null) return { kind: "nxdomain", authenticated: false, ttlSeconds: 1 };
        return { kind: "records", records: [world.record], authenticated: false, ttlSeconds: 1 };
      },
    } as Partial<Resolver> as Resolver,
    fetch: async () => {
      world.fetches++;
      const parsed = world.served === null ? null : parseMtaStsPolicy(world.served);
      return parsed?.ok ? { kind: "policy", policy: parsed.policy } : { kind: "failure", detail: "down" };
    },
    nowMs: () => world.now,
    file,
  });
  const mode = async () => (await policies.policyOf("dest.test"))?.mode ?? null;
  return { world, policies, mode };
}

test("a policy holds for its max_age, whatever becomes of its record and host", async () => {
  const { world, mode } = policiesWith();
  assert.deepEqual(await Promise.all([mode(), mode(), mode()]), ["enforce", "enforce", "enforce"]);
  assert.equal(world.fetches, 1);
  for (const record of [null, "v=STSv1; id=1; id=2", "v=spf1"] as const) {
    world.record = record;
    assert.equal(await mode(), "enforce", String(record));
  }
  // A record that cannot be asked for is not asked for at once again.
  world.record = "failure";
  assert.equal(await mode(), "enforce");
  const { asked } = world;
  assert.equal(await mode(), "enforce");
  assert.equal(world.asked, asked);
  world.now += 5 * 60_000;
  // A new id is fetched; while that fails the former policy holds, and it is not tried at once again.
  world.record = "v=STSv1; id=2";
  world.served = null;
  assert.equal(await mode(), "enforce");
  assert.equal(await mode(), "enforce");
  assert.equal(world.fetches, 2);
  world.now += 5 * 60_000;
  world.served = policyText.replace("enforce", "none");
  assert.equal(await mode(), "none");
  assert.equal(world.fetches, 3);
  // Ended: without a host that can be asked there is none.
  world.now += 86_400_000;
  world.served = null;
  assert.equal(await mode(), null);
});

test("who stops waiting for a policy goes without", async () => {
  const policies = new MtaStsPolicies({
    resolver: {
      txt: async (): Promise<DnsAnswer<string>> => {
        return { kind: "records", records: ["v=STSv1; id=1"], authenticated: false, ttlSeconds: 1 };
      },
    } as Partial<Resolver> as Resolver,
    fetch: () => new Promise(() => {}),
  });
  const stop = new AbortController();
  const policy = policies.policyOf("dest.test", stop.signal);
  stop.abort();
  assert.equal(await policy, null);
  assert.equal(await policies.policyOf("dest.test", stop.signal), null);
});

test("a policy in use is renewed before it ends; without a record nothing is asked", async () => {
  const { world, mode } = policiesWith();
  world.served = policyText.replace("86400", "864000");
  world.record = null;
  assert.equal(await mode(), null);
  assert.equal(world.fetches, 0);
  world.record = "v=STSv1; id=1";
  for (let day = 0; day < 30; day++) {
    assert.equal(await mode(), "enforce");
    world.now += 86_400_000;
  }
  assert.ok(world.fetches > 10, `${world.fetches}`);
});

test("policies outlive the process; a file that is no such file is no trouble", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "vsmtp-sts-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "mta-sts.json");
  const failures: unknown[] = [];
  const first = openMtaStsFile(path, (cause) => failures.push(cause));
  const before = policiesWith(first);
  assert.equal(await before.mode(), "enforce");
  await first.close();
  const after = policiesWith(openMtaStsFile(path, () => {}));
  after.world.record = "failure";
  assert.equal(await after.mode(), "enforce");
  assert.equal(after.world.fetches, 0);
  after.world.now += 86_400_000;
  assert.equal(await after.mode(), null);
  for (const text of [
    "",
    "{",
    "null",
    '{"form":2,"entries":[]}',
    '{"form":1,"entries":[null,{"domain":"x"},7]}',
  ]) {
    writeFileSync(path, text);
    assert.deepEqual(openMtaStsFile(path, () => {}).read(), [], text);
  }
  assert.equal(failures.length, 0);
  const nowhere = openMtaStsFile(join(folder, "missing", "file"), (cause) => failures.push(cause));
  nowhere.write(() => []);
  await nowhere.close();
  assert.equal(failures.length, 1);
});
