import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash, generateKeyPairSync } from "node:crypto";
import { describe, it } from "node:test";
import fc from "fast-check";
import { type Address, parseHeader } from "../message/index.ts";
import { BodyHasher } from "./body-hasher.ts";
import {
  CORE_FIELDS,
  explain,
  keyId,
  MessageSigner,
  MessageVerifier,
  type SignOptions,
  sign,
  verify,
} from "./index.ts";
import { parseSignatureField } from "./signature-field.ts";
import { ALLICE, address, arbitraryMessage, BOSS, FORWARDER, KnownKeys } from "./test-messages.ts";

const SIGNED_AT = 1_073_304_000;
const NOW = SIGNED_AT + 60;
const BOB = address("bob@dest.tld");
const crlf = (...lines: string[]): Buffer => Buffer.from(lines.join("\r\n"), "utf8");
const LUNCH = crlf(
  "From: Allice <allice@someisp.tld>",
  "To: Bob <bob@dest.tld>",
  "Subject: Lunch?",
  "Date: Mon, 05 Jan 2004 12:00:00 +0000",
  "Message-ID: <1@someisp.tld>",
  "",
  "Hi Bob,",
  "",
  "Noon  at the usual place? ",
  "",
  "",
  "",
);

function signed(message: Uint8Array, options: Partial<SignOptions> = {}): Buffer {
  const result = sign(message, {
    keys: [ALLICE],
    identity: address("allice@someisp.tld"),
    signedAt: SIGNED_AT,
    ...options,
  });
  assert.ok(result.ok, result.ok ? "" : result.detail);
  return result.message;
}

async function outcome(
  message: Uint8Array,
  recipients?: (Address | null)[],
  keys = new KnownKeys(ALLICE, BOSS, FORWARDER),
): Promise<string> {
  const verdict = await verify(message, { now: NOW, recipients, keys });
  return [verdict.result, verdict.reason].filter(Boolean).join(" ");
}

describe("worked example (Appendix A)", () => {
  const salt = Uint8Array.from({ length: 16 }, (_, index) => index);
  const options = { expiresAt: 1_073_908_800, recipients: [BOB], salt };

  it("comes out bit for bit", () => {
    const text = signed(LUNCH, options).toString();
    assert.equal(
      text.slice(0, text.indexOf("From:")),
      [
        "VSMTP-Signature: v=1; a=ed25519-sha256; i=allice@someisp.tld;",
        " k=FIH_rUKoiX6PoyILK0Uagg; t=1073304000; x=1073908800;",
        " h=from:sender:reply-to:to:cc:subject:date:message-id:in-reply-to:",
        "  references:mime-version:content-type:content-transfer-encoding:",
        "  content-disposition;",
        " bh=MLlAUhq1WOxmJGGvkhuUJnJ2NxyYgZEPnIr+FgZqYMg=;",
        " r=AAECAwQFBgcICQoLDA0ODw:f3fRZEltlUV0T1rybP9aiQ;",
        " b=mwlUDwIhUXKdXOOsop9feISLy1fRQFA5EyuLW9FkdszbgQsvz8tGwcV7S5aFFyi64kkteJzGZ3aMJqrh7wexAQ==",
        "",
      ].join("\r\n"),
    );
    const signer = new MessageSigner();
    signer.write(LUNCH);
    const prepared = signer.finish();
    assert.ok(prepared.ok);
    const draft = prepared.draft({
      ...options,
      signedAt: SIGNED_AT,
      identity: address("allice@someisp.tld"),
      kid: ALLICE.kid,
      algorithm: "ed25519-sha256",
    });
    assert.equal(
      createHash("sha256").update(draft.headerCanonical).digest("hex"),
      "97ba376d003c5d3af10d205410486abbec36eafdbb6682d3fb573dd648a8d745",
    );
  });

  it("verifies, with everything a verdict says", async () => {
    const verdict = await verify(signed(LUNCH, options), {
      now: NOW,
      recipients: [BOB],
      keys: new KnownKeys(ALLICE),
    });
    assert.deepEqual(verdict, {
      result: "pass",
      reason: null,
      identity: "allice@someisp.tld",
      kid: "FIH_rUKoiX6PoyILK0Uagg",
      align: "from",
      rcpt: "match",
      trust: "host",
      detail: "signed by allice@someisp.tld",
      forwarder: null,
      automatic: false,
    });
  });
});

