import assert from "node:assert/strict";
import { createPrivateKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { describe, test } from "node:test";
import fc from "fast-check";
import { type Address, parseAddress } from "../message/index.ts";
import { type KeyQuery, keyId } from "../signature/index.ts";
import {
  formatStatement,
  judgeStatement,
  type KeyStatement,
  parseStatement,
  type StatementQuery,
  signStatement,
  statementKeySource,
  usablePublicKey,
} from "./index.ts";

// SPEC Appendix A: the account key is RFC 8032 test 1, the statement key test 2.
const dkPrivate = ed25519("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
const dk = Buffer.from("MCowBQYDK2VwAyEAPUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=", "base64");
const spki = Buffer.from("MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", "base64");
const kid = "FIH_rUKoiX6PoyILK0Uagg";
const unsigned =
  "v=1; i=allice@someisp.tld; k=FIH_rUKoiX6PoyILK0Uagg; a=ed25519-sha256; st=active; nb=1072915200; na=1104537600; iat=1073304000; ttl=600; p=MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
const signed = `${unsigned}; s=hu7cekOwsqUk6OkPJVakhxbcMlFfU/hU2MNwM4YLW55X/Ij/EcO3o9NZy/h6zfaRt1uuxA1vAmwKvQvXvyU9DQ==`;
const issued = 1073304000;
const query: StatementQuery = {
  identity: address("allice@someisp.tld"),
  kid,
  algorithm: "ed25519-sha256",
  signedAt: issued,
  now: issued,
};

function ed25519(seedHex: string): KeyObject {
  const der = Buffer.from(`302e020100300506032b657004220420${seedHex}`, "hex");
  return createPrivateKey({ key: der, format: "der", type: "pkcs8" });
}

function address(text: string): Address {
  const parsed = parseAddress(text);
  assert.ok(parsed.ok);
  return parsed.address;
}

/** The unsigned statement with some tags replaced, or left out where null. */
function altered(changes: Record<string, string | null>): string {
  const tags = unsigned.split("; ").map((tag) => tag.split(/=(.*)/s).slice(0, 2) as [string, string]);
  const names = new Set(tags.map(([name]) => name));
  for (const [name, value] of Object.entries(changes)) if (!names.has(name)) tags.push([name, value ?? ""]);
  return tags
    .map(([name, value]) => [name, name in changes ? changes[name] : value])
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name}=${value}`)
    .join("; ");
}

function outcome(line: string, over: Partial<StatementQuery> = {}): string {
  const judgement = judgeStatement(parseStatement(line), { ...query, ...over });
  return judgement.kind === "fail" ? judgement.reason : judgement.kind;
}

describe("key statements", () => {
  test("Appendix A comes out bit for bit, signed and unsigned (STA-1, STA-3)", () => {
    const parsed = parseStatement(signed);
    assert.ok(parsed.ok);
    assert.equal(formatStatement(parsed.statement), unsigned);
    assert.equal(signStatement(unsigned, dkPrivate), signed);
    assert.equal(parsed.statement.signedText, unsigned);
    assert.equal(outcome(signed, { statementKeys: [dk] }), "usable");
  });

  test("the revoked statement of the transcript in SPEC §5.7 comes out without p (STA-2)", () => {
    const text =
      "v=1; i=allice@someisp.tld; k=s2N3yWcQ0dTzS9mJb4kXHA; a=ed25519-sha256; st=revoked; nb=1041379200; na=1072915200; iat=1073304000; ttl=600";
    const parsed = parseStatement(text);
    assert.ok(parsed.ok);
    assert.equal(formatStatement({ ...parsed.statement, spki }), text);
    assert.equal(outcome(text, { kid: "s2N3yWcQ0dTzS9mJb4kXHA" }), "revoked");
  });

  const judged: [string, string, Partial<StatementQuery>, string][] = [
    ["a usable statement", unsigned, {}, "usable"],
    ["order free, spaces optional, unknown tags (STA-1, STA-4)", reordered(), {}, "usable"],
    ["retired still verifies (STA-9)", altered({ st: "retired" }), {}, "usable"],
    ["asked for without a kid (KEY-28)", unsigned, { kid: null, algorithm: null, signedAt: null }, "usable"],
    ["revoked (STA-14)", altered({ st: "revoked", p: null }), {}, "revoked"],
    ["suspended (STA-14)", altered({ st: "suspended", p: null }), {}, "suspended"],
    ["revoked outranks a wrong identity", altered({ st: "revoked", i: "bob@someisp.tld" }), {}, "revoked"],
    ["revoked outranks staleness", altered({ st: "revoked", iat: "1" }), {}, "revoked"],
    ["another identity (STA-6)", altered({ i: "bob@someisp.tld" }), {}, "bad-key"],
    ["the identity in other encoding (STA-6)", altered({ i: "%61llice@someisp.tld" }), {}, "bad-key"],
    ["another kid (STA-6)", unsigned, { kid: "AAAAAAAAAAAAAAAAAAAAAA" }, "bad-key"],
    [
      "kid does not recompute (STA-7)",
      altered({ k: "AAAAAAAAAAAAAAAAAAAAAA" }),
      { kid: "AAAAAAAAAAAAAAAAAAAAAA" },
      "bad-key",
    ],
    ["another algorithm than the signature's (STA-8)", unsigned, { algorithm: "rsa-sha256" }, "bad-key"],
    ["a does not fit the key (STA-8)", altered({ a: "rsa-sha256" }), { algorithm: "rsa-sha256" }, "bad-key"],
    ["unknown algorithm (STA-8)", altered({ a: "rot13" }), { algorithm: null }, "bad-key"],
    ["no public key (STA-15)", altered({ p: null }), {}, "bad-key"],
    ["empty public key", altered({ p: "" }), {}, "bad-key"],
    ["p is not strict base64 (SIG-22)", altered({ p: "MCowBQYDK2VwAyEA11qYAYKxCrfVS" }), {}, "bad-key"],
    ["unknown state", altered({ st: "Active" }), {}, "bad-key"],
    ["no state", altered({ st: null }), {}, "bad-key"],
    ["another version", altered({ v: "2" }), {}, "bad-key"],
    ["no version", altered({ v: null }), {}, "bad-key"],
    ["no ttl", altered({ ttl: null }), {}, "bad-key"],
    ["leading zero (SIG-21)", altered({ nb: "01072915200" }), {}, "bad-key"],
    ["duplicate tag (STA-17)", `${unsigned}; st=active`, {}, "bad-key"],
    ["s not last", `${altered({ s: "AAAA" })}; z=1`, {}, "bad-key"],
    ["32 grants (STA-17)", altered({ og: Array(32).fill("*").join(":") }), {}, "usable"],
    ["33 grants (STA-17)", altered({ og: Array(33).fill("*").join(":") }), {}, "bad-key"],
    ["no grants", altered({ og: "" }), {}, "usable"],
    ["signed 300 s before nb (STA-10)", unsigned, { signedAt: 1072914900 }, "usable"],
    ["signed 301 s before nb (STA-10)", unsigned, { signedAt: 1072914899 }, "bad-key"],
    ["signed after na (STA-10)", altered({ na: "1073303999" }), {}, "bad-key"],
    ["now after na (STA-10)", altered({ na: "1073304000" }), { now: issued + 1 }, "bad-key"],
    ["now at na (STA-10)", altered({ na: "1073304000" }), {}, "usable"],
    ["issued 300 s ahead (STA-11)", unsigned, { now: issued - 300 }, "usable"],
    ["issued 301 s ahead (STA-16)", unsigned, { now: issued - 301 }, "target-failed"],
    ["at iat+ttl+300 (STA-11)", unsigned, { now: issued + 900 }, "usable"],
    ["past iat+ttl+300 (STA-16)", unsigned, { now: issued + 901 }, "target-failed"],
    ["ttl 1 is clamped to 60 (STA-18)", altered({ ttl: "1" }), { now: issued + 360 }, "usable"],
    ["ttl 1 is clamped to 60 (STA-18)", altered({ ttl: "1" }), { now: issued + 361 }, "target-failed"],
    [
      "ttl 999999 is clamped to 86400 (STA-18)",
      altered({ ttl: "999999" }),
      { now: issued + 86701 },
      "target-failed",
    ],
    ["se only where allowed (STA-11)", altered({ se: "100" }), { now: issued + 1000 }, "target-failed"],
    [
      "se where allowed (STA-11)",
      altered({ se: "100" }),
      { now: issued + 1000, allowStaleSeconds: 86400 },
      "usable",
    ],
    ["at the epoch (STA-12)", unsigned, { epoch: issued }, "usable"],
    ["before the epoch (STA-16)", unsigned, { epoch: issued + 1 }, "target-failed"],
    ["bad-key outranks staleness (STA-15)", altered({ iat: "1", na: "2" }), {}, "bad-key"],
    ["unsigned though dk is published (STA-13)", unsigned, { statementKeys: [dk] }, "bad-key"],
    ["signed by another key (STA-13)", signed, { statementKeys: [spki] }, "bad-key"],
    ["signed by one of two keys (POL-8)", signed, { statementKeys: [spki, dk] }, "usable"],
    [
      "a forged revocation (STA-14)",
      signed.replace("st=active", "st=revoked"),
      { statementKeys: [dk] },
      "bad-key",
    ],
    ["s is ignored without dk", `${unsigned}; s=AAAA`, {}, "usable"],
    ["s of wrong length", `${unsigned}; s=AAAA`, { statementKeys: [dk] }, "bad-key"],
  ];
  for (const [name, line, over, expected] of judged) {
    test(`${name}: ${expected}`, () => assert.equal(outcome(line, over), expected));
  }

  function reordered(): string {
    return `${unsigned.split("; ").reverse().join(" ;  ")};x9=any thing`;
  }

  test("s signs the octets before its semicolon, spaces included (STA-4)", () => {
    const spaced = `${signStatement(`${unsigned} `, dkPrivate).replace(" ; s=", " ;s=")}`;
    assert.equal(outcome(spaced, { statementKeys: [dk] }), "usable");
    assert.equal(outcome(spaced.replace(" ;s=", ";s="), { statementKeys: [dk] }), "bad-key");
  });

  test("lines that are not tags say where", () => {
    const columns: [string, number][] = [
      ["hello", 1],
      ["v=1; nonsense", 6],
      ["v=1;", 5],
      ["v=1; i=a\u00e9", 6],
      ["v=1; I=a", 6],
      ["", 1],
    ];
    for (const [line, column] of columns) {
      const parsed = parseStatement(line);
      assert.ok(!parsed.ok && parsed.malformed, line);
      assert.equal(parsed.column, column, line);
    }
    const broken = parseStatement(altered({ st: "x" }));
    assert.ok(!broken.ok && !broken.malformed);
    assert.deepEqual(
      [broken.column, broken.identity, broken.kid],
      [altered({}).indexOf("st=") + 1, "allice@someisp.tld", kid],
    );
  });

  test("what is formatted parses to the same, and no line makes the parser or the judge throw", () => {
    const seconds = fc.nat(2 ** 31);
    const statements: fc.Arbitrary<KeyStatement> = fc.record({
      identity: fc.constantFrom("allice@someisp.tld", "a%2Fb@x.tld"),
      kid: fc.constant(kid),
      algorithm: fc.constantFrom("ed25519-sha256", "rsa-sha256", "new"),
      state: fc.constantFrom("active", "retired"),
      notBefore: seconds,
      notAfter: seconds,
      issuedAt: seconds,
      ttlSeconds: fc.integer({ min: 60, max: 86400 }),
      staleSeconds: fc.nat(86400),
      grants: fc.array(fc.constantFrom("*", kid), { maxLength: 32 }),
      spki: fc.constant(spki),
    });
    fc.assert(
      fc.property(statements, (statement) => {
        const line = formatStatement(statement);
        const parsed = parseStatement(signStatement(line, dkPrivate));
        assert.ok(parsed.ok);
        const { signature, signedText, text, ...rest } = parsed.statement;
        assert.deepEqual(rest, { ...statement });
        assert.equal(signedText, line);
        assert.equal(text, signStatement(line, dkPrivate));
        assert.equal(signature?.length, 64);
      }),
    );
    const pieces = fc.constantFrom(
      "v=1",
      ";",
      " ",
      "st=active",
      "s=",
      "p=",
      "=",
      "og=*:*",
      "ttl=1",
      "\0",
      "\u00ff",
      "iat=0",
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: "binary" }),
          fc.array(pieces).map((list) => list.join("")),
        ),
        (line) => {
          judgeStatement(parseStatement(line), { ...query, statementKeys: [dk] });
        },
      ),
    );
  });
});

describe("public keys", () => {
  const rsa = (bits: number, exponent = 65537) =>
    generateKeyPairSync("rsa", { modulusLength: bits, publicExponent: exponent }).publicKey.export({
      format: "der",
      type: "spki",
    });
  const point = (hex: string) => Buffer.concat([spki.subarray(0, 12), Buffer.from(hex, "hex")]);

  test("the kind, size and exponent fit the algorithm (SIG-34, STA-8)", () => {
    assert.ok(usablePublicKey(spki, "ed25519-sha256"));
    assert.ok(usablePublicKey(rsa(2048), "rsa-sha256"));
    assert.equal(usablePublicKey(rsa(1024), "rsa-sha256"), null);
    assert.equal(usablePublicKey(rsa(2048, 3), "rsa-sha256"), null);
    assert.equal(usablePublicKey(spki, "rsa-sha256"), null);
    assert.equal(usablePublicKey(rsa(2048), "ed25519-sha256"), null);
    assert.equal(usablePublicKey(Buffer.concat([spki, Buffer.alloc(1)]), "ed25519-sha256"), null);
  });

  test("no Ed25519 key of small order or in non-canonical form (LIF-5)", () => {
    const refused = [
      `00${"00".repeat(31)}`,
      `01${"00".repeat(31)}`,
      `01${"00".repeat(30)}80`,
      `ec${"ff".repeat(30)}7f`,
      `ec${"ff".repeat(30)}ff`,
      `ed${"ff".repeat(30)}7f`, // p, which is 0
      `ee${"ff".repeat(30)}7f`, // p+1, which is 1
      `f0${"ff".repeat(30)}7f`, // p+3
      "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
      "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
      "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
      "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    ];
    for (const hex of refused) assert.equal(usablePublicKey(point(hex), "ed25519-sha256"), null, hex);
    const small = point(refused[0] as string);
    const line = altered({ k: keyId(small), p: small.toString("base64") });
    assert.equal(outcome(line, { kid: keyId(small) }), "bad-key");
  });
});

describe("statementKeySource", () => {
  const keyQuery: KeyQuery = { ...query, kid, algorithm: "ed25519-sha256", signedAt: issued };
  const ask = async (lines: string[], over: Partial<KeyQuery> = {}, options = {}) => {
    const answer = await statementKeySource(lines, options).lookUp({ ...keyQuery, ...over });
    return answer.kind === "fail" ? answer.reason : answer.kind;
  };

  test("answers for the asked identity and key, bad-key for another's, else no-key", async () => {
    const lines = [altered({ i: "bob@someisp.tld" }), "", `${unsigned}\r`];
    assert.equal(await ask(lines), "key");
    assert.equal(await ask(lines.slice(0, 2)), "bad-key");
    assert.equal(await ask(lines, { kid: "AAAAAAAAAAAAAAAAAAAAAA" }), "no-key");
    assert.equal(await ask([]), "no-key");
    assert.equal(await ask([altered({ st: "nonsense" })]), "bad-key");
    const answer = await statementKeySource([altered({ og: "*" })]).lookUp(keyQuery);
    assert.deepEqual(answer, { kind: "key", spki, grants: ["*"], trust: null });
  });

  test("a stale statement gives way to the next, a refusal does not (STA-16)", async () => {
    const stale = altered({ iat: "1072915200" });
    assert.equal(await ask([stale]), "temperror");
    assert.equal(await ask([stale, unsigned]), "key");
    assert.equal(await ask([altered({ st: "revoked" }), unsigned]), "revoked");
  });

  test("with statement keys and an epoch (STA-12, STA-13)", async () => {
    assert.equal(await ask([unsigned], {}, { statementKeys: [dk] }), "bad-key");
    assert.equal(await ask([signed], {}, { statementKeys: [dk] }), "key");
    assert.equal(await ask([unsigned], {}, { epoch: issued + 1 }), "temperror");
  });

  test("a line that is no statement is refused with its place", () => {
    assert.throws(() => statementKeySource([unsigned, "", "v=1; -----"]), {
      name: "StatementLineError",
      line: 3,
      column: 6,
      message: /^line 3, column 6: " -----" is not name=value; /,
    });
  });
});
