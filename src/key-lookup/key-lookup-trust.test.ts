import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { PolicyMemory } from "../dns/index.ts";
import type { MtaStsPolicy } from "../transport-security/index.ts";
import { type KnownDomain, KnownDomains, type KnownDomainsFile } from "./index.ts";
import { ask, NOW, question, TestNetwork } from "./test-network.ts";

const net = new TestNetwork();
before(() => net.start());
after(() => net.close());
beforeEach(() => {
  net.reset();
  net.publish(1);
});

const mx1 = "8.8.4.1:8757";
const own = ["mx1.someisp.tld"];
const tlsaName = "_8757._tcp.mx1.someisp.tld";
const signed = ["mx1.someisp.tld", tlsaName];

describe("host trust by DANE (TRU-3)", () => {
  test("a certificate that a TLSA record names proves the host, whoever issued it", async () => {
    await net.keyServer(mx1, own, { selfSigned: true });
    assert.equal(await ask(net.lookup()), "temperror");
    net.dns.set(tlsaName, { TLSA: [await net.tlsaOf(own, true)] });
    assert.equal(await ask(net.lookup()), "temperror", "without DNSSEC records say nothing");
    net.dns.authenticate(signed);
    assert.equal(await ask(net.lookup()), "key host");
    assert.equal(await ask(net.lookup({ dane: false })), "temperror");
    net.dns.authenticate([...signed, "someisp.tld"]);
    assert.equal(await ask(net.lookup()), "key domain", "the MX is validated as well (TRU-5)");
  });

  test("it may have any name (DANE-EE), and proves the host's only", async () => {
    await net.keyServer(mx1, ["someisp.tld"], { selfSigned: true });
    net.dns.set(tlsaName, { TLSA: [await net.tlsaOf(["someisp.tld"], true)] });
    net.dns.authenticate(signed);
    assert.equal(await ask(net.lookup()), "key host");
  });

  test("one that is not as the records say proves nothing, though a trusted authority issued it", async () => {
    await net.keyServer(mx1, [...own, "someisp.tld"]);
    net.dns.set(tlsaName, { TLSA: [await net.tlsaOf(["another.tld"])] });
    assert.equal(await ask(net.lookup()), "key domain");
    net.dns.authenticate(signed);
    assert.equal(await ask(net.lookup()), "temperror");
    // Records of which none can be used leave it to WebPKI.
    net.dns.set(tlsaName, { TLSA: [{ usage: 0, selector: 0, matchingType: 1, data: Buffer.alloc(32) }] });
    assert.equal(await ask(net.lookup()), "key domain");
  });

  test("while nobody knows whether there are records, the host is not talked to; other hosts are", async () => {
    await net.keyServer(mx1, own);
    net.dns.authenticate(signed);
    net.dns.fail(tlsaName, "SERVFAIL");
    assert.equal(await ask(net.lookup()), "temperror");
    assert.deepEqual(net.dialled, []);
    net.publish(2);
    await net.keyServer("8.8.4.2:8757", ["mx2.someisp.tld"]);
    assert.equal(await ask(net.lookup()), "key host");
  });

  test("a server that a redirect in plain text named proves its own name by DANE, and not the domain's", async () => {
    const at = "8.8.6.1:8757";
    await net.listen(mx1, (socket) => socket.end("-FW keys.hoster.tld:8757\r\n"));
    net.dns.set("keys.hoster.tld", { A: ["8.8.6.1"] });
    net.dns.set("_8757._tcp.keys.hoster.tld", { TLSA: [await net.tlsaOf(["keys.hoster.tld"], true)] });
    net.dns.authenticate(["keys.hoster.tld", "_8757._tcp.keys.hoster.tld"]);
    await net.keyServer(at, ["keys.hoster.tld"], { selfSigned: true });
    const { answer, trail } = await net.lookup().explain(question);
    assert.equal(answer.kind, "temperror");
    // Whoever set the redirect up learns what is missing.
    const step = trail.find((found) => found.kind === "certificate");
    assert.equal(
      step?.kind === "certificate" && step.problem,
      "it would have to be for mx1.someisp.tld or someisp.tld or keyserver.someisp.tld",
    );
  });
});

