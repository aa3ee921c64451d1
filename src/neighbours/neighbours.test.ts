import assert from "node:assert/strict";
import { createPublicKey, randomBytes } from "node:crypto";
import { after, before, beforeEach, describe, test } from "node:test";
import { formatAuthenticationResults, readAuthenticationResults } from "../message/index.ts";
import type { NeighbourCheck, NeighbourResults } from "./index.ts";
import { dkimSigned, dkimSignedByMailauth, LETTER, questionAbout, sealed, World } from "./test-world.ts";

const world = new World();
before(() => world.start());
after(async () => {
  await world.dns.close();
  assert.deepEqual(world.failures, []);
});

let check: NeighbourCheck;
beforeEach(async () => {
  world.dns.clear();
  world.publish("someisp.test");
  check = await world.check();
});

const words = ({ spf, dkim, dmarc, arc }: NeighbourResults) => ({
  spf: spf.result,
  dkim: dkim.map(({ result }) => result),
  dmarc: dmarc.result,
  arc: arc.result,
});

/** Whatever its modulus is, it is read as a key. */
function rsaKey(bits: number, exponent = 65_537n): string {
  const modulus = randomBytes(bits / 8);
  modulus[0] = 0xff;
  modulus[modulus.length - 1] = 0xff;
  const e = Buffer.from(exponent.toString(16).padStart(10, "0"), "hex").toString("base64url");
  const key = createPublicKey({
    key: { kty: "RSA", n: modulus.toString("base64url"), e },
    format: "jwk",
  });
  return key.export({ type: "spki", format: "der" }).toString("base64");
}

function fieldOf({ recorded }: NeighbourResults): string {
  return Buffer.from(formatAuthenticationResults("mx.dest.test", recorded))
    .toString()
    .replace(/\r\n(?=\s)/g, "");
}

test("NBR-1 mail that does everything right, and its field word for word", async () => {
  const results = await check.check(questionAbout(dkimSigned(dkimSigned(LETTER), "ed25519")));
  assert.deepEqual(words(results), { spf: "pass", dkim: ["pass", "pass"], dmarc: "pass", arc: "none" });
  assert.deepEqual(results.spf.domain, "someisp.test");
  assert.deepEqual(results.dkim[0], { result: "pass", domain: "someisp.test", selector: "ed" });
  assert.deepEqual(results.dmarc, { result: "pass", domain: "someisp.test", policy: "reject" });
  assert.equal(results.fromPasses, true);
  const field = fieldOf(results);
  assert.match(
    field,
    /^Authentication-Results: mx\.dest\.test; spf=pass smtp\.mailfrom=someisp\.test; dkim=pass header\.d=someisp\.test header\.s=ed header\.a=ed25519-sha256 header\.b="?[A-Za-z0-9+/]{8}"?; dkim=pass header\.d=someisp\.test header\.s=rsa header\.a=rsa-sha256 header\.b="?[A-Za-z0-9+/]{8}"?; dmarc=pass header\.from=someisp\.test policy\.dmarc=reject\r\n$/,
  );
  assert.equal(readAuthenticationResults(field.slice(field.indexOf(":") + 1))?.results.length, 4);
});

