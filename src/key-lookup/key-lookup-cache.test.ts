import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { createSecureContext } from "node:tls";
import { formatStatement } from "../key-protocol/index.ts";
import type { Address } from "../message/index.ts";
import { ConnectionPool } from "./connection-pool.ts";
import type { LookupQuestion } from "./lookup-report.ts";
import { activeKey, allice, ask, kid, NOW, TestNetwork } from "./test-network.ts";

const net = new TestNetwork();
before(() => net.start());
after(() => net.close());
beforeEach(() => {
  net.reset();
  net.publish(1);
});

const fresh = () => net.lookup();
const mx1 = "8.8.4.1:8757";
const mx2 = "8.8.4.2:8757";

describe("caching (CCH)", () => {
  const asIf = (address: string): Address => ({ ...allice, localPart: address });

  test("statements for their ttl, 60 to 3600 seconds (CCH-1); the verifier's clock may end that earlier", async () => {
    for (const [ttlSeconds, keptFor] of [
      [60, 60],
      [600, 600],
      [86_400, 3600],
    ] as const) {
      net.reset();
      net.publish(1);
      const { directory } = await net.keyServer(mx1, ["mx1.someisp.tld"], { ttlSeconds });
      const lookup = fresh();
      const countAt = async (seconds: number) => {
        net.nowMs = (NOW + seconds) * 1000;
        directory.changed.push("someisp.tld");
        assert.equal(await ask(lookup, { now: NOW + seconds }), "key host");
        return directory.asked;
      };
      assert.equal(await countAt(0), 1);
      assert.equal(await countAt(keptFor - 1), 1);
      assert.equal(await countAt(keptFor), 2);
    }
  });

  test("[NOKEY] 60 seconds for this identity and key, no-keyserver 300 for the domain (CCH-4, CCH-13)", async () => {
    const { directory } = await net.keyServer(mx1, ["mx1.someisp.tld"]);
    const lookup = fresh();
    directory.set("allice@someisp.tld");
    assert.equal(await ask(lookup), "no-key");
    directory.set("allice@someisp.tld", activeKey);
    net.nowMs += 59_999;
    assert.equal(await ask(lookup), "no-key");
    net.nowMs += 1;
    assert.equal(await ask(lookup), "key host");
    const other = fresh();
    net.dns.set("someisp.tld", { MX: [[0, "."]] });
    assert.equal(await ask(other), "no-keyserver");
    net.publish(1);
    net.nowMs += 299_999;
    assert.equal(await ask(other), "no-keyserver");
    net.nowMs += 1;
    assert.equal(await ask(other, { now: NOW + 360 }), "key host");
  });

  test("where a server allows it (se), a statement serves on while nobody answers, and then only (CCH-3)", async () => {
    const { state, algorithm, spki, notBefore, notAfter } = activeKey;
    const key = {
      identity: "allice@someisp.tld",
      kid,
      state,
      algorithm,
      spki,
      notBefore,
      notAfter,
      grants: [],
    };
    const times = () => ({ issuedAt: net.nowMs / 1000, ttlSeconds: 60, staleSeconds: 7200 });
    let over: Partial<typeof key> | null = {};
    const answer = () =>
      over === null ? ["-ERR [TEMP]"] : [formatStatement({ ...key, ...times(), ...over })];
    await net.scriptedKeyServer(mx1, ["mx1.someisp.tld"], answer);
    const lookup = net.lookup({ domainBudget: { inFlight: 10, perMinute: 4 } });
    const at = (seconds: number, other: Partial<LookupQuestion> = {}) => {
      net.nowMs = (NOW + seconds) * 1000;
      return ask(lookup, { now: NOW + seconds, ...other });
    };
    assert.equal(await at(0), "key host");
    over = null;
    assert.equal(await at(59), "key host");
    assert.equal(await at(60), "key host");
    assert.equal(await at(7259), "key host");
    assert.equal(await at(7260), "temperror");
    over = {};
    assert.equal(await at(9000), "key host");
    over = { notAfter: 1 }; // what is against a key is no reason to believe it while nobody answers
    assert.equal(await at(9900), "bad-key");
    over = null;
    assert.equal(await at(9960), "temperror");
    over = {};
    assert.equal(await at(20_000), "key host");
    over = { state: "suspended" };
    assert.equal(await at(20_060), "suspended"); // outranks the statement before
    over = null;
    assert.equal(await at(20_120), "temperror");
    over = {};
    assert.equal(await at(30_000), "key host");
    over = null;
    const others = Array.from({ length: 4 }, (_, n) => at(30_061, { identity: asIf(`u${n}`) }));
    assert.deepEqual(tally(await Promise.all(others)), { temperror: 4 });
    assert.equal(await at(30_061), "temperror"); // over budget, nobody was asked
  });

  test("[NOTHERE] 300 seconds for this domain and target (CCH-4)", async () => {
    net.publish(2);
    const { directory } = await net.keyServer(mx1, ["mx1.someisp.tld"]);
    directory.domains.clear();
    await net.keyServer(mx2, ["mx2.someisp.tld"]);
    const lookup = fresh();
    assert.equal(await ask(lookup), "key host");
    directory.domains.add("someisp.tld");
    directory.changed.push("someisp.tld");
    assert.equal(await ask(lookup, { kid: "AAAAAAAAAAAAAAAAAAAAAA" }), "no-key");
    assert.equal(directory.asked, 0);
    net.nowMs += 300_000;
    assert.equal(await ask(lookup, { kid: "AAAAAAAAAAAAAAAAAAAAAA", now: NOW + 300 }), "no-key");
    assert.equal(directory.asked, 1);
  });

  test("failed targets 60 seconds, doubling to 900, and forgotten when they work (CCH-4)", async () => {
    const lookup = fresh();
    const dials = async () => {
      net.dialled.length = 0;
      assert.equal(await ask(lookup), "temperror");
      return net.dialled.length;
    };
    assert.equal(await dials(), 1);
    for (const seconds of [60, 120, 240, 480, 900, 900]) {
      net.nowMs += seconds * 1000 - 1;
      assert.equal(await dials(), 0, `${seconds}`);
      net.nowMs += 1;
      assert.equal(await dials(), 1, `${seconds}`);
    }
    await net.keyServer(mx1, ["mx1.someisp.tld"], { nowMs: () => NOW * 1000 });
    net.nowMs += 900_000;
    assert.equal(await ask(lookup), "key host");
    net.remove(mx1);
    lookup.close();
    net.nowMs += 3600_000;
    assert.equal(await dials(), 1);
    net.nowMs += 60_000;
    assert.equal(await dials(), 1);
  });

  test("a new epoch, dk or auth makes what is remembered void (CCH-9)", async () => {
    const { directory } = await net.keyServer(mx1, ["mx1.someisp.tld", "someisp.tld"]);
    const lookup = fresh();
    net.publish(1, "ep=1");
    assert.equal(await ask(lookup), "key domain");
    assert.equal(await ask(lookup), "key domain");
    assert.equal(directory.asked, 1);
    directory.set("allice@someisp.tld", { ...activeKey, state: "revoked" });
    net.publish(1, `ep=${NOW}`);
    assert.equal(await ask(lookup), "revoked");
  });

  test("identical lookups at the same time are one (CCH-5), different ones share a connection (KEY-15, KEY-19)", async () => {
    const { directory, server } = await net.keyServer(mx1, ["mx1.someisp.tld"]);
    const lookup = fresh();
    const same = await Promise.all(Array.from({ length: 8 }, () => ask(lookup)));
    assert.deepEqual([...new Set(same)], ["key host"]);
    assert.equal(directory.asked, 1);
    const names = Array.from({ length: 8 }, (_, n) => `user${n}`);
    for (const name of names) directory.set(`${name}@someisp.tld`, activeKey);
    const different = await Promise.all(names.map((name) => ask(lookup, { identity: asIf(name) })));
    assert.deepEqual([...new Set(different)], ["key host"]);
    assert.equal(server.connections, 1);
    assert.deepEqual(net.dialled, [mx1]);
  });

  test("a kept connection serves another domain whose trust check succeeds, and no other (KEY-19)", async () => {
    const { directory } = await net.keyServer(mx1, ["mx1.someisp.tld", "other.tld"]);
    directory.domains.add("other.tld");
    directory.set("allice@other.tld", activeKey);
    net.dns.set("other.tld", { MX: [[1, "mx1.someisp.tld"]] });
    net.dns.set("_vsmtp.other.tld", { TXT: ["v=VSMTP1; auth=domain"] });
    const lookup = fresh();
    assert.equal(await ask(lookup), "key host");
    assert.equal(await ask(lookup, { identity: { ...allice, domain: "other.tld" } }), "key domain");
    net.dns.set("_vsmtp.third.tld", { TXT: ["v=VSMTP1; auth=domain"] });
    net.dns.set("third.tld", { MX: [[1, "mx1.someisp.tld"]] });
    assert.equal(await ask(lookup, { identity: { ...allice, domain: "third.tld" } }), "temperror");
    assert.deepEqual(net.dialled, [mx1]);
  });

  test("a kept connection that has died is replaced once", async () => {
    const first = await net.keyServer(mx1, ["mx1.someisp.tld"]);
    const lookup = fresh();
    assert.equal(await ask(lookup), "key host");
    const closing = first.server.close(0);
    await net.keyServer(mx1, ["mx1.someisp.tld"]);
    assert.equal(await ask(lookup, { kid: "AAAAAAAAAAAAAAAAAAAAAA" }), "no-key");
    await closing;
  });

  test("a connection is not kept for ever, however busy: a certificate that was replaced counts", async () => {
    await net.keyServer(mx1, ["mx1.someisp.tld"]);
    const pool = new ConnectionPool({
      dialer: net.dialer,
      secureContext: createSecureContext(),
      stepMs: 3000,
      replyMs: 3000,
      maxAgeMs: 300,
    });
    const target = { host: "mx1.someisp.tld", address: "8.8.4.1", port: 8757 };
    const connect = () => pool.connect(target, new AbortController().signal);
    await connect();
    const second = await connect();
    assert.ok(second.kind === "open" && second.kept);
    await new Promise((resolve) => setTimeout(resolve, 310));
    const third = await connect();
    assert.ok(third.kind === "open" && !third.kept);
    pool.close();
  });

  test("10 lookups of a domain under way, 60 in a minute; beyond, temperror without a query (CCH-6)", async () => {
    const { directory } = await net.keyServer(mx1, ["mx1.someisp.tld"]);
    const lookup = fresh();
    const many = (count: number, from: number) =>
      Promise.all(Array.from({ length: count }, (_, n) => ask(lookup, { identity: asIf(`u${from + n}`) })));
    assert.deepEqual(tally(await many(12, 0)), { "no-key": 10, temperror: 2 });
    for (let from = 100; from < 150; from += 10)
      assert.deepEqual(tally(await many(10, from)), { "no-key": 10 });
    assert.equal(directory.asked, 60);
    assert.deepEqual(tally(await many(1, 200)), { temperror: 1 });
    assert.equal(await ask(lookup, { identity: { ...allice, domain: "gone.tld" } }), "no-keyserver");
    net.nowMs += 60_000;
    assert.deepEqual(tally(await many(1, 201)), { "no-key": 1 });
  });

  test("who asks about keys of his own may want newer answers, and more of them", async () => {
    const { directory } = await net.keyServer(mx1, ["mx1.someisp.tld"], { ttlSeconds: 600 });
    const lookup = net.lookup({ maxStatementSeconds: 60, domainBudget: { inFlight: 20, perMinute: 20 } });
    assert.equal(await ask(lookup), "key host");
    net.nowMs += 60_000;
    directory.changed.push("someisp.tld");
    assert.equal(await ask(lookup, { now: NOW + 60 }), "key host");
    assert.equal(directory.asked, 2);
    const others = Array.from({ length: 20 }, (_, n) => ask(lookup, { identity: asIf(`u${n}`) }));
    assert.deepEqual(tally(await Promise.all(others)), { "no-key": 19, temperror: 1 });
  });

  test("forget makes everything be asked again", async () => {
    const lookup = fresh();
    assert.equal(await ask(lookup), "temperror");
    await net.keyServer(mx1, ["mx1.someisp.tld"]);
    assert.equal(await ask(lookup), "temperror");
    lookup.forget();
    assert.equal(await ask(lookup), "key host");
  });
});

function tally(answers: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const answer of answers) counts[answer] = (counts[answer] ?? 0) + 1;
  return counts;
}
