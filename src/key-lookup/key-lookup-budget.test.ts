import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import type { Address } from "../message/index.ts";
import type { KeyLookup } from "./key-lookup.ts";
import type { LookupQuestion } from "./lookup-report.ts";
import { activeKey, allice, ask, TestNetwork } from "./test-network.ts";

const net = new TestNetwork();
before(() => net.start());
after(() => net.close());
beforeEach(() => {
  net.reset();
  net.publish(1);
});

const mx1 = "8.8.4.1:8757";
const forger = "192.0.2.7";
const honest = "198.51.100.7";
const user = (name: string): Address => ({ ...allice, localPart: name });

/** Forged mail, one identity each, one after the other; how often each answer came. */
async function flood(lookup: KeyLookup, count: number, over: Partial<LookupQuestion> = {}, from = 0) {
  const counts: Record<string, number> = {};
  for (let n = 0; n < count; n++) {
    const answer = await ask(lookup, { identity: user(`forged${from + n}`), clientAddress: forger, ...over });
    counts[answer] = (counts[answer] ?? 0) + 1;
  }
  return counts;
}

describe("who pays for keys that are not there (CCH-6, CCH-7, CCH-14)", () => {
  test("a client asks for 15 in vain in a minute; others have the rest of the domain's budget", async () => {
    const { directory } = await net.keyServer(mx1, ["mx1.someisp.tld"]);
    const lookup = net.lookup();
    assert.deepEqual(await flood(lookup, 1000), { "no-key": 15, temperror: 985 });
    assert.equal(directory.asked, 15);
    assert.equal(await ask(lookup, { clientAddress: honest }), "key host");
    assert.equal(await ask(lookup, { identity: user("other"), clientAddress: "192.0.2.200" }), "temperror");
    // A key that is remembered is anybody's.
    assert.equal(await ask(lookup, { clientAddress: forger }), "key host");
    net.nowMs += 60_000;
    assert.deepEqual(await flood(lookup, 20, {}, 2000), { "no-key": 15, temperror: 5 });
  });

  test("a host that brings everybody's mail does not pay, only the domain does", async () => {
    const { directory } = await net.keyServer(mx1, ["mx1.someisp.tld"]);
    const lookup = net.lookup({ isGateway: (address) => address === forger });
    assert.deepEqual(await flood(lookup, 100), { "no-key": 60, temperror: 40 });
    assert.equal(directory.asked, 60);
    assert.equal(await ask(lookup, { clientAddress: honest }), "temperror");
  });

  test("lookups that find a key cost a client nothing", async () => {
    const { directory } = await net.keyServer(mx1, ["mx1.someisp.tld"]);
    const lookup = net.lookup();
    for (let n = 0; n < 40; n++) {
      directory.set(`u${n}@someisp.tld`, activeKey);
      assert.equal(await ask(lookup, { identity: user(`u${n}`), clientAddress: honest }), "key host");
    }
    assert.deepEqual(await flood(lookup, 20, { clientAddress: honest }), { "no-key": 15, temperror: 5 });
  });

  test("of those under way a client has eight", async () => {
    await net.keyServer(mx1, ["mx1.someisp.tld"]);
    const lookup = net.lookup();
    const asked = Array.from({ length: 10 }, (_, n) =>
      ask(lookup, { identity: user(`f${n}`), clientAddress: forger }),
    );
    const other = ask(lookup, { clientAddress: honest });
    assert.equal((await Promise.all(asked)).filter((answer) => answer === "no-key").length, 8);
    assert.equal(await other, "key host");
  });

  test("names without end below a domain are no way around", async () => {
    net.dns.set("mx1.someisp.tld", { A: ["8.8.4.1"] });
    const lookup = net.lookup();
    let asked = 0;
    for (let n = 0; n < 320; n++) {
      const identity = { ...allice, domain: `d${n}.someisp.tld` };
      if ((await ask(lookup, { identity, clientAddress: forger })) === "no-keyserver") asked++;
    }
    assert.equal(asked, 300);
  });

  test("mail that its domain vouches for has a budget of its own, which ends as well", async () => {
    const { directory } = await net.keyServer(mx1, ["mx1.someisp.tld"]);
    const lookup = net.lookup();
    let vouches = 0;
    const vouched = async () => {
      vouches++;
      return "someisp.tld";
    };
    for (let n = 0; n < 4; n++) await flood(lookup, 15, { clientAddress: `192.0.${n}.7`, vouched }, 100 * n);
    assert.equal(vouches, 0);
    assert.equal(await ask(lookup, { clientAddress: honest }), "temperror");
    assert.equal(await ask(lookup, { clientAddress: honest, vouched: async () => null }), "temperror");
    assert.equal(await ask(lookup, { clientAddress: honest, vouched: async () => "evil.tld" }), "temperror");
    assert.equal(directory.asked, 60);
    assert.equal(await ask(lookup, { clientAddress: honest, vouched }), "key host");
    assert.equal(directory.asked, 61);
    const { temperror, "no-key": asked } = await flood(lookup, 310, { clientAddress: honest, vouched }, 1000);
    assert.deepEqual([asked, temperror], [299, 11]);
    assert.equal(await ask(lookup, { clientAddress: honest }), "key host");
  });

  test("what came in while somebody looked into that is not asked for again", async () => {
    const { directory } = await net.keyServer(mx1, ["mx1.someisp.tld"]);
    const lookup = net.lookup({ domainBudget: { inFlight: 1, perMinute: 2 } });
    const gate = Promise.withResolvers<string>();
    const first = ask(lookup, { identity: user("slow") });
    const second = ask(lookup, { vouched: () => gate.promise });
    await first;
    assert.equal(await ask(lookup), "key host");
    gate.resolve("someisp.tld");
    assert.equal(await second, "key host");
    assert.equal(directory.asked, 2);
  });
});