describe("domain trust by MTA-STS (TRU-6)", () => {
  const policy = (mode: MtaStsPolicy["mode"], ...mx: string[]) => {
    const asked: string[] = [];
    const policyOf = async (domain: string) => {
      asked.push(domain);
      return { mode, mx, maxAgeSeconds: 86_400 };
    };
    return { asked, mtaSts: { policyOf } };
  };

  test("an enforced policy of the domain that names the MX host, whose certificate proves the host", async () => {
    net.publish(1, "auth=domain");
    await net.keyServer(mx1, own);
    assert.equal(await ask(net.lookup()), "temperror");
    for (const [mode, mx, expected] of [
      ["enforce", "mx1.someisp.tld", "key domain"],
      ["enforce", "*.someisp.tld", "key domain"],
      ["enforce", "mx2.someisp.tld", "temperror"],
      ["testing", "mx1.someisp.tld", "temperror"],
      ["none", "mx1.someisp.tld", "temperror"],
    ] as const) {
      const { asked, mtaSts } = policy(mode, mx);
      assert.equal(await ask(net.lookup({ mtaSts })), expected, `${mode} ${mx}`);
      assert.deepEqual(asked, ["someisp.tld"]);
    }
  });

  test("it is fetched only where nothing else is enough", async () => {
    const { asked, mtaSts } = policy("enforce", "mx1.someisp.tld");
    const first = await net.keyServer(mx1, own);
    assert.equal(await ask(net.lookup({ mtaSts })), "key host");
    await first.server.close(0);
    net.publish(1, "auth=domain");
    const second = await net.keyServer(mx1, [...own, "someisp.tld"]);
    assert.equal(await ask(net.lookup({ mtaSts })), "key domain");
    await second.server.close(0);
    await net.keyServer(mx1, own, { selfSigned: true });
    assert.equal(await ask(net.lookup({ mtaSts })), "temperror");
    assert.deepEqual(asked, []);
  });

  test("it vouches for hosts that an MX record names: not for a service's, nor for the domain's own name", async () => {
    const { asked, mtaSts } = policy("enforce", "*.someisp.tld", "someisp.tld");
    net.publish(1, "auth=domain; ks=srv");
    const target = { priority: 1, weight: 1, port: 8757, target: "mx1.someisp.tld" };
    net.dns.set("_vsmtp-key._tcp.someisp.tld", { SRV: [target] });
    await net.keyServer(mx1, own);
    assert.equal(await ask(net.lookup({ mtaSts })), "temperror");
    assert.deepEqual(asked, []);
  });
});

