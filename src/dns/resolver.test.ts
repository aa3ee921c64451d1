import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import { after, before, describe, test } from "node:test";
import { decode, encode, type Packet } from "dns-packet";
import fc from "fast-check";
import { buildQuery, readAnswer, readResponse } from "./dns-message.ts";
import {
  CachingResolver,
  type DnsAnswer,
  DnsServer,
  lookUpMailHosts,
  lookUpServiceHosts,
  type NameServer,
  parseResolvConf,
  type Resolver,
  StubResolver,
} from "./index.ts";

const long = "x".repeat(3000);
const asked: string[] = [];
const server = new DnsServer({
  zones: ["test"],
  ttlSeconds: 30,
  authenticated: ["signed.test"],
  onQuestion: (question) => asked.push(`${question.transport} ${question.type} ${question.name}`),
  records: {
    "a.test": { A: ["192.0.2.1", "192.0.2.2"], AAAA: ["2001:db8::1"], TXT: ["one", `${long}`] },
    "1.2.0.192.in-addr.test": { PTR: ["Host.test"] },
    "v6.test": { AAAA: ["2001:db8::2"], ttlSeconds: 7 },
    "mail.test": {
      MX: [
        [20, "mx3.test"],
        [10, "MX1.test"],
        [10, "mx2.test"],
        [30, "mx1.test"],
        [5, "192.0.2.1"],
        [5, "under_score.test"],
      ],
    },
    "null.test": { MX: [[0, "."]] },
    "junk-mx.test": { MX: [[0, "192.0.2.7"]] },
    "alias.test": { CNAME: "alias2.test" },
    "alias2.test": { CNAME: "a.test", ttlSeconds: 5 },
    "loop.test": { CNAME: "loop.test" },
    "dangling.test": { CNAME: "gone.test" },
    "signed.test": { A: ["192.0.2.9"], MX: [[1, "mx.signed.test"]] },
    "half.signed.test": { CNAME: "a.test" },
    "_25._tcp.mx.test": { TLSA: [{ usage: 3, selector: 1, matchingType: 1, data: Buffer.alloc(32, 7) }] },
    "_vsmtp-key._tcp.test": {
      SRV: [
        { priority: 2, weight: 0, port: 9000, target: "late.test" },
        { priority: 1, weight: 1, port: 8757, target: "light.test" },
        { priority: 1, weight: 99, port: 8757, target: "heavy.test" },
      ],
    },
    "_none._tcp.test": { SRV: [{ priority: 0, weight: 0, port: 0, target: "." }] },
  },
});
const recordsIn = (answer: DnsAnswer<string>) => (answer.kind === "records" ? answer.records : answer.kind);
let resolver: StubResolver;
let listening: NameServer;

before(async () => {
  listening = await server.listen();
  resolver = new StubResolver({ servers: [listening], attemptTimeoutMs: 150, timeoutMs: 400 });
});
after(() => server.close());