/** MSG-11's body rules, written as plainly as they read. */
function referenceBodyHash(body: Buffer): string {
  const lines = body
    .toString("latin1")
    .split("\r\n")
    .map((line) => line.replace(/[ \t]+/g, " ").replace(/ $/, ""));
  while (lines.at(-1) === "") lines.pop();
  const canonical = lines.map((line) => `${line}\r\n`).join("");
  return createHash("sha256").update(canonical, "latin1").digest("hex");
}

function bodyHash(chunks: Uint8Array[]): string {
  const hasher = new BodyHasher();
  for (const chunk of chunks) hasher.write(chunk);
  return hasher.fault
    ? `${hasher.fault.kind}@${hasher.fault.offset}`
    : Buffer.from(hasher.finish(), "base64").toString("hex");
}

function cut(octets: Buffer, sizes: number[]): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0, index = 0; at < octets.length; index++) {
    const size = sizes.length > 0 ? (sizes[index % sizes.length] ?? 1) : octets.length;
    chunks.push(octets.subarray(at, at + size));
    at += size;
  }
  return chunks;
}

describe("body canonicalization (MSG-11)", () => {
  const piece = fc.constantFrom(
    "a",
    "bb",
    " ",
    "  ",
    "\t",
    "\r\n",
    "\r\n\r\n",
    " \r\n",
    "x".repeat(15),
    "y".repeat(33),
    "\x01",
    "é",
  );
  const body = fc.array(piece, { maxLength: 60 }).map((parts) => Buffer.from(parts.join(""), "latin1"));

  it("agrees with a plain reading of the rules, in any chunks", () => {
    fc.assert(
      fc.property(body, fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 5 }), (octets, sizes) => {
        const expected = referenceBodyHash(octets);
        assert.equal(bodyHash([octets]), expected);
        assert.equal(bodyHash(cut(octets, sizes)), expected);
        assert.equal(bodyHash(cut(octets, [1])), expected);
      }),
      { numRuns: 1500 },
    );
  });

  it("drops empty lines at the end across slices, keeps those inside", () => {
    const many = Buffer.concat([
      Buffer.from("a\r\n"),
      Buffer.alloc(300_000, "\r\n"),
      Buffer.from("b\r\n"),
      Buffer.alloc(200_000, "\r\n"),
    ]);
    assert.equal(bodyHash([many]), referenceBodyHash(many));
  });

  const faults: [string, string][] = [
    ["ab\0c", "nul@2"],
    ["ab\ncd", "bare-lf@2"],
    ["\n", "bare-lf@0"],
    ["ab\rcd", "bare-cr@2"],
    ["ab\r\r\n", "bare-cr@2"],
    ["ab\r\n\r", "finish: bare-cr@4"],
    [`${"x".repeat(999)}\r\n`, "long-line@998"],
    [`a\r\n${"x".repeat(999)}`, "long-line@1001"],
    [`a\r\n${" x".repeat(600)}`, "long-line@1001"],
  ];
  for (const [text, expected] of faults) {
    it(`finds the fault in ${JSON.stringify(text.slice(0, 24))}, in any chunks`, () => {
      for (const sizes of [[], [1], [2], [3, 1], [16], [17], [998], [999]]) {
        const hasher = new BodyHasher();
        for (const chunk of cut(Buffer.from(text), sizes)) hasher.write(chunk);
        const before = hasher.fault;
        hasher.finish();
        const found = `${before ? "" : "finish: "}${hasher.fault?.kind}@${hasher.fault?.offset}`;
        assert.equal(found, expected, `chunks of ${sizes}`);
      }
    });
  }

  it("takes 998 octets a line, also across slices of 64 KiB", () => {
    const line = `${"x".repeat(998)}\r\n`;
    assert.equal(bodyHash([Buffer.from(line.repeat(200))]), referenceBodyHash(Buffer.from(line.repeat(200))));
  });
});

