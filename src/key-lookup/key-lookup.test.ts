import assert from "node:assert/strict";
import { sign } from "node:crypto";
import { after, before, beforeEach, describe, test } from "node:test";
import { statementInput } from "../key-protocol/index.ts";
import { describeStep, KeyLookup, type KeyLookupOptions } from "./index.ts";
import {
  activeKey,
  ask,
  dkBase64,
  dkPrivate,
  kid,
  NOW,
  otherKey,
  question,
  TestNetwork,
} from "./test-network.ts";

const net = new TestNetwork();
before(() => net.start());
after(() => net.close());

const signer = {
  everyDomain: true,
  sign: async (_domain: string, text: string) => sign(null, statementInput(text), dkPrivate),
};
const fresh = (options: Partial<KeyLookupOptions> = {}) => net.lookup(options);
const answerOf = (options: Partial<KeyLookupOptions> = {}) => ask(fresh(options));

const mx1 = "8.8.4.1:8757";
const mx2 = "8.8.4.2:8757";

beforeEach(() => {
  net.reset();
  net.publish(1);
});

describe("finding the server (DIS)", () => {
  test("MX hosts by preference; one that fails gives way to the next (DIS-2)", async () => {
    net.publish(3);
    await net.keyServer(mx2, ["mx2.someisp.tld"]);
    await net.keyServer("8.8.4.3:8757", ["mx3.someisp.tld"]);
    assert.equal(await answerOf(), "key host");
    assert.deepEqual(net.dialled, [mx1, mx2]);
  });

  test("at most 5 hosts, 6 attempts, one address of each family (DIS-2)", async () => {
    net.publish(7);
    for (let n = 1; n <= 7; n++) {
      net.dns.set(`mx${n}.someisp.tld`, {
        A: [`8.8.4.${n}`, `8.8.5.${n}`],
        AAAA: [`2a00::${n}`, `2a00::1:${n}`],
      });
    }
    assert.equal(await answerOf(), "temperror");
    assert.deepEqual(net.dialled, [mx1, "2a00::1:8757", mx2, "2a00::2:8757", "8.8.4.3:8757", "2a00::3:8757"]);
    net.dialled.length = 0;
    net.publish(7);
    assert.equal(await answerOf(), "temperror");
    assert.equal(net.dialled.length, 5);
  });

  test("null MX, nothing and NXDOMAIN are no-keyserver (DIS-1, DIS-4)", async () => {
    net.dns.set("someisp.tld", { MX: [[0, "."]] });
    assert.equal(await answerOf(), "no-keyserver");
    net.dns.set("someisp.tld", { TXT: ["x"] });
    assert.equal(await answerOf(), "no-keyserver");
    net.dns.delete("someisp.tld");
    net.dns.delete("mx1.someisp.tld");
    assert.equal(await answerOf(), "no-keyserver");
    assert.deepEqual(net.dialled, []);
  });

  test("a domain without MX is its own host (DIS-4)", async () => {
    net.dns.set("someisp.tld", { A: ["8.8.4.9"] });
    await net.keyServer("8.8.4.9:8757", ["someisp.tld"]);
    assert.equal(await answerOf(), "key domain");
  });

  test("keyserver.<D> only where no target accepts a connection (DIS-5)", async () => {
    net.dns.set("keyserver.someisp.tld", { A: ["8.8.4.9"] });
    const { server } = await net.keyServer("8.8.4.9:8757", ["keyserver.someisp.tld"]);
    assert.equal(await answerOf(), "key domain");
    assert.deepEqual(net.dialled, [mx1, "8.8.4.9:8757"]);
    await net.keyServer(mx1, ["wrong.tld"]);
    assert.equal(await answerOf(), "temperror");
    assert.equal(server.connections > 1, false);
  });

  test("ks=sub asks keyserver.<D> alone; without address it is no-keyserver (DIS-6, DIS-12)", async () => {
    net.publish(1, "ks=sub");
    await net.keyServer(mx1, ["mx1.someisp.tld"]);
    assert.equal(await answerOf(), "no-keyserver");
    net.dns.set("keyserver.someisp.tld", { A: ["8.8.4.9"] });
    await net.keyServer("8.8.4.9:8757", ["keyserver.someisp.tld"]);
    assert.equal(await answerOf(), "key domain");
    assert.deepEqual(net.dialled, ["8.8.4.9:8757"]);
    net.dns.fail("keyserver.someisp.tld", "SERVFAIL");
    assert.equal(await answerOf(), "temperror");
  });

  test("ks=srv asks where _vsmtp-key._tcp points, at its port; '.' is no-keyserver (DIS-7)", async () => {
    net.publish(1, "ks=srv");
    const record = { priority: 1, weight: 0, port: 9999, target: "keys.other.tld" };
    net.dns.set("_vsmtp-key._tcp.someisp.tld", { SRV: [record] });
    net.dns.set("keys.other.tld", { A: ["8.8.4.9"] });
    await net.keyServer("8.8.4.9:9999", ["keys.other.tld"]);
    assert.equal(await answerOf(), "key host");
    net.dns.set("_vsmtp-key._tcp.someisp.tld", { SRV: [{ ...record, target: "." }] });
    assert.equal(await answerOf(), "no-keyserver");
    net.dns.delete("_vsmtp-key._tcp.someisp.tld");
    assert.equal(await answerOf(), "no-keyserver");
  });

  test("[NOTHERE] moves on; from all it is no-keyserver, beside a failure temperror (DIS-8, DIS-9)", async () => {
    net.publish(2);
    const first = await net.keyServer(mx1, ["mx1.someisp.tld"]);
    first.directory.domains.clear();
    const second = await net.keyServer(mx2, ["mx2.someisp.tld"]);
    assert.equal(await answerOf(), "key host");
    second.directory.domains.clear();
    second.directory.changed.push("someisp.tld");
    assert.equal(await answerOf(), "no-keyserver");
    net.remove(mx1);
    assert.equal(await answerOf(), "temperror");
  });

  test("failing DNS is temperror (DIS-9, POL-16)", async () => {
    await net.keyServer(mx1, ["mx1.someisp.tld"]);
    for (const name of ["someisp.tld", "mx1.someisp.tld", "_vsmtp.someisp.tld"]) {
      net.dns.fail(name, "SERVFAIL");
      assert.equal(await answerOf(), "temperror", name);
      net.dns.fail(name, null);
    }
    net.dns.delete("mx1.someisp.tld");
    assert.equal(await answerOf(), "temperror");
  });

  test("only globally reachable addresses, unless the switch for closed networks is set (DIS-11, TRU-10)", async () => {
    net.dns.set("mx1.someisp.tld", { A: ["127.0.0.1", "10.0.0.1"], AAAA: ["::1", "fe80::1"] });
    await net.keyServer("127.0.0.1:8757", ["mx1.someisp.tld"]);
    const { answer, trail } = await fresh().explain(question);
    assert.equal(answer.kind, "temperror");
    assert.deepEqual(net.dialled, []);
    const step = trail.find((found) => found.kind === "addresses");
    assert.deepEqual(step?.kind === "addresses" && step.refused, ["127.0.0.1", "10.0.0.1", "::1", "fe80::1"]);
    assert.equal(await answerOf({ allowPrivateAddresses: true }), "key host");
  });
});