describe("StubResolver against DnsServer", () => {
  test("reads every type it is asked for", async () => {
    assert.deepEqual(await resolver.addresses("A.test."), {
      kind: "records",
      records: ["192.0.2.1", "192.0.2.2", "2001:db8::1"],
      authenticated: false,
      ttlSeconds: 30,
    });
    const onlyIpv6 = await resolver.addresses("v6.test");
    assert.deepEqual(onlyIpv6.kind === "records" && onlyIpv6.records, ["2001:db8::2"]);
    const tlsa = await resolver.tlsa("_25._tcp.mx.test");
    assert.ok(tlsa.kind === "records");
    assert.deepEqual(tlsa.records[0], { usage: 3, selector: 1, matchingType: 1, data: Buffer.alloc(32, 7) });
    assert.deepEqual(recordsIn(await resolver.a("a.test")), ["192.0.2.1", "192.0.2.2"]);
    assert.deepEqual(recordsIn(await resolver.aaaa("a.test")), ["2001:db8::1"]);
    assert.equal((await resolver.a("v6.test")).kind, "nodata");
    assert.deepEqual(recordsIn(await resolver.ptr("1.2.0.192.in-addr.test")), ["host.test"]);
    const none = await resolver.srv("_none._tcp.test");
    assert.deepEqual(none.kind === "records" && none.records[0]?.target, ".");
  });

  test("tells no such name from no such records (RFC 2308, RFC 8020)", async () => {
    assert.equal((await resolver.mx("gone.test")).kind, "nxdomain");
    assert.deepEqual(await resolver.mx("a.test"), { kind: "nodata", authenticated: false, ttlSeconds: 30 });
    assert.equal((await resolver.txt("_tcp.mx.test")).kind, "nodata");
    assert.equal((await resolver.txt(`${"a".repeat(64)}.test`)).kind, "nxdomain");
    assert.equal((await resolver.txt("a..test")).kind, "nxdomain");
  });

  test("follows CNAME chains and no loop; the shortest TTL of the chain counts", async () => {
    const found = await resolver.addresses("alias.test");
    assert.ok(found.kind === "records");
    assert.equal(found.records.length, 3);
    assert.equal(found.ttlSeconds, 5);
    assert.equal(found.canonicalName, "a.test");
    const direct = await resolver.addresses("a.test");
    assert.ok(direct.kind === "records" && direct.canonicalName === undefined);
    assert.equal((await resolver.addresses("loop.test")).kind, "failure");
    assert.equal((await resolver.addresses("dangling.test")).kind, "nxdomain");
  });

  test("goes on over TCP when UDP truncates, and joins the strings of a TXT record", async () => {
    asked.length = 0;
    const txt = await resolver.txt("a.test");
    assert.deepEqual(txt.kind === "records" && txt.records, ["one", long]);
    assert.deepEqual(asked, ["udp TXT a.test", "tcp TXT a.test"]);
  });

  test("believes AD from a loopback server only, and only for a wholly signed chain (RFC 6840 §5.8)", async () => {
    const signed = await resolver.addresses("signed.test");
    assert.ok(signed.kind === "records" && signed.authenticated);
    const partly = await resolver.addresses("half.signed.test");
    assert.ok(partly.kind === "records" && !partly.authenticated);
    const query = buildQuery("signed.test", "A", true);
    const octets = encode({
      type: "response",
      id: query.id,
      flags: 0x4a0,
      questions: [question("signed.test")],
    });
    const response = readResponse(octets, query);
    assert.ok(response);
    assert.ok(readAnswer(response, query, String, true).kind === "nodata");
    assert.deepEqual(readAnswer(response, query, String, false), {
      kind: "nodata",
      authenticated: false,
      ttlSeconds: 0,
    });
  });

  test("an error answer, silence and an aborted signal are failures within the deadline", async () => {
    server.fail("a.test", "SERVFAIL");
    const failed = await resolver.addresses("a.test");
    assert.match(failed.kind === "failure" ? failed.detail : "", /A a\.test: .*SERVFAIL/);
    server.fail("a.test", "silent");
    const start = performance.now();
    assert.equal((await resolver.addresses("a.test")).kind, "failure");
    assert.ok(performance.now() - start < 1000);
    assert.equal((await resolver.txt("a.test", AbortSignal.timeout(20))).kind, "failure");
    server.fail("a.test", null);
    const refused = await resolver.mx("elsewhere.example");
    assert.match(refused.kind === "failure" ? refused.detail : "", /REFUSED/);
  });

  test("asks the next server when one is not there, refuses or is silent", async () => {
    const gone = new DnsServer();
    const notThere = await gone.listen();
    await gone.close();
    const refusing = new DnsServer({ zones: ["other"] });
    const silent = new DnsServer();
    silent.fail("a.test", "silent");
    const servers = [notThere, await refusing.listen(), await silent.listen(), listening];
    const several = new StubResolver({ servers, attemptTimeoutMs: 100 });
    assert.equal((await several.addresses("a.test")).kind, "records");
    await Promise.all([refusing.close(), silent.close()]);
  });

  test("passes over forged and broken packets and waits for the real one (RFC 5452)", async () => {
    const forger = createSocket("udp4");
    forger.on("message", (octets, from) => {
      const query = decode(octets);
      const [asked] = query.questions as { name: string; type: "A" }[];
      const reply = (id: number, name: string, data: string) => {
        const answers = [{ name, type: "A" as const, class: "IN" as const, ttl: 1, data }];
        const packet: Packet = {
          type: "response",
          id,
          flags: 0x480,
          questions: [question(name, asked?.type)],
          answers,
        };
        forger.send(encode(packet), from.port, from.address);
      };
      forger.send(Buffer.from("garbage"), from.port, from.address);
      reply((query.id ?? 0) ^ 1, "a.test", "192.0.2.66");
      reply(query.id ?? 0, "b.test", "192.0.2.66");
      forger.send(octets, from.port, from.address);
      if (asked?.type === "A") reply(query.id ?? 0, "a.test", "192.0.2.1");
      else reply(query.id ?? 0, "a.test", "192.0.2.99");
    });
    await new Promise<void>((resolve) => forger.bind(0, "127.0.0.1", resolve));
    const single = new StubResolver({ servers: [forger.address()], attemptTimeoutMs: 500, timeoutMs: 600 });
    const found = await single.addresses("a.test");
    assert.deepEqual(found.kind === "records" && found.records, ["192.0.2.1"]);
    forger.close();
  });

  test("asks a server that does not know EDNS0 without it (RFC 6891 §7)", async () => {
    const old = createSocket("udp4");
    let edns = 0;
    old.on("message", (octets, from) => {
      const query = decode(octets);
      const withEdns = (query.additionals ?? []).length > 0;
      if (withEdns) edns++;
      const packet: Packet = { type: "response", id: query.id ?? 0, flags: withEdns ? 0x81 : 0x480 };
      old.send(
        encode(withEdns ? packet : { ...packet, questions: query.questions ?? [] }),
        from.port,
        from.address,
      );
    });
    await new Promise<void>((resolve) => old.bind(0, "127.0.0.1", resolve));
    assert.equal((await new StubResolver({ servers: [old.address()] }).txt("a.test")).kind, "nodata");
    assert.equal(edns, 1);
    old.close();
  });

  test("a TCP server that closes, drips or sends garbage costs the attempt and nothing more", async () => {
    for (const behaviour of ["close", "garbage", "half"]) {
      const hostile = createServer((socket) => {
        socket.on("error", () => {});
        if (behaviour === "close") socket.end();
        else socket.write(behaviour === "half" ? "\x00" : "\x00\x04abcd");
      });
      await new Promise<void>((resolve) => hostile.listen(0, "127.0.0.1", resolve));
      const { port } = hostile.address() as { port: number };
      const udp = createSocket("udp4");
      udp.on("message", (octets, from) => {
        const query = decode(octets);
        const packet: Packet = {
          type: "response",
          id: query.id ?? 0,
          flags: 0x680,
          questions: query.questions ?? [],
        };
        udp.send(encode(packet), from.port, from.address);
      });
      await new Promise<void>((resolve) => udp.bind(port, "127.0.0.1", resolve));
      const single = new StubResolver({ servers: [udp.address()], attemptTimeoutMs: 60, timeoutMs: 100 });
      assert.equal((await single.txt("a.test")).kind, "failure", behaviour);
      udp.close();
      hostile.close();
    }
  });

  test("no packet makes reading a response throw", () => {
    const query = buildQuery("a.test", "TXT", true);
    const real = encode({
      type: "response",
      id: query.id,
      flags: 0x480,
      questions: [question("a.test", "TXT")],
    });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(real.length), (noise, at) => {
        for (const octets of [noise, Buffer.concat([real.subarray(0, at), noise])]) {
          const response = readResponse(Buffer.from(octets), query);
          if (response !== null) readAnswer(response, query, String, true);
        }
      }),
    );
  });
});