describe("signing and verifying, as properties", () => {
  const recipients = fc.uniqueArray(fc.constantFrom("bob@dest.tld", "eve@x.tld", "a%20b@y.tld"), {
    minLength: 1,
  });

  it("what was signed passes, in any chunks", async () => {
    await fc.assert(
      fc.asyncProperty(
        arbitraryMessage,
        recipients,
        fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 4 }),
        async (message, to, sizes) => {
          const whole = signed(message, { recipients: to.map(address) });
          assert.equal(await outcome(whole, to.map(address)), "pass");
          const one = new MessageVerifier();
          one.write(whole);
          const expected = one.finish();
          for (const some of [sizes, [1]]) {
            const verifier = new MessageVerifier();
            for (const chunk of cut(whole, some)) verifier.write(chunk);
            assert.deepEqual(verifier.finish(), expected);
          }
        },
      ),
      { numRuns: 150 },
    );
  });

  it("every changed, added or removed octet that survives canonicalization is caught", async () => {
    await fc.assert(
      fc.asyncProperty(
        arbitraryMessage,
        fc.nat(),
        fc.constantFrom("change", "add", "remove"),
        async (message, at, how) => {
          const whole = signed(message);
          const start = whole.indexOf("\r\nFrom:") + 2;
          const place = start + (at % (whole.length - start));
          const altered = Buffer.concat([
            whole.subarray(0, place),
            how === "remove" ? Buffer.alloc(0) : Buffer.from("Q"),
            whole.subarray(how === "add" ? place : place + 1),
          ]);
          if (canonicalOf(altered) === canonicalOf(whole)) assert.equal(await outcome(altered), "pass");
          else assert.notEqual(await outcome(altered), "pass");
        },
      ),
      { numRuns: 300 },
    );
  });

  it("adding any covered field, present or absent, is caught (SIG-44)", async () => {
    for (const name of [
      "Sender",
      "Cc",
      "Subject",
      "Reply-To",
      "Content-Type",
      "MIME-Version",
      "References",
    ]) {
      const altered = Buffer.concat([Buffer.from(`${name}: eve@x.tld\r\n`), signed(LUNCH)]);
      assert.notEqual(await outcome(altered), "pass", name);
    }
  });

  it("refolding (SIG-25), white space at line ends, trace fields, other order and case of names still pass", async () => {
    await fc.assert(
      fc.asyncProperty(arbitraryMessage, fc.infiniteStream(fc.nat(5)), async (message, choices) => {
        const text = signed(message).toString("latin1");
        const next = (): number => choices.next().value ?? 0;
        const end = text.indexOf("\r\n\r\n");
        const fields = text.slice(0, end).split(/\r\n(?![ \t])/);
        const refolded = fields.map((field) => {
          const colon = field.indexOf(":");
          const name = next() > 2 ? field.slice(0, colon).toUpperCase() : field.slice(0, colon);
          const value = field
            .slice(colon + 1)
            .replace(/(?:\r\n)?[ \t]+/g, (space) => (next() > 3 ? "\r\n \t" : next() > 3 ? "  " : space));
          return `${name}${next() > 4 ? " " : ""}:${value}${next() > 4 ? "  " : ""}`;
        });
        const byName = Map.groupBy(refolded, (field) =>
          field.slice(0, field.indexOf(":")).trim().toLowerCase(),
        );
        const reordered = [...byName.values()].reverse().flat();
        const body = text.slice(end + 4).replace(/\r\n/g, () => (next() > 3 ? " \t\r\n" : "\r\n"));
        const transit = `Received: from a by b\r\n${reordered.join("\r\n")}\r\nX-Scanned: yes\r\n\r\n${body}\r\n\r\n`;
        assert.equal(await outcome(Buffer.from(transit, "latin1")), "pass");
      }),
      { numRuns: 200 },
    );
  });

  it("throws for no input, whatever its octets", async () => {
    const mutation = fc.tuple(fc.nat(), fc.uint8Array({ maxLength: 6 }));
    await fc.assert(
      fc.asyncProperty(arbitraryMessage, fc.array(mutation, { maxLength: 5 }), async (message, mutations) => {
        let octets: Buffer = signed(message, { recipients: [BOB] });
        for (const [at, inserted] of mutations) {
          const place = at % (octets.length + 1);
          octets = Buffer.concat([
            octets.subarray(0, place),
            inserted,
            octets.subarray(place + inserted.length),
          ]);
        }
        const context = { now: NOW, recipients: [BOB], keys: new KnownKeys(ALLICE) };
        await verify(octets, context);
        await explain(octets, context);
        sign(octets, { keys: [ALLICE], identity: address("allice@someisp.tld"), signedAt: SIGNED_AT });
      }),
      { numRuns: 400 },
    );
  });
});