describe("authenticating the server (TRU)", () => {
  const dk = `dk=${dkBase64}`;
  // certificate names, policy, what is signed by DNSSEC, expected
  const rows: [
    string,
    string[],
    string | undefined,
    string[],
    { selfSigned?: boolean; signed?: boolean },
    string,
  ][] = [
    ["the target's name (TRU-2)", ["mx1.someisp.tld"], undefined, [], {}, "key host"],
    ["a wildcard", ["*.someisp.tld"], undefined, [], {}, "key domain"],
    ["the domain (TRU-4, TRU-9)", ["someisp.tld"], undefined, [], {}, "key domain"],
    ["keyserver.<D> (TRU-4)", ["keyserver.someisp.tld"], undefined, [], {}, "key domain"],
    ["another name", ["mx2.someisp.tld"], undefined, [], {}, "temperror"],
    ["a CA nobody trusts", ["mx1.someisp.tld"], undefined, [], { selfSigned: true }, "temperror"],
    ["host where domain is asked for (TRU-8)", ["mx1.someisp.tld"], "auth=domain", [], {}, "temperror"],
    ["domain where it is asked for", ["someisp.tld"], "auth=domain", [], {}, "key domain"],
    ["host, MX by DNSSEC (TRU-5)", ["mx1.someisp.tld"], "auth=domain", ["someisp.tld"], {}, "key domain"],
    [
      "signed, dk by DNSSEC (TRU-7)",
      ["mx1.someisp.tld"],
      dk,
      ["_vsmtp.someisp.tld"],
      { signed: true },
      "key domain",
    ],
    [
      "signed, dk by DNSSEC, no trusted CA",
      ["x.tld"],
      dk,
      ["_vsmtp.someisp.tld"],
      { signed: true, selfSigned: true },
      "key domain",
    ],
    ["signed, dk without DNSSEC", ["mx1.someisp.tld"], dk, [], { signed: true }, "key host"],
    [
      "signed, dk without DNSSEC, no trusted CA",
      ["mx1.someisp.tld"],
      dk,
      [],
      { signed: true, selfSigned: true },
      "temperror",
    ],
    ["unsigned though dk is published (STA-13)", ["mx1.someisp.tld"], dk, [], {}, "bad-key"],
    ["unsigned, and nothing proves the server", ["x.tld"], dk, ["_vsmtp.someisp.tld"], {}, "temperror"],
  ];
  for (const [name, names, policy, authenticated, how, expected] of rows) {
    test(`certificate for ${name}: ${expected}`, async () => {
      net.publish(1, policy);
      net.dns.authenticate(authenticated);
      const { signed, ...options } = how;
      await net.keyServer(mx1, names, { ...options, ...(signed ? { signer } : {}) });
      assert.equal(await answerOf(), expected);
    });
  }

  test("a refusal needs a certificate, signed statements or not: nobody else can deny a key (TRU-11)", async () => {
    net.publish(1, dk);
    net.dns.authenticate(["_vsmtp.someisp.tld"]);
    await net.keyServer(mx1, ["x.tld"], { signer });
    assert.equal(await answerOf(), "key domain");
    assert.equal(await ask(fresh(), { kid: "AAAAAAAAAAAAAAAAAAAAAA" }), "temperror");
    await net.keyServer(mx1, ["mx1.someisp.tld"], { signer });
    assert.equal(await ask(fresh(), { kid: "AAAAAAAAAAAAAAAAAAAAAA" }), "no-key");
  });

  test("a private CA is trusted beside the system's", async () => {
    await net.keyServer(mx1, ["mx1.someisp.tld"]);
    const resolver = net.resolver;
    const lookup = new KeyLookup({ resolver, dialer: net.dialer, ca: [net.ca], nowMs: () => net.nowMs });
    assert.equal(await ask(lookup), "key host");
    lookup.close();
  });

  test("local policy may ask for domain trust everywhere (TRU-8)", async () => {
    await net.keyServer(mx1, ["mx1.someisp.tld"]);
    assert.equal(await answerOf({ requiredTrust: "domain" }), "temperror");
  });
});