describe("choosing hosts", () => {
  const draws = (...values: number[]) => {
    let at = 0;
    return () => values[at++ % values.length] as number;
  };

  test("MX hosts by preference, at random within one, each once, hosts only (DIS-2, RFC 5321 §5.1)", async () => {
    const first = await lookUpMailHosts("mail.test", resolver, { random: draws(0.1, 0.2, 0.3) });
    assert.deepEqual(first, {
      kind: "hosts",
      hosts: [
        { host: "mx1.test", preference: 10 },
        { host: "mx2.test", preference: 10 },
        { host: "mx3.test", preference: 20 },
      ],
      source: "mx",
      authenticated: false,
    });
    const second = await lookUpMailHosts("mail.test", resolver, { random: draws(0.3, 0.2, 0.1) });
    assert.deepEqual(second.kind === "hosts" && second.hosts.map(({ host }) => host), [
      "mx2.test",
      "mx1.test",
      "mx3.test",
    ]);
  });

  test("null MX (DIS-1, RFC 7505), the domain itself without MX, nothing, failure", async () => {
    assert.deepEqual(await lookUpMailHosts("null.test", resolver), { kind: "null-mx" });
    const itself = await lookUpMailHosts("a.test", resolver);
    assert.deepEqual(itself.kind === "hosts" && [itself.source, itself.hosts], [
      "address",
      [{ host: "a.test", preference: 0 }],
    ]);
    assert.deepEqual(await lookUpMailHosts("gone.test", resolver), { kind: "none" });
    assert.deepEqual(await lookUpMailHosts("null.test.", resolver), { kind: "null-mx" });
    assert.deepEqual(await lookUpMailHosts("_tcp.test", resolver), { kind: "none" });
    const junk = await lookUpMailHosts("junk-mx.test", resolver);
    assert.deepEqual(junk.kind === "hosts" && junk.hosts, []);
    server.fail("mail.test", "SERVFAIL");
    assert.equal((await lookUpMailHosts("mail.test", resolver)).kind, "failure");
    server.fail("mail.test", null);
    const signed = await lookUpMailHosts("signed.test", resolver);
    assert.ok(signed.kind === "hosts" && signed.authenticated);
  });

  test("service hosts by priority and weight; the target '.' is no service (RFC 2782)", async () => {
    const heavyFirst = await lookUpServiceHosts("_vsmtp-key._tcp.test", resolver, { random: () => 0.5 });
    assert.deepEqual(heavyFirst.kind === "hosts" && heavyFirst.hosts, [
      { host: "heavy.test", port: 8757 },
      { host: "light.test", port: 8757 },
      { host: "late.test", port: 9000 },
    ]);
    const lightFirst = await lookUpServiceHosts("_vsmtp-key._tcp.test", resolver, { random: () => 0 });
    assert.equal(lightFirst.kind === "hosts" && lightFirst.hosts[0]?.host, "light.test");
    assert.deepEqual(await lookUpServiceHosts("_none._tcp.test", resolver), { kind: "none" });
    assert.deepEqual(await lookUpServiceHosts("_gone._tcp.test", resolver), { kind: "none" });
  });
});