function canonicalOf(message: Buffer): string {
  const verifier = new MessageVerifier();
  verifier.write(message);
  const { header, bodyHashBase64, fault } = verifier.finish();
  if (fault) return `fault ${fault.kind} ${fault.offset} ${message.toString("latin1")}`;
  const canonical = header.fields
    .filter((field) => CORE_FIELDS.includes(field.name))
    .map((field) => [
      field.name,
      Buffer.from(header.octets.subarray(field.valueStart, field.end))
        .toString("latin1")
        .replace(/[\r\n]/g, "")
        .replace(/[ \t]+/g, " ")
        .trim(),
    ])
    .sort((a, b) => ((a[0] ?? "") < (b[0] ?? "") ? -1 : 1));
  return JSON.stringify([canonical, bodyHashBase64]);
}

describe("signature field (SIG-1 to SIG-31)", () => {
  const good = signed(LUNCH, { recipients: [BOB] }).toString("latin1");
  const value = good.slice("VSMTP-Signature: ".length, good.indexOf("From:") - 2);
  const read = (text: string): string => {
    const header = parseHeader(Buffer.from(`VSMTP-Signature: ${text}\r\n`, "latin1"));
    const source = header.fields[0];
    assert.ok(source);
    const field = parseSignatureField(header, source);
    if (field === null) return "ignored";
    return field.tags ? `usable ${field.level}` : `unusable ${field.level}`;
  };
  const table: [string, (text: string) => string, string][] = [
    ["as signed", (text) => text, "usable 0"],
    ["another version", (text) => text.replace("v=1", "v=2"), "ignored"],
    ["version in upper case", (text) => text.replace("v=1", "V=1"), "ignored"],
    ["version 10", (text) => text.replace("v=1", "v=10"), "ignored"],
    ["white space in the version", (text) => text.replace("v=1", "v= 1"), "ignored"],
    ["white space behind the version", (text) => text.replace("v=1", "v=1 "), "usable 0"],
    ["unknown tag (SIG-5)", (text) => text.replace("v=1;", "v=1; zz=a b:c;"), "usable 0"],
    ["level 7", (text) => text.replace("v=1;", "v=1; n=7;"), "usable 7"],
    ["level 8", (text) => text.replace("v=1;", "v=1; n=8;"), "unusable null"],
    ["level twice", (text) => text.replace("v=1;", "v=1; n=1; n=1;"), "unusable null"],
    ["tag twice (SIG-4)", (text) => text.replace("v=1;", "v=1; n=1; c=relaxed; c=relaxed;"), "unusable 1"],
    ["c other than relaxed (SIG-15)", (text) => text.replace("v=1;", "v=1; c=simple;"), "unusable 0"],
    ["tag behind b", (text) => `${text}; z=1`, "unusable 0"],
    ["semicolon behind b", (text) => `${text};`, "unusable null"],
    ["no b (SIG-20)", (text) => text.replace(/; ?\r?\n? ?b=.*$/s, ""), "unusable 0"],
    ["upper-case tag name", (text) => text.replace("t=", "T="), "unusable null"],
    ["tag name of 11", (text) => text.replace("v=1;", "v=1; abcdefghijk=1;"), "unusable null"],
    ["non-ASCII octet", (text) => text.replace("v=1;", "v=1; z=\xe9;"), "unusable null"],
    ["leading zero in t", (text) => text.replace("t=1", "t=01"), "unusable 0"],
    ["x before t", (text) => text.replace("x=1073908800", "x=1073303999"), "unusable 0"],
    ["x 14 days after t", (text) => text.replace("x=1073908800", "x=1074513600"), "usable 0"],
    ["x a second later", (text) => text.replace("x=1073908800", "x=1074513601"), "unusable 0"],
    ["identity in upper case (SIG-11)", (text) => text.replace("i=a", "i=A"), "unusable 0"],
    ["needless encoding", (text) => text.replace("i=a", "i=%61"), "unusable 0"],
    ["core field missing in h", (text) => text.replace("reply-to:", ""), "unusable 0"],
    ["name twice in h", (text) => text.replace("h=from:", "h=from:from:"), "unusable 0"],
    ["upper case in h", (text) => text.replace("h=from:", "h=From:"), "unusable 0"],
    ["h names the signature", (text) => text.replace("h=from:", "h=vsmtp-signature:from:"), "unusable 0"],
    ["trace field in h (SIG-49)", (text) => text.replace("h=from:", "h=received:from:"), "usable 0"],
    ["unpadded bh", (text) => text.replace("YMg=;", "YMg;"), "unusable 0"],
    ["unused bits in bh", (text) => text.replace("YMg=;", "YMh=;"), "unusable 0"],
    ["unused bits in k (SIG-12)", (text) => text.replace("Uagg", "Uagh"), "unusable 0"],
    ["salt alone in r", (text) => text.replace(/(r=[^:]{22}):[^;]*;/, "$1;"), "unusable 0"],
    ["empty f", (text) => text.replace("v=1;", "v=1; f=;"), "usable 0"],
    ["unsupported algorithm (SIG-36)", (text) => text.replace("a=ed25519", "a=ed448"), "unusable 0"],
  ];
  for (const [what, change, expected] of table) {
    it(`${what}: ${expected}`, () => {
      const changed = change(value);
      if (what !== "as signed") assert.notEqual(changed, value);
      assert.equal(read(changed), expected);
    });
  }
});