describe("redirects (KEY-21 to KEY-27)", () => {
  const target = { host: "keys.hoster.tld", port: 8757 };
  const place = "8.8.6.1:8757";
  const redirectTo = (to: string) => (socket: { end(text: string): void }) => socket.end(`-FW ${to}\r\n`);

  beforeEach(() => net.dns.set("keys.hoster.tld", { A: ["8.8.6.1"] }));

  // where the redirect is said, certificate of mx1, of the new place, policy, expected
  const rows: [string, string[], string, string][] = [
    ["in plain text", ["mx1.someisp.tld"], "", "key host"],
    ["in plain text", ["someisp.tld"], "", "key domain"],
    ["in plain text", ["keyserver.someisp.tld"], "", "key domain"],
    ["in plain text", ["keys.hoster.tld"], "", "temperror"],
    ["in plain text", ["keys.hoster.tld"], "signed", "key host"],
    ["in plain text", ["other.tld"], "signed", "temperror"],
    ["in plain text", ["other.tld"], "signed, dk by DNSSEC", "key domain"],
    ["in TLS", ["keys.hoster.tld"], "", "key host"],
    ["in TLS", ["mx1.someisp.tld"], "", "key host"],
    ["in TLS", ["other.tld"], "", "temperror"],
    ["in TLS of domain trust", ["keys.hoster.tld"], "", "key domain"],
  ];
  for (const [where, names, how, expected] of rows) {
    test(`${where}, to a server with a certificate for ${names[0]} ${how}: ${expected}`, async () => {
      net.publish(1, how === "" ? undefined : `dk=${dkBase64}`);
      if (how.endsWith("DNSSEC")) net.dns.authenticate(["_vsmtp.someisp.tld"]);
      await net.keyServer(place, names, how === "" ? {} : { signer });
      if (where === "in plain text") await net.listen(mx1, redirectTo("keys.hoster.tld:8757"));
      else {
        const first = where === "in TLS" ? ["mx1.someisp.tld"] : ["keyserver.someisp.tld"];
        const { server } = await net.keyServer(mx1, first);
        // Redirect in reply to KEY: the greeting has to be past when the mode changes.
        net.onceGreeted(mx1, server, { kind: "redirect", target });
      }
      assert.equal(await answerOf(), expected);
    });
  }

  test("three hops are allowed, a fourth is not (KEY-22)", async () => {
    for (let n = 1; n <= 4; n++) net.dns.set(`k${n}.tld`, { A: [`8.8.6.${n}`] });
    await net.listen(mx1, redirectTo("k1.tld:8757"));
    await net.listen("8.8.6.1:8757", redirectTo("k2.tld:8757"));
    await net.listen("8.8.6.2:8757", redirectTo("k3.tld:8757"));
    await net.keyServer("8.8.6.3:8757", ["mx1.someisp.tld"]);
    assert.equal(await answerOf(), "key host");
    await net.listen("8.8.6.3:8757", redirectTo("k4.tld:8757"));
    await net.keyServer("8.8.6.4:8757", ["mx1.someisp.tld"]);
    assert.equal(await answerOf(), "temperror");
  });

  const breaches = [
    "mx1.someisp.tld:8757",
    "127.0.0.1:8757",
    "[2a00::1]:8757",
    "keys.hoster.tld:25",
    "keys.hoster.tld:444",
  ];
  for (const to of [
    ...breaches,
    "under_score.tld:8757",
    "8.8.6.1:8757",
    "inside.tld:8757",
    "nowhere.tld:8757",
  ]) {
    test(`not to ${to} (KEY-22 to KEY-24)`, async () => {
      net.dns.set("inside.tld", { A: ["192.168.1.1"] });
      await net.listen(mx1, redirectTo(to));
      assert.equal(await answerOf(), "temperror");
      assert.deepEqual(net.dialled, [mx1]);
    });
  }

  test("port 443 is allowed; octets after -FW are ignored (KEY-6, KEY-23)", async () => {
    await net.listen(mx1, (socket) => socket.end("-FW keys.hoster.tld:443\r\n+OK\r\ngarbage"));
    await net.keyServer("8.8.6.1:443", ["someisp.tld"]);
    assert.equal(await answerOf(), "key domain");
  });

  test("a breach at one MX host leaves the next its chance", async () => {
    net.publish(2);
    await net.listen(mx1, redirectTo("mx1.someisp.tld:8757"));
    await net.keyServer(mx2, ["mx2.someisp.tld"]);
    assert.equal(await answerOf(), "key host");
  });
});