describe("DKIM", () => {
  test("a body in relaxed form is not read again, one in simple form is", async () => {
    const relaxed = questionAbout(dkimSigned(LETTER));
    assert.deepEqual(words(await check.check(relaxed)).dkim, ["pass"]);
    assert.equal(relaxed.reads, 0);
    for (const canonicalization of ["simple/simple", "relaxed/simple", "simple/relaxed"]) {
      const long = `${LETTER}${"A line of a long letter. \r\n".repeat(20_000)}`;
      const question = questionAbout(await dkimSignedByMailauth(long, { canonicalization }));
      assert.deepEqual(words(await check.check(question)).dkim, ["pass"], canonicalization);
      assert.equal(question.reads, canonicalization.endsWith("/simple") ? 1 : 0);
      const other = questionAbout(await dkimSignedByMailauth(LETTER, { canonicalization }));
      assert.deepEqual(
        words(await check.check({ ...question, body: other.body, bodyHashBase64: "x" })).dkim,
        ["fail"],
      );
    }
  });

  test("what was changed on the way, or has no key, fails; what the DNS cannot tell now is temporary", async () => {
    const signed = dkimSigned(LETTER).toString("latin1");
    const dkimOf = async (message: string) => {
      const { recorded, dkim } = await check.check(questionAbout(Buffer.from(message, "latin1")));
      const reason = recorded.find(({ method }) => method === "dkim")?.reason;
      return [dkim[0]?.result, reason];
    };
    assert.deepEqual(await dkimOf(signed.replace("Noon", "noon")), ["fail", "body hash did not verify"]);
    assert.deepEqual(await dkimOf(signed.replace("Lunch?", "Money!")), ["fail", "bad signature"]);
    assert.deepEqual(await dkimOf(signed.replace("s=rsa", "s=gone")), ["neutral", "no key"]);
    assert.deepEqual(await dkimOf(signed.replace(/b=[^;]+\r\n(?=From)/, "b=\r\n")), [
      "fail",
      "bad signature",
    ]);
    // A line that is no field belongs to the field above, and is signed with it.
    assert.deepEqual(await dkimOf(signed.replace("\r\nTo:", "\r\nno field\r\nTo:")), [
      "fail",
      "bad signature",
    ]);
    world.dns.fail("rsa._domainkey.someisp.test", "SERVFAIL");
    check = await world.check();
    assert.equal((await dkimOf(signed))[0], "temperror");
  });

  test("keys that prove too little, or take too long, are refused (RFC 8301)", async () => {
    const signed = dkimSigned(LETTER);
    const withKey = async (record: string) => {
      world.dns.set("rsa._domainkey.someisp.test", { TXT: [record] });
      const { recorded } = await (await world.check()).check(questionAbout(signed));
      const found = recorded.find(({ method }) => method === "dkim");
      return [found?.result, found?.reason];
    };
    assert.deepEqual(await withKey(`v=DKIM1; p=${rsaKey(512)}`), ["policy", "weak-key"]);
    assert.deepEqual(await withKey(`v=DKIM1; p=${rsaKey(8192)}`), ["neutral", "invalid public key"]);
    assert.deepEqual(await withKey(`v=DKIM1; p=${rsaKey(2048, 0x1_0000_000fn)}`), [
      "neutral",
      "invalid public key",
    ]);
    assert.deepEqual(await withKey("v=DKIM1; p="), ["neutral", "invalid public key"]);
    assert.deepEqual(await withKey(`v=DKIM1; p=${"A".repeat(5000)}`), ["neutral", "invalid public key"]);
    assert.deepEqual(await withKey(`v=DKIM1; p=${"A".repeat(9000)}`), ["neutral", "no key"]);
    const sha1 = await dkimSignedByMailauth(LETTER, { algorithm: "rsa-sha1" });
    assert.deepEqual((await check.check(questionAbout(sha1))).dkim[0]?.result, "policy");
  });

  test("a signature that leaves a part of the body out proves nothing about what people see", async () => {
    const body = "Noon\r\n";
    const header = LETTER.slice(0, LETTER.indexOf("\r\n\r\n") + 4);
    const signed = await dkimSignedByMailauth(`${header}${body}`, { maxBodyLength: body.length });
    assert.match(signed.toString(), /l=6/);
    const whole = await check.check(questionAbout(signed, { reversePath: "x@other.test" }));
    assert.deepEqual(words(whole), { spf: "none", dkim: ["pass"], dmarc: "pass", arc: "none" });
    const added = Buffer.concat([signed, Buffer.from("Pay here: …\r\n")]);
    const results = await check.check(questionAbout(added, { reversePath: "x@other.test" }));
    assert.deepEqual(words(results), { spf: "none", dkim: ["policy"], dmarc: "fail", arc: "none" });
    assert.equal(results.fromPasses, false);
    const large = Buffer.concat([signed, Buffer.alloc(300_000, "x \r\n")]);
    assert.deepEqual(words(await check.check(questionAbout(large))).dkim, ["neutral"]);
  });

  test("a domain in other letters proves nothing for the one that it looks like", async () => {
    const d = "\uff53omeisp.test"; // fullwidth "s": UTS #46 makes it someisp.test, punycode alone does not
    const signed = dkimSigned(LETTER, "rsa", "someisp.test").toString().replace("d=someisp.test", `d=${d}`);
    world.dns.set("rsa._domainkey.xn--omeisp-lp63b.test", { TXT: ["v=DKIM1; p="] });
    const results = await check.check(questionAbout(signed, { reversePath: `x@${d}` }));
    assert.deepEqual(results.dkim, []);
    assert.equal(results.spf.domain, null);
    assert.equal(results.fromPasses, false);
  });
});