describe("verdicts (VER, IDY)", () => {
  const BOSS_GRANT = { kind: "key" as const, spki: ALLICE.spki, trust: null };
  const SECRETARY = crlf("From: boss@someisp.tld", "Sender: allice@someisp.tld", "", "Hello", "");

  it("the secretary passes with the boss's grant, for any address with *, and is neutral without", async () => {
    const { grantHash } = await import("./index.ts");
    const message = signed(SECRETARY);
    const grants = [[], [grantHash(ALLICE.kid, address("boss@someisp.tld"))], ["*"]];
    const seen = [];
    for (const list of grants) {
      seen.push(
        await outcome(message, undefined, new KnownKeys().set(ALLICE.kid, { ...BOSS_GRANT, grants: list })),
      );
    }
    assert.deepEqual(seen, ["neutral sender-only", "pass", "pass"]);
  });

  it("a grant does not reach another domain", async () => {
    const message = signed(crlf("From: boss@other.tld", "Sender: allice@someisp.tld", "", ""));
    assert.equal(
      await outcome(message, undefined, new KnownKeys().set(ALLICE.kid, { ...BOSS_GRANT, grants: ["*"] })),
      "neutral sender-only",
    );
  });

  it("no key is asked for when the body, the times, the identity or the length of b are wrong (SIG-23)", async () => {
    const message = signed(LUNCH);
    const cases: [Buffer, number, string][] = [
      [Buffer.concat([message, Buffer.from("more\r\n")]), NOW, "body"],
      [message, SIGNED_AT + 604_801, "expired"],
      [message, SIGNED_AT - 301, "expired"],
      [Buffer.concat([Buffer.from("Sender: eve@x.tld\r\n"), message]), NOW, "identity"],
      [Buffer.from(message.toString("latin1").replace(/ b=[^\r]*/, " b=AAAA"), "latin1"), NOW, "signature"],
      [Buffer.from(message.toString("latin1").replace(/ bh=[^;]*/, " bh=AAAA"), "latin1"), NOW, "body"],
    ];
    for (const [octets, now, reason] of cases) {
      const keys = new KnownKeys(ALLICE);
      assert.equal((await verify(octets, { now, keys })).reason, reason);
      assert.equal(keys.asked.length, 0);
    }
    assert.equal(
      (await verify(message, { now: SIGNED_AT + 604_800, keys: new KnownKeys(ALLICE) })).result,
      "pass",
    );
  });

  it("a replay to another recipient is a mismatch (VER-18), and fails (VER-20) when the signer asked for exactly its recipients", async () => {
    const eve = address("eve@x.tld");
    const plain = await verify(signed(LUNCH, { recipients: [BOB] }), {
      now: NOW,
      recipients: [eve],
      keys: new KnownKeys(ALLICE),
    });
    assert.deepEqual([plain.result, plain.rcpt], ["pass", "mismatch"]);
    const exact = await verify(signed(LUNCH, { recipients: [BOB], flags: ["exact"] }), {
      now: NOW,
      recipients: [BOB, null],
      keys: new KnownKeys(ALLICE),
    });
    assert.deepEqual([exact.result, exact.reason, exact.rcpt], ["fail", "exact", "mismatch"]);
  });

  it("a forwarder's level carries the message on; a broken one does not (VER-15, CUS-3)", async () => {
    const carol = address("carol@third.tld");
    const bottom = signed(LUNCH, { recipients: [BOB] });
    const forwarded = signed(bottom, { keys: [FORWARDER], identity: BOB, level: 1, recipients: [carol] });
    const sound = await verify(forwarded, {
      now: NOW,
      recipients: [carol],
      keys: new KnownKeys(ALLICE, FORWARDER),
    });
    assert.deepEqual([sound.result, sound.rcpt, sound.forwarder], ["pass", "forwarded", "bob@dest.tld"]);
    const partly = await verify(forwarded, {
      now: NOW,
      recipients: [carol, BOB],
      keys: new KnownKeys(ALLICE, FORWARDER),
    });
    assert.equal(partly.rcpt, "mismatch");
    const stranger = signed(bottom, {
      keys: [FORWARDER],
      identity: address("eve@x.tld"),
      level: 1,
      recipients: [carol],
    });
    assert.equal(
      (await verify(stranger, { now: NOW, recipients: [carol], keys: new KnownKeys(ALLICE, FORWARDER) }))
        .rcpt,
      "mismatch",
    );
  });

  it("one good signature of two suffices; a temporary problem outranks failure", async () => {
    const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const spki = publicKey.export({ format: "der", type: "spki" });
    const rsa = { kid: keyId(spki), algorithm: "rsa-sha256" as const, privateKey };
    const message = signed(LUNCH, { keys: [ALLICE, rsa] });
    const known = { kind: "key" as const, spki, grants: [], trust: null };
    assert.equal(await outcome(message, undefined, new KnownKeys().set(rsa.kid, known)), "pass");
    const temporary = new KnownKeys().set(rsa.kid, { kind: "temperror", detail: "down" });
    assert.equal(await outcome(message, undefined, temporary), "temperror unavailable");
    assert.equal(await outcome(message, undefined, new KnownKeys()), "fail no-key");
    assert.throws(
      () => sign(LUNCH, { keys: [rsa], identity: address("allice@someisp.tld"), signedAt: 1 }),
      /Ed25519/,
    );
  });

  it("unsigned is none, even where rules are broken; signed and broken is permerror", async () => {
    assert.equal(await outcome(crlf("From: a@x.tld\nTo: b", "", "")), "none unsigned");
    assert.equal(
      await outcome(Buffer.from(signed(LUNCH).toString("latin1").replace("Noon ", "Noon\n"), "latin1")),
      "permerror syntax",
    );
    assert.equal(
      await outcome(Buffer.concat([Buffer.from("Subject: two\r\n"), signed(LUNCH)])),
      "permerror syntax",
    );
    assert.equal(
      await outcome(Buffer.concat([Buffer.from("VSMTP-Signature: v=9; x\r\n".repeat(10)), signed(LUNCH)])),
      "permerror syntax",
    );
    assert.equal(
      await outcome(Buffer.concat([Buffer.from("VSMTP-Signature: v=9; x\r\n".repeat(9)), signed(LUNCH)])),
      "pass",
    );
  });
});

