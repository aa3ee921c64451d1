import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { describe, it } from "node:test";
import { parseHeader } from "../message/index.ts";
import { explain, keyId, sign, verify } from "./index.ts";
import { parseSignatureField } from "./signature-field.ts";
import {
  ALLICE,
  address,
  BOB,
  crlf,
  FORWARDER,
  KnownKeys,
  LUNCH,
  NOW,
  outcome,
  SIGNED_AT,
  signed,
} from "./test-messages.ts";

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
