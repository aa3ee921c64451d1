import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  clientPrefix,
  type DnsAnswer,
  dnsPolicySource,
  findPolicy,
  ipv6Groups,
  isGloballyReachable,
  isHostName,
  type PolicyRecordAnswer,
  parsePolicyRecord,
  type Resolver,
} from "./index.ts";

// `dk` of SPEC Appendix A: the public key of RFC 8032 test 2.
const dk = "MCowBQYDK2VwAyEAPUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=";

const plain = {
  policy: "none",
  subdomainPolicy: "none",
  testing: false,
  discovery: "mx",
  requiredTrust: "host",
  statementKeys: [],
  epoch: 0,
  rememberSeconds: 0,
  stapleSeconds: 0,
  reportAddress: null,
  logKey: null,
};

describe("policy record grammar (POL-1, POL-3 to POL-9)", () => {
  const good: [string, Partial<Record<keyof typeof plain, unknown>>][] = [
    ["v=VSMTP1", {}],
    [" v = VSMTP1 ; ", {}],
    ["v=VSMTP1;p=reject", { policy: "reject", subdomainPolicy: "reject" }],
    ["v=VSMTP1; p=reject; sp=none", { policy: "reject" }],
    ["v=VSMTP1; sp=quarantine", { subdomainPolicy: "quarantine" }],
    ["v=VSMTP1; p=Quarantine; t=Y;", { policy: "quarantine", subdomainPolicy: "quarantine", testing: true }],
    ["v=VSMTP1; t=n; ks=srv; auth=domain", { discovery: "srv", requiredTrust: "domain" }],
    ["v=VSMTP1;\tks = sub ;unknown=a b c", { discovery: "sub" }],
    [`v=VSMTP1; dk=${dk}`, { statementKeys: [Buffer.from(dk, "base64")] }],
    [`v=VSMTP1; dk=${dk} : ${dk}`, { statementKeys: [Buffer.from(dk, "base64"), Buffer.from(dk, "base64")] }],
    [
      "v=VSMTP1; ep=1073304000; ma=99999999; sl=901",
      { epoch: 1073304000, rememberSeconds: 31536000, stapleSeconds: 900 },
    ],
    ["v=VSMTP1; rua=mailto:r@x.tld; lv=AA==", { reportAddress: "mailto:r@x.tld", logKey: "AA==" }],
  ];
  for (const [text, expected] of good) {
    test(`reads ${text}`, () => {
      assert.deepEqual(parsePolicyRecord(text), { ok: true, record: { ...plain, ...expected } });
    });
  }

  const bad: [string, RegExp][] = [
    ["", /begins with v=VSMTP1/],
    ["p=reject; v=VSMTP1", /begins with v=VSMTP1/],
    ["v=vsmtp1", /begins with v=VSMTP1/],
    ["v=VSMTP11", /begins with v=VSMTP1/],
    ["v=VSMTP1; p=allow", /p=allow: expected none, quarantine, reject/],
    ["v=VSMTP1; p=", /p=: expected/],
    ["v=VSMTP1; ; p=none", /" " is not name=value/],
    ["v=VSMTP1; p", /" p" is not name=value/],
    ["v=VSMTP1; P=reject", /" P=reject" is not name=value/],
    ["v=VSMTP1; p=reject; p=none", /tag p stands twice/],
    ["v=VSMTP1; v=VSMTP1", /tag v stands twice/],
    ["v=VSMTP1; ep=01", /ep=01: expected a whole number/],
    ["v=VSMTP1; ep=1234567890123", /whole number/],
    ["v=VSMTP1; ks=dns", /ks=dns: expected mx, srv, sub/],
    ["v=VSMTP1; dk=AAAA", /dk: "AAAA" is not the base64/],
    [`v=VSMTP1; dk=${dk.slice(0, -1)}`, /is not the base64/],
    [`v=VSMTP1; dk=${dk}:${dk}:${dk}`, /3 keys, at most 2/],
    ["v=VSMTP1; x=\u00e9", /is not name=value/],
  ];
  for (const [text, problem] of bad) {
    test(`refuses ${JSON.stringify(text)}`, () => {
      const result = parsePolicyRecord(text);
      assert.match(result.ok ? "parsed" : result.problem, problem);
    });
  }

  test("no text makes the parser throw", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => void parsePolicyRecord(`v=VSMTP1;${text}`)),
    );
    const piece = fc.constantFrom("p", "=", ";", " ", "reject", "dk", dk, ":", "ep", "12", "v=VSMTP1");
    fc.assert(
      fc.property(fc.array(piece), (pieces) => void parsePolicyRecord(`v=VSMTP1;${pieces.join("")}`)),
    );
  });
});