describe("answers", () => {
  test("what the statement says decides (STA-14 to STA-16, KEY-32)", async () => {
    const { directory } = await net.keyServer(mx1, ["mx1.someisp.tld"]);
    assert.equal(await answerOf(), "key host");
    directory.set("allice@someisp.tld", { ...activeKey, state: "suspended" });
    assert.equal(await answerOf(), "suspended");
    directory.set("allice@someisp.tld", { ...activeKey, state: "revoked" });
    assert.equal(await answerOf(), "revoked");
    directory.set("allice@someisp.tld", otherKey());
    assert.equal(await answerOf(), "no-key");
    directory.set("allice@someisp.tld", { ...activeKey, notAfter: NOW - 1 });
    assert.equal(await answerOf(), "bad-key");
    directory.set("allice@someisp.tld", activeKey);
    assert.equal(await ask(fresh(), { algorithm: "rsa-sha256" }), "bad-key");
    assert.equal(await ask(fresh(), { signedAt: NOW - 10 * 86_400 }), "bad-key");
  });

  test("a stale statement, or one before the epoch, is the server's failure: the next is asked (STA-16)", async () => {
    net.publish(2, `ep=${NOW - 100}`);
    await net.keyServer(mx1, ["mx1.someisp.tld"], { nowMs: () => (NOW - 101) * 1000 });
    assert.equal(await answerOf(), "temperror");
    await net.keyServer(mx2, ["mx2.someisp.tld"]);
    assert.equal(await answerOf(), "key host");
  });

  test("errors: permanent ones are no-key, all others temporary (KEY-31, KEY-32)", async () => {
    const { directory } = await net.keyServer(mx1, ["mx1.someisp.tld"], { exposure: "kid" });
    assert.equal(await ask(fresh(), { kid: null, algorithm: null, signedAt: null }), "no-key");
    directory.isBroken = true;
    assert.equal(await answerOf(), "temperror");
  });

  test("the bare form answers who is curious (KEY-28)", async () => {
    await net.keyServer(mx1, ["mx1.someisp.tld"]);
    assert.equal(await ask(fresh(), { kid: null, algorithm: null, signedAt: null }), "key host");
  });

  test("the trail tells how it went", async () => {
    await net.listen(mx1, (socket) => socket.end("-FW keys.hoster.tld:8757\r\n"));
    net.dns.set("keys.hoster.tld", { A: ["8.8.6.1"] });
    await net.keyServer("8.8.6.1:8757", ["mx1.someisp.tld", "keys.hoster.tld"]);
    const { trail, statement, answer } = await fresh().explain(question);
    assert.equal(answer.kind, "key");
    assert.match(statement ?? "", /^v=1; i=allice@someisp\.tld; /);
    assert.deepEqual(
      trail.map(describeStep).filter((line) => !line.startsWith("S: v=1")),
      [
        "_vsmtp.someisp.tld: no policy record",
        "MX someisp.tld: 10 mx1.someisp.tld, TTL 0 s",
        "mx: mx1.someisp.tld:8757",
        "mx1.someisp.tld:8757",
        "A and AAAA mx1.someisp.tld: 8.8.4.1, TTL 0 s",
        "mx1.someisp.tld: 8.8.4.1",
        "connecting to mx1.someisp.tld:8757 at 8.8.4.1",
        "S: -FW keys.hoster.tld:8757",
        "mx1.someisp.tld:8757 sends us to keys.hoster.tld:8757 (in plain text)",
        "A and AAAA keys.hoster.tld: 8.8.6.1, TTL 0 s",
        "keys.hoster.tld: 8.8.6.1",
        "connecting to keys.hoster.tld:8757 at 8.8.6.1",
        "S: +OK VSMTP/1",
        "C: STLS",
        "S: +OK begin",
        "keys.hoster.tld:8757: connected to 8.8.6.1",
        "keys.hoster.tld:8757: certificate for mx1.someisp.tld, keys.hoster.tld: host trust",
        `C: KEY allice@someisp.tld ${kid}`,
        "S: +OK 1",
        "S: .",
        "statement: usable, host trust",
        "the statement is remembered for 600 s",
      ],
    );
  });
});