describe("SPF (RFC 7208)", () => {
  const spfOf = async (record: string, change: Parameters<typeof questionAbout>[1] = {}) => {
    world.dns.set("someisp.test", { TXT: ["other text", record] });
    const { spf } = await (await world.check()).check(questionAbout(LETTER, change));
    return spf.result;
  };

  test("every mechanism asks our own resolver", async () => {
    world.publish("hosts.test", {
      "hosts.test": { A: ["192.0.2.1"], MX: [[10, "mx.hosts.test"]] },
      "mx.hosts.test": { A: ["192.0.2.1"], AAAA: ["2001:db8::1"] },
      "192.0.2.1.allowed.test": { A: ["127.0.0.2"] },
      "1.2.0.192.in-addr.arpa": { PTR: ["out.hosts.test"] },
      "out.hosts.test": { A: ["192.0.2.1"] },
      "include.test": { TXT: ["v=spf1 ip4:192.0.2.0/24 -all"] },
    });
    for (const [record, result, address] of [
      ["v=spf1 a:hosts.test -all", "pass"],
      ["v=spf1 mx:hosts.test -all", "pass"],
      ["v=spf1 mx:hosts.test -all", "pass", "2001:db8::1"],
      ["v=spf1 exists:%{i}.allowed.test -all", "pass"],
      ["v=spf1 ptr:hosts.test -all", "pass"],
      ["v=spf1 include:include.test -all", "pass"],
      ["v=spf1 redirect=include.test", "pass"],
      ["v=spf1 ip4:198.51.100.0/24 -all", "fail"],
      ["v=spf1 ip4:198.51.100.0/24 ~all", "softfail"],
      ["v=spf1 ?all", "neutral"],
      ["v=spf1 include:gone.test -all", "permerror"],
      ["v=spf1 nonsense -all", "permerror"],
      ["v=spf2 -all", "none"],
    ] as const) {
      assert.equal(await spfOf(record, address === undefined ? {} : { address }), result, record);
    }
  });

  test("the null sender is judged by EHLO; what cannot be a domain has no record", async () => {
    world.publish("out.someisp.test");
    const results = await check.check(questionAbout(LETTER, { reversePath: "" }));
    assert.deepEqual(results.spf, { result: "pass", domain: "out.someisp.test" });
    assert.match(fieldOf(results), /spf=pass smtp\.helo=out\.someisp\.test;/);
    // The From domain is its parent: relaxed alignment (RFC 9989 §3.2.10.1).
    assert.equal(results.dmarc.result, "pass");
    for (const helo of [
      "",
      "[192.0.2.1]",
      "[IPv6:2001:db8::1]",
      "a b",
      "x".repeat(255),
      "ü.test",
      "\u0001",
    ]) {
      const { spf } = await check.check(questionAbout(LETTER, { reversePath: "", helo }));
      assert.equal(spf.result, "none", helo);
    }
    for (const reversePath of [
      "x",
      "x@[192.0.2.1]",
      '"a@b"@gone.test',
      `${"x".repeat(300)}@${"y".repeat(300)}.test`,
    ])
      assert.equal(
        (await check.check(questionAbout(LETTER, { reversePath }))).spf.result,
        "none",
        reversePath,
      );
  });

  test("one address family that cannot be asked for is no failure to match", async () => {
    world.dns.set("host.test", { AAAA: ["2001:db8::7"] });
    world.dns.fail("host.test", "SERVFAIL");
    assert.equal(await spfOf("v=spf1 a:host.test -all"), "temperror");
  });

  test("a record that asks for much is stopped: ten lookups, and so many questions for one message", async () => {
    const names = Array.from({ length: 20 }, (_, index) => `many${index}.test`);
    for (const name of names) {
      world.dns.set(name, {
        MX: Array.from({ length: 40 }, (_, index) => [index, `h${index}.${name}`] as const),
      });
    }
    world.questions = 0;
    assert.match(
      await spfOf(`v=spf1 ${names.map((name) => `mx:${name}`).join(" ")} -all`),
      /permerror|temperror/,
    );
    assert.ok(world.questions <= 100, `${world.questions}`);
    const chain = Array.from({ length: 30 }, (_, index) => `chain${index}.test`);
    chain.forEach((name, index) => {
      world.dns.set(name, { TXT: [`v=spf1 include:chain${index + 1}.test -all`] });
    });
    assert.equal(await spfOf("v=spf1 include:chain0.test -all"), "permerror");
    world.dns.set("loop.test", { TXT: ["v=spf1 include:loop.test include:loop.test -all"] });
    assert.equal(await spfOf("v=spf1 include:loop.test include:loop.test -all"), "permerror");
  });
});