describe("looking policies up (POL-4, POL-12; RFC 9989 §4.10)", () => {
  const asked: string[] = [];
  const texts = (records: Record<string, string[] | "failure">): Resolver => {
    const txt = async (name: string): Promise<DnsAnswer<string>> => {
      asked.push(name);
      const found = records[name];
      if (found === "failure") return { kind: "failure", detail: "SERVFAIL" };
      if (found === undefined) return { kind: "nxdomain", authenticated: false, ttlSeconds: 0 };
      return { kind: "records", records: found, authenticated: true, ttlSeconds: 0 };
    };
    const none = async () => ({ kind: "nxdomain", authenticated: false, ttlSeconds: 0 }) as const;
    return { txt, addresses: none, a: none, aaaa: none, mx: none, srv: none, tlsa: none, ptr: none };
  };
  const policyFor = (records: Record<string, string[] | "failure">, domain: string) => {
    asked.length = 0;
    return dnsPolicySource(texts(records)).policyFor(domain);
  };
  const organization = { "_vsmtp.org.tld": ["v=VSMTP1; p=reject; sp=quarantine; t=y"] };

  test("the domain's own record gives p and ends the walk", async () => {
    const found = await policyFor({ ...organization, "_vsmtp.a.org.tld": ["v=VSMTP1"] }, "a.org.tld");
    assert.deepEqual(found, { kind: "policy", policy: "none", testing: false, publishedAt: "a.org.tld" });
    assert.deepEqual(asked, ["_vsmtp.a.org.tld"]);
  });

  test("a subdomain without record gets sp and t of the organization", async () => {
    assert.deepEqual(await policyFor(organization, "b.a.org.tld"), {
      kind: "policy",
      policy: "quarantine",
      testing: true,
      publishedAt: "org.tld",
    });
    assert.deepEqual(asked, ["_vsmtp.b.a.org.tld", "_vsmtp.a.org.tld", "_vsmtp.org.tld", "_vsmtp.tld"]);
  });

  test("of several records above, the one with the fewest labels; a registry's only where it is alone", async () => {
    const records = { ...organization, "_vsmtp.a.org.tld": ["v=VSMTP1"], "_vsmtp.tld": ["v=VSMTP1; p=none"] };
    const found = await policyFor(records, "b.a.org.tld");
    assert.equal(found.kind === "policy" && found.publishedAt, "org.tld");
    const alone = await policyFor({ "_vsmtp.tld": ["v=VSMTP1; p=reject"] }, "b.org.tld");
    assert.deepEqual(alone.kind === "policy" && [alone.publishedAt, alone.policy], ["tld", "reject"]);
  });

  test("a name of eight labels or more goes on with seven: at most eight lookups", async () => {
    assert.deepEqual(await policyFor({}, "k.j.i.h.g.f.e.d.c.org.tld"), { kind: "none" });
    assert.equal(asked.length, 8);
    assert.deepEqual(asked.slice(0, 2), ["_vsmtp.k.j.i.h.g.f.e.d.c.org.tld", "_vsmtp.g.f.e.d.c.org.tld"]);
  });

  test("other TXT records do not count; several policy records, or a broken one, count as none", async () => {
    const own = { "_vsmtp.x.tld": ["unrelated", "v=VSMTP1; p=reject", "v=VSMTP2; p=none"] };
    assert.equal((await policyFor(own, "x.tld")).kind, "policy");
    const several = texts({ "_vsmtp.x.tld": ["v=VSMTP1", "v=VSMTP1; p=reject"] });
    assert.deepEqual(await dnsPolicySource(several).recordOf("x.tld"), {
      kind: "none",
      problem: "2 policy records count as none",
      denied: false,
    });
    const broken = await dnsPolicySource(texts({ "_vsmtp.x.tld": ["v=VSMTP1; p=?"] })).recordOf("x.tld");
    assert.match(broken.kind === "none" ? (broken.problem ?? "") : "", /p=\?/);
  });

  test("a failed lookup anywhere on the walk is a failure; AD is passed on", async () => {
    assert.equal((await policyFor({ "_vsmtp.org.tld": "failure" }, "a.org.tld")).kind, "failure");
    const found = await dnsPolicySource(texts(organization)).recordOf("org.tld");
    assert.ok(found.kind === "record" && found.authenticated);
    const none: PolicyRecordAnswer = { kind: "none", problem: null, denied: false };
    assert.deepEqual(await findPolicy("tld", async () => none), { kind: "none" });
  });
});