describe("CachingResolver", () => {
  test("keeps answers for their TTL, asks once for callers at the same time, keeps no failure", async () => {
    let nowMs = 0;
    let questions = 0;
    const counting: Resolver = {
      ...unusable,
      mx: async (name) => {
        questions++;
        if (name === "broken.test") return { kind: "failure", detail: "" };
        return { kind: "nxdomain", authenticated: false, ttlSeconds: name === "long.test" ? 86400 : 10 };
      },
    };
    const caching = new CachingResolver(counting, { nowMs: () => nowMs });
    await Promise.all([caching.mx("x.test"), caching.mx("x.test")]);
    nowMs = 9_999;
    await caching.mx("x.test");
    assert.equal(questions, 1);
    nowMs = 10_000;
    await caching.mx("x.test");
    assert.equal(questions, 2);
    await caching.mx("long.test");
    nowMs += 300_000;
    await caching.mx("long.test");
    assert.equal(questions, 4);
    await caching.mx("broken.test");
    await caching.mx("broken.test");
    assert.equal(questions, 6);
  });

  test("what it keeps has a bound in octets too: texts are as long as their owners like", async () => {
    const asked: string[] = [];
    const talkative: Resolver = {
      ...unusable,
      txt: async (name) => {
        asked.push(name);
        return { kind: "records", records: ["x".repeat(30_000)], authenticated: false, ttlSeconds: 60 };
      },
    };
    const caching = new CachingResolver(talkative, { maxOctets: 100_000 });
    for (const name of ["a", "b", "c", "d", "d", "c", "a"]) await caching.txt(name);
    assert.deepEqual(asked, ["a", "b", "c", "d", "a"]);
  });

  test("a caller's signal ends its own waiting only", async () => {
    let answer: () => void = () => {};
    const slow: Resolver = {
      ...unusable,
      txt: () =>
        new Promise(
          (resolve) => (answer = () => resolve({ kind: "nodata", authenticated: false, ttlSeconds: 1 })),
        ),
    };
    const caching = new CachingResolver(slow);
    const impatient = caching.txt("x.test", AbortSignal.timeout(5));
    const patient = caching.txt("x.test", AbortSignal.timeout(60_000));
    assert.equal((await impatient).kind, "failure");
    answer();
    assert.equal((await patient).kind, "nodata");
    assert.equal((await caching.txt("y.test", AbortSignal.abort())).kind, "failure");
  });
});

test("resolv.conf: servers, trust-ad, and itself where nothing is named", () => {
  const text =
    "# x\nsearch a b\nnameserver 192.0.2.1\n nameserver\tfe80::1%eth0 \nnameserver bad\noptions ndots:1 trust-ad\n";
  assert.deepEqual(parseResolvConf(text), {
    servers: [
      { address: "192.0.2.1", port: 53 },
      { address: "fe80::1%eth0", port: 53 },
    ],
    trustAuthenticatedData: true,
  });
  assert.deepEqual(parseResolvConf(""), { servers: [{ address: "127.0.0.1", port: 53 }] });
});

const unexpected = () => Promise.reject(new Error("not expected to be asked"));
const unusable: Resolver = {
  addresses: unexpected,
  a: unexpected,
  aaaa: unexpected,
  mx: unexpected,
  txt: unexpected,
  srv: unexpected,
  tlsa: unexpected,
  ptr: unexpected,
};

function question(name: string, type: "A" | "TXT" = "A") {
  return { name, type, class: "IN" as const };
}