describe("what the signer refuses, and how it says so", () => {
  const refused: [string, Buffer, string][] = [
    [
      "two Subject fields",
      crlf("From: allice@someisp.tld", "Subject: a", "Subject: b", "", ""),
      "duplicate-field",
    ],
    ["no From", crlf("To: b@x.tld", "", ""), "no-from"],
    ["an unreadable From", crlf("From: a@b@c", "", ""), "syntax"],
    ["two authors without Sender", crlf("From: a@x.tld, b@x.tld", "", ""), "syntax"],
    ["somebody else's From", crlf("From: eve@x.tld", "", ""), "identity"],
    ["an address literal", crlf("From: a@[192.0.2.1]", "", ""), "identity"],
    ["bare LF", Buffer.from("From: allice@someisp.tld\n\nHi\n"), "bare-lf"],
    ["an over-long line", crlf("From: allice@someisp.tld", "", "x".repeat(999)), "long-line"],
  ];
  for (const [what, message, reason] of refused) {
    it(`${what}: ${reason}`, () => {
      const result = sign(message, { keys: [ALLICE], identity: address("allice@someisp.tld"), signedAt: 1 });
      assert.equal(!result.ok && result.reason, reason);
    });
  }

  it("replaces the signature fields of a new submission (SIG-52)", async () => {
    const twice = signed(signed(LUNCH), { signedAt: SIGNED_AT + 1 });
    assert.equal(twice.toString("latin1").match(/VSMTP-Signature/g)?.length, 1);
    assert.equal(await outcome(twice), "pass");
  });

  it("refuses options outside the limits of the field (SIG-13, RCP-6)", () => {
    const many = Array.from({ length: 33 }, (_, index) => address(`u${index}@x.tld`));
    for (const [options, message] of [
      [{ recipients: many }, /at most 32/],
      [{ expiresAt: SIGNED_AT }, /1 to 1209600/],
      [{ expiresAt: SIGNED_AT + 1_209_601 }, /1 to 1209600/],
      [{ signedAt: -1 }, /Unix time/],
      [{ salt: new Uint8Array(15), recipients: [BOB] }, /16/],
      [{ extraFields: ["received"] }, /cannot be covered/],
      [{ extraFields: ["subject"] }, /twice/],
    ] as const) {
      assert.throws(() => signed(LUNCH, options), message);
    }
  });
});