describe("domains without key servers (DIS-10, DIS-13)", () => {
  const hour = 3_600_000;

  test("a domain that is gone from the DNS, while its record is remembered, may come back", async () => {
    const policies = new PolicyMemory({ resolver: net.resolver, nowMs: () => net.nowMs });
    const lookup = net.lookup({ policies });
    net.publish(1, "ma=86400");
    await net.keyServer(mx1, own);
    assert.equal(await ask(lookup), "key host");
    for (const name of ["_vsmtp.someisp.tld", "someisp.tld"]) net.dns.delete(name);
    const other = { identity: { localPart: "other", domain: "someisp.tld" } };
    assert.equal(await ask(lookup, other), "temperror");
    assert.equal(await ask(net.lookup(), other), "no-keyserver");
    net.publish(1, "ma=86400");
    assert.equal(await ask(lookup, other), "no-key");
  });

  test("no record, and all hosts refuse for more than an hour: no-keyserver, where that is wanted", async () => {
    net.publish(2);
    const lookup = net.lookup({ concludeFromRefusals: true });
    const patient = net.lookup();
    assert.equal(await ask(lookup), "temperror");
    net.nowMs += hour;
    assert.equal(await ask(lookup), "temperror");
    net.nowMs += hour / 4;
    assert.equal(await ask(lookup), "no-keyserver");
    assert.equal(await ask(patient), "temperror");
    net.nowMs += 2 * hour;
    assert.equal(await ask(patient), "temperror");
    net.nowMs += hour;
    // They may come back.
    await net.keyServer(mx1, own, { nowMs: () => NOW * 1000 });
    assert.equal(await ask(lookup), "key host");
    assert.equal(await ask(patient), "key host");
  });

  test("not where a record says that there are some, one does something else, or only a day later", async () => {
    const lookup = net.lookup({ concludeFromRefusals: true });
    const afterTwoHours = async () => {
      lookup.forget();
      const answers = [await ask(lookup)];
      for (let n = 0; n < 8; n++) {
        net.nowMs += hour / 4;
        answers.push(await ask(lookup));
      }
      return [...new Set(answers)].join(" ");
    };
    assert.equal(await afterTwoHours(), "temperror no-keyserver");
    net.publish(1, "p=none");
    assert.equal(await afterTwoHours(), "temperror");
    net.publish(2);
    await net.listen("8.8.4.2:8757", (socket) => socket.destroy());
    assert.equal(await afterTwoHours(), "temperror");
    net.publish(1);
    net.dns.fail("keyserver.someisp.tld", "SERVFAIL");
    assert.equal(await afterTwoHours(), "temperror");
    net.dns.delete("keyserver.someisp.tld");
    lookup.forget();
    assert.equal(await ask(lookup), "temperror");
    net.nowMs += 25 * hour;
    assert.equal(await ask(lookup), "temperror");
  });
});

describe("domains without reputation (CCH-8)", () => {
  test("those known for less than a week are asked each time, where that is wanted", async () => {
    const { directory } = await net.keyServer(mx1, own, { nowMs: () => net.nowMs });
    const kept: { domain: string; since: number }[] = [];
    const file = {
      read: () => kept,
      write: (domains: () => Iterable<(typeof kept)[number]>) => {
        kept.splice(0, kept.length, ...domains());
      },
    };
    const lookup = net.lookup({ known: new KnownDomains(file) });
    const day = 86_400;
    const askedAt = async (days: number) => {
      const now = NOW + days * day;
      net.nowMs = now * 1000;
      const before = directory.asked;
      directory.changed.push("someisp.tld");
      assert.equal(await ask(lookup, { now }), "key host");
      directory.changed.push("someisp.tld");
      assert.equal(await ask(lookup, { now }), "key host");
      return directory.asked - before;
    };
    assert.equal(await askedAt(0), 2);
    assert.equal(await askedAt(6.9), 2);
    assert.equal(await askedAt(7), 1);
    assert.deepEqual(kept, [{ domain: "someisp.tld", since: NOW }]);
    assert.equal(new KnownDomains(file).isStranger("someisp.tld", NOW + 7 * day), false);
    assert.equal(new KnownDomains().isStranger("someisp.tld", NOW), true);
  });

  test("a flood of strangers makes nobody a stranger, after a restart neither", () => {
    const day = 86_400;
    let kept: KnownDomain[] = [];
    const file: KnownDomainsFile = {
      read: () => kept,
      write: (domains) => {
        kept = [...domains()];
      },
    };
    const known = new KnownDomains(file, 10);
    known.found("old.tld", NOW);
    known.found("old.tld", NOW + 8 * day);
    for (let n = 0; n < 100; n++) known.found(`d${n}.evil.tld`, NOW + 9 * day);
    assert.equal(known.isStranger("old.tld", NOW + 9 * day), false);
    assert.equal(kept.length, 11);
    const next = new KnownDomains(file, 10);
    for (let n = 0; n < 100; n++) next.found(`e${n}.evil.tld`, NOW + 9 * day);
    assert.equal(next.isStranger("old.tld", NOW + 9 * day), false);
    assert.equal(next.isStranger("e99.evil.tld", NOW + 9 * day), true);
  });
});