describe("DMARC (RFC 9989)", () => {
  test("policy, alignment, subdomains and test mode", async () => {
    world.publish("other.test");
    const dmarcOf = async (record: string | null, from: string, change = {}) => {
      if (record === null) world.dns.delete("_dmarc.someisp.test");
      else world.dns.set("_dmarc.someisp.test", { TXT: [record] });
      const message = LETTER.replace("allice@someisp.test", from);
      const { dmarc } = await (await world.check()).check(questionAbout(message, change));
      return [dmarc.result, dmarc.domain, dmarc.policy];
    };
    const bySpf = "allice@someisp.test";
    assert.deepEqual(await dmarcOf("v=DMARC1; p=quarantine", bySpf), ["pass", "someisp.test", "quarantine"]);
    const other = { reversePath: "x@other.test" };
    assert.deepEqual(await dmarcOf("v=DMARC1; p=reject", bySpf, other), ["fail", "someisp.test", "reject"]);
    assert.deepEqual(await dmarcOf("v=DMARC1; p=reject; t=y", bySpf, other), [
      "fail",
      "someisp.test",
      "quarantine",
    ]);
    assert.deepEqual(await dmarcOf(null, bySpf), ["none", "someisp.test", null]);
    const below = "a@sub.someisp.test";
    assert.deepEqual(await dmarcOf("v=DMARC1; p=reject; sp=none", below), [
      "pass",
      "sub.someisp.test",
      "none",
    ]);
    assert.deepEqual((await dmarcOf("v=DMARC1; p=reject; aspf=s", below))[0], "fail");
    assert.deepEqual(await dmarcOf("v=DMARC1; p=reject", "x@unrelated.test"), [
      "none",
      "unrelated.test",
      null,
    ]);
  });

  test("From that does not name exactly one domain proves nothing", async () => {
    for (const from of [
      "From: a@someisp.test, b@other.test",
      "From: a@someisp.test\r\nFrom: b@other.test",
      "From: a@someisp.test\r\nFrom: a@someisp.test",
      "From: undisclosed:;",
      "From: a@b@someisp.test",
      "From: a@[192.0.2.1]",
      'From: "allice@someisp.test',
      "X: y",
    ]) {
      const results = await check.check(questionAbout(LETTER.replace(/^From.*/, from)));
      assert.deepEqual([results.dmarc.result, results.fromPasses], ["permerror", false], from);
    }
    const group = LETTER.replace(/^From.*/, "From: Us: a@someisp.test, (x) b@SomeISP.test;");
    assert.equal((await check.check(questionAbout(group))).dmarc.result, "pass");
  });

  test("CCH-7 a From domain passes by itself where it has no DMARC record", async () => {
    world.dns.delete("_dmarc.someisp.test");
    const bySpf = await check.check(questionAbout(LETTER));
    assert.deepEqual([bySpf.dmarc.result, bySpf.fromPasses], ["none", true]);
    const byNothing = await check.check(questionAbout(LETTER, { reversePath: "x@other.test" }));
    assert.equal(byNothing.fromPasses, false);
  });

  test("what the DNS cannot tell now is temporary, also for whoever depends on it", async () => {
    world.dns.fail("_dmarc.someisp.test", "SERVFAIL");
    assert.deepEqual(words(await check.check(questionAbout(LETTER))).dmarc, "temperror");
    world.dns.fail("_dmarc.someisp.test", null);
    world.dns.fail("rsa._domainkey.someisp.test", "SERVFAIL");
    const question = questionAbout(dkimSigned(LETTER), { reversePath: "x@gone.test" });
    const results = await (await world.check()).check(question);
    assert.deepEqual(words(results), { spf: "none", dkim: ["temperror"], dmarc: "temperror", arc: "none" });
  });
});