describe("explain", () => {
  const why = async (message: Buffer): Promise<string> =>
    (await explain(message, { now: NOW, keys: new KnownKeys(ALLICE) })).lines.join("\n");
  const edit = (from: string, to: string): Buffer =>
    Buffer.from(signed(LUNCH).toString("latin1").replace(from, to), "latin1");

  it("names what was appended, put before, added, tagged and re-encoded", async () => {
    assert.match(await why(signed(LUNCH)), /body +unchanged\n +header +unchanged/);
    assert.match(
      await why(Buffer.concat([signed(LUNCH), Buffer.from("-- \r\nlist footer\r\n")])),
      /octets 38 to \d+ .* appended/,
    );
    assert.match(await why(edit("Hi Bob", "EXTERNAL MAIL\r\nHi Bob")), /first 1 lines.* put before it/);
    assert.match(
      await why(edit("To: Bob", "Reply-To: list@x.tld\r\nTo: Bob")),
      /reply-to \(octets \d+ to \d+\): this field was added/,
    );
    assert.match(await why(edit("Subject: L", "Subject: [list] L")), /subject .*"\[list\]" was put into it/);
    assert.match(await why(edit("Subject: Lunch", "Subject: Dinner")), /cannot be told/);
    assert.match(await why(edit("Hi Bob", "Hi Eve")), /body +changed: where cannot be told/);
  });
});

describe("memory", () => {
  it("verifies 1 GiB in a heap of 64 MiB", () => {
    const program = `
      import { MessageVerifier } from ${JSON.stringify(new URL("./index.ts", import.meta.url).href)};
      const verifier = new MessageVerifier();
      verifier.write(Buffer.from("From: a@x.tld\\r\\n\\r\\n"));
      const chunk = Buffer.alloc(65520, "A".repeat(76) + "\\r\\n");
      for (let octets = 0; octets < 2 ** 30; octets += chunk.length) verifier.write(chunk);
      if (verifier.finish().fault) process.exit(3);
      const { heapUsed, arrayBuffers } = process.memoryUsage();
      if (heapUsed + arrayBuffers > 100 * 2 ** 20) process.exit(4);
    `;
    const args = ["--max-old-space-size=64", "--input-type=module", "-e", program];
    const child = spawnSync(process.execPath, args, { encoding: "utf8", timeout: 60_000 });
    assert.equal(child.status, 0, child.stderr);
  });
});