test("globally reachable unicast addresses only (DIS-11)", () => {
  const reachable = [
    [
      "8.8.8.8",
      "1.1.1.1",
      "100.63.255.255",
      "100.128.0.0",
      "172.15.0.1",
      "172.32.0.1",
      "192.0.1.0",
      "223.255.255.255",
    ],
    ["2a00:1450::1", "2001:4860:4860::8888", "2600::", "64:ff9b::8.8.8.8", "64:ff9b::808:808", "2001:200::1"],
  ].flat();
  const special = [
    [
      "0.0.0.0",
      "10.1.2.3",
      "100.64.0.1",
      "100.127.255.255",
      "127.0.0.1",
      "127.255.255.255",
      "169.254.169.254",
    ],
    ["172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1"],
    [
      "198.19.255.255",
      "198.51.100.7",
      "203.0.113.9",
      "224.0.0.1",
      "239.1.1.1",
      "240.0.0.1",
      "255.255.255.255",
    ],
    [
      "::",
      "::1",
      "::ffff:8.8.8.8",
      "::ffff:127.0.0.1",
      "::8.8.8.8",
      "fe80::1",
      "fe80::1%eth0",
      "fec0::1",
      "fc00::1",
    ],
    [
      "fd12::1",
      "ff02::1",
      "100::1",
      "2001::1",
      "2001:2::1",
      "2001:10::1",
      "2001:20::1",
      "2001:db8::1",
      "2002:7f00:1::",
    ],
    [
      "3fff::1",
      "5f00::1",
      "64:ff9b::127.0.0.1",
      "64:ff9b::a00:1",
      "64:ff9b::",
      "64:ff9b::1",
      "64:ff9b:1::808:808",
    ],
    ["", "example", "1.2.3", "1.2.3.4.5", "2a00:1450::1%1", "08.8.8.8"],
  ].flat();
  for (const address of reachable) assert.equal(isGloballyReachable(address), true, address);
  for (const address of special) assert.equal(isGloballyReachable(address), false, address);
});

test("an IPv6 address is eight groups", () => {
  assert.deepEqual(ipv6Groups("::"), [0, 0, 0, 0, 0, 0, 0, 0]);
  assert.deepEqual(ipv6Groups("2001:db8::1:0"), [0x2001, 0xdb8, 0, 0, 0, 0, 1, 0]);
  assert.deepEqual(ipv6Groups("1:2:3:4:5:6:7:8"), [1, 2, 3, 4, 5, 6, 7, 8]);
  assert.deepEqual(ipv6Groups("fe80::"), [0xfe80, 0, 0, 0, 0, 0, 0, 0]);
  assert.deepEqual(ipv6Groups("::ffff:1.2.3.4"), [0, 0, 0, 0, 0, 0xffff, 0x102, 0x304]);
});

test("client networks: /24 and /56 (KEY-37)", () => {
  assert.equal(clientPrefix("192.0.2.77"), "192.0.2.0/24");
  assert.equal(clientPrefix("::ffff:192.0.2.77"), "192.0.2.0/24");
  assert.equal(clientPrefix("2001:db8:1:2345::9"), "2001:db8:1:2300::/56");
  assert.equal(clientPrefix("fe80::1%eth0"), "fe80:0:0:0::/56");
});

test("host names: LDH labels, no address, no underscore", () => {
  for (const name of ["mx1.someisp.tld", "localhost", "a-b.c", "1.2.3.4a", "xn--bcher-kva.example"]) {
    assert.equal(isHostName(name), true, name);
  }
  for (const name of [
    "",
    ".",
    "a.",
    "1.2.3.4",
    "_x.tld",
    "-a.tld",
    "a-.tld",
    "A.tld",
    `${"a".repeat(64)}.tld`,
    "[::1]",
  ]) {
    assert.equal(isHostName(name), false, name);
  }
});