describe("ARC (RFC 8617), chains by mailauth", () => {
  const FIRST = "mx.list.test; vsmtp=pass header.i=allice@someisp.test; dmarc=pass header.from=someisp.test";

  test("a whole chain names its sealers, the newest first, and what the first of them saw", async () => {
    for (const domain of ["list.test", "second.test", "third.test"]) world.publish(domain);
    let message = await sealed(dkimSigned(LETTER), "list.test", FIRST);
    const one = await check.check(questionAbout(message));
    assert.deepEqual(one.arc, {
      result: "pass",
      sealers: ["list.test"],
      recordedPass: { vsmtp: true, dmarc: true },
    });
    assert.match(fieldOf(one), /; arc=pass smtp\.remote-ip=192\.0\.2\.1\r\n$/);
    // The list changes the letter and seals what it made of it.
    message = Buffer.from(message.toString("latin1").replace(/^Subject: /m, "Subject: [list] "), "latin1");
    assert.equal((await check.check(questionAbout(message))).arc.result, "fail");
    message = await sealed(message, "second.test", "mx.second.test; arc=fail; dmarc=fail", "pass");
    message = await sealed(message, "third.test", "mx.third.test; arc=pass", "pass");
    const three = await check.check(questionAbout(message));
    assert.deepEqual(three.arc.sealers, ["third.test", "second.test", "list.test"]);
    assert.deepEqual(three.arc.recordedPass, { vsmtp: true, dmarc: true });
    assert.deepEqual(words(three).dkim, ["fail"]);
  });

  test("only a pass that stands there for certain counts", async () => {
    world.publish("list.test");
    for (const [results, vsmtp, dmarc] of [
      ["mx.list.test; vsmtp=fail reason=body; dmarc=pass", false, true],
      ["mx.list.test; vsmtp=pass; vsmtp=fail", false, false],
      ["mx.list.test; none", false, false],
      ['mx.list.test; spf=fail smtp.mailfrom="x; vsmtp=pass"', false, false],
      ["mx.list.test; spf=fail (; vsmtp=pass ;) smtp.helo=x", false, false],
      ["mx.list.test; vsmtp=pass; dmarc=", false, false],
      ["mx.list.test (x) 1; VSMTP/1=Pass (yes); dmarc = pass", true, true],
    ] as const) {
      const message = await sealed(Buffer.from(LETTER), "list.test", results);
      const { arc } = await check.check(questionAbout(message));
      assert.deepEqual(arc.recordedPass, { vsmtp, dmarc }, results);
    }
  });

  test("a chain says nothing about a From that stands above the sealed one (RFC 6376 §8.15)", async () => {
    world.publish("list.test");
    const message = await sealed(Buffer.from(LETTER), "list.test", FIRST);
    const above = Buffer.concat([Buffer.from("From: ceo@bank.test\r\n"), message]);
    const { arc, recorded } = await check.check(questionAbout(above));
    assert.deepEqual([arc.result, arc.sealers, arc.recordedPass.dmarc], ["fail", [], false]);
    assert.equal(recorded.at(-1)?.reason, "there is more than one From field");
  });

  test("a chain that is changed, cut or gone on with after it failed is none to trust", async () => {
    world.publish("list.test");
    const whole = (await sealed(dkimSigned(LETTER), "list.test", FIRST)).toString("latin1");
    const broken = { result: "fail", sealers: [], recordedPass: { vsmtp: false, dmarc: false } };
    for (const message of [
      whole.replace("vsmtp=pass", "vsmtp=fail"),
      whole.replace("Noon", "Mooo"),
      whole.replace(/^ARC-Seal/m, "X-Seal"),
      whole.replace(/^ARC-Message-Signature/m, "X-Signature"),
      whole.replace("cv=none", "cv=pass"),
      whole.replace(/^(?=From)/m, "ARC-Seal: i=2; a=rsa-sha256; cv=pass; d=list.test; s=rsa; b=AAAA\r\n"),
      whole.replace(/i=1/g, "i=2"),
    ]) {
      assert.notEqual(message, whole);
      const { arc, recorded } = await check.check(questionAbout(Buffer.from(message, "latin1")));
      assert.deepEqual(arc, broken);
      assert.equal(recorded.at(-1)?.result, "fail");
    }
    world.dns.fail("rsa._domainkey.list.test", "SERVFAIL");
    const later = await (await world.check()).check(questionAbout(Buffer.from(whole, "latin1")));
    assert.deepEqual(later.arc, { ...broken, result: "temperror" });
    world.dns.fail("rsa._domainkey.list.test", null);
    world.dns.delete("rsa._domainkey.list.test");
    const gone = await (await world.check()).check(questionAbout(Buffer.from(whole, "latin1")));
    assert.deepEqual(gone.arc, broken);
  });
});
