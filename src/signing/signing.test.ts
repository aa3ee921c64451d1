import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import fc from "fast-check";
import { parseHeader } from "../message/index.ts";
import { Spool } from "../spool/index.ts";
import { splitIntoCopies } from "./index.ts";
import {
  account,
  accounts,
  contentOf,
  dkimOf,
  dkimVerdicts,
  folder,
  keyring,
  latin,
  path,
  received,
  refusal,
  signed,
  submit,
  verdictOf,
  type Wanted,
} from "./test-signing.ts";

test("SUB-1 own addresses sign as themselves and verify; all others are refused", async () => {
  for (const from of ["allice@someisp.test", "Allice <AL@SomeISP.test>", "allice@other.test"]) {
    const verdict = await verdictOf(await submit("allice", { from }));
    assert.deepEqual(
      [verdict.result, verdict.align, verdict.rcpt],
      ["pass", "from", "match"],
      verdict.detail,
    );
  }
  const own = await verdictOf(
    await submit("allice", { from: "al@someisp.test", header: ["Sender: allice@someisp.test"] }),
  );
  assert.deepEqual([own.result, own.align, own.identity], ["pass", "agent", "allice@someisp.test"]);
  const notYours = /neither your address nor granted/;
  for (const wanted of [
    { from: "boss@someisp.test" },
    { from: "someone@elsewhere.test" },
    { from: "allice@someisp.test, boss@someisp.test" },
    { header: ["Sender: boss@someisp.test"] },
    { from: "boss@someisp.test", header: ["Sender: allice@someisp.test"] },
    {
      from: "allice@someisp.test",
      header: ["Resent-From: allice@someisp.test", "Sender: mallory@elsewhere.test"],
    },
  ]) {
    await refusal(submit("allice", wanted), 550, "5.7.1", notYours);
  }
  await refusal(submit("allice", { from: "allice@[192.0.2.1]" }), 550, "5.7.1", /address literal/);
});

test("SUB-3, IDY-10 on behalf: the secretary's Sender is added, the grant proves it, withdrawing it ends it", async () => {
  const result = await submit("secretary", { from: "The Boss <boss@someisp.test>" });
  assert.match(signed(result).content.inline.toString(), /^Sender: secretary@someisp\.test\r$/m);
  const verdict = await verdictOf(result);
  assert.deepEqual(
    [verdict.result, verdict.align, verdict.identity],
    ["pass", "agent", "secretary@someisp.test"],
  );
  const both = await verdictOf(
    await submit("secretary", { from: 'boss@someisp.test, "the boss"@someisp.test' }),
  );
  assert.equal(both.align, "agent");
  const said = await submit("secretary", {
    from: "boss@someisp.test",
    header: ["Sender: <secretary@someisp.test>"],
  });
  assert.equal(
    signed(said)
      .content.inline.toString()
      .match(/Sender:/g)?.length,
    1,
  );
  assert.equal((await verdictOf(said)).result, "pass");

  assert.ok(
    (await keyring.withdraw(account("secretary"), { kind: "on-behalf", target: "boss@someisp.test" })).ok,
  );
  assert.deepEqual(
    [(await verdictOf(result)).result, (await verdictOf(result)).reason],
    ["neutral", "sender-only"],
  );
  await refusal(
    submit("secretary", { from: "boss@someisp.test" }),
    550,
    "5.7.1",
    /boss@someisp\.test in From/,
  );
});

test("SUB-2 send as: signed as the granted address with its owner's key, no Sender", async () => {
  const grant = { kind: "send-as", target: "boss@someisp.test" } as const;
  assert.ok((await keyring.grant(account("allice"), grant)).ok);
  const result = await submit("allice", { from: "boss@someisp.test" });
  assert.doesNotMatch(signed(result).content.inline.toString(), /Sender:/);
  const verdict = await verdictOf(result);
  assert.deepEqual([verdict.result, verdict.align, verdict.identity], ["pass", "from", "boss@someisp.test"]);
  assert.equal(verdict.kid, (await keyring.keyHistory(account("boss")))[0]?.kid);
  assert.ok((await keyring.withdraw(account("allice"), grant)).ok);
});

test("SUB-4, SIG-48, SIG-52, REC-2 the header gets what it lacks, loses what it must, and keeps the rest", async () => {
  const kept = [
    "To: bob@dest.test",
    "subject :  Kept   as\r\n\tit is \xfc ",
    "Authentication-Results: mx.elsewhere.test; vsmtp=pass",
    "X-Mailer: x",
  ];
  const result = signed(
    await submit("allice", {
      header: [
        kept[0] as string,
        "Bcc: eve@dest.test,\r\n mallory@dest.test",
        kept[1] as string,
        "VSMTP-Signature: v=1; forged",
        "VSMTP-Key-Statement: v=1; stale",
        "Authentication-Results: (c) MX.someisp.test; vsmtp=pass",
        kept[2] as string,
        "bCC:",
        "Resent-Bcc: x@dest.test",
        kept[3] as string,
      ],
      body: "Bcc: not a header field\r\n\r\n  \r\n",
    }),
  );
  const text = result.content.inline.toString();
  const added =
    /^MIME-Version: 1\.0\r\nContent-Type: text\/plain; charset=us-ascii\r\nDate: Mon, 05 Jan 2004 12:00:00 \+0000\r\nMessage-ID: <[\w-]{24}@someisp\.test>\r\n/;
  assert.match(text, added);
  const rest = `From: allice@someisp.test\r\n${kept.join("\r\n")}\r\n\r\nBcc: not a header field\r\n\r\n  \r\n`;
  assert.equal(text.replace(added, ""), rest);
  assert.equal((await verdictOf(result)).result, "pass");

  const whole = await submit("allice", { header: ["Date: today", "MESSAGE-ID: <1@x>"] });
  assert.match(signed(whole).content.inline.toString(), /^From: allice@someisp\.test\r\nDate: today\r\n/);
  const headless = await submit("allice", { header: [], body: "" });
  assert.equal((await verdictOf(headless)).result, "pass");
});

test("MSG-20 what servers on the way write anew is written as they do, before it is signed", async () => {
  const header = [
    "To: bob@dest.test,carol@dest.test,\r\n dan",
    "Cc: O'Brien <o'brien@dest.test>",
    "Date: ",
    "message-id:\r\n ",
    `Subject: ${"word ".repeat(195)}end`,
    "Reply-To: Allice <allice@someisp.test>",
    `Comments: ${"x".repeat(985)}`,
  ];
  const steady = await submit("allice", { header, to: ["bob@dest.test", "dan@someisp.test"] });
  const text = String(await contentOf(steady));
  assert.match(
    text,
    /^Date: Mon, 05 Jan 2004 12:00:00 \+0000\r\nMessage-ID: <[\w-]{24}@someisp\.test>\r\nFrom: /,
  );
  assert.match(
    text,
    /^To: bob@dest\.test, carol@dest\.test, dan@someisp\.test\r\nCc: "O'Brien" <o'brien@dest\.test>\r\nSubject: /m,
  );
  const [, subject = ""] =
    /^(Subject: (?:.*\r\n )*.*)\r\nReply-To: Allice <allice@someisp\.test>\r\n/m.exec(text) ?? [];
  assert.equal(subject.replaceAll("\r\n", ""), header[4]);
  assert.ok(subject.split("\r\n").every((line) => line.length < 80));
  assert.ok(text.includes(`\r\n${header[6]}\r\n`)); // nowhere to fold it
  assert.equal((await verdictOf(steady)).result, "pass");
  // Whom the completed header names is not blind (RCP-4).
  assert.equal(signed(steady).copies.length, 2);

  const theirs = [
    ...header.slice(0, 2),
    "Date: today",
    "Message-ID: <1@x>",
    "DKIM-Signature: v=1; somebody's",
  ];
  const kept = String(await contentOf(await submit("allice", { header: theirs })));
  assert.ok(kept.includes(theirs.join("\r\n")));
});

test("MSG-20 lines that are too long go out as quoted-printable, with SMTPUTF8 too", async () => {
  const spool = await Spool.open(join(folder, "spool"), { memoryOctets: 10_000 });
  const body = `${"word ".repeat(197)}\r\n`;
  for (const smtputf8 of [false, true]) {
    const result = await submit("allice", { ...eightBit(body), convertInto: spool, smtputf8 });
    const text = String(await contentOf(result));
    assert.match(text, /^Content-Transfer-Encoding: quoted-printable\r$/m);
    assert.ok(text.split("\r\n").every((line) => line.length <= 78));
    assert.equal((await verdictOf(result)).result, "pass");
    const short = await submit("allice", { ...eightBit(body.slice(10)), convertInto: spool, smtputf8 });
    assert.ok(String(await contentOf(short)).endsWith(body.slice(10)));
  }
});

test("SIG-42, MSG-2 a message that cannot be signed is refused with the reason", async () => {
  const cases: [Wanted, RegExp][] = [
    [{ header: ["From: allice@someisp.test"] }, /2 from fields/],
    [{ header: ["Subject: a", "Subject: b"] }, /2 subject fields/],
    [{ header: ["not a header line"] }, /line 2.*field name/],
    [{ header: [`X: ${"x".repeat(999)}`] }, /998/],
    [{ body: "a\nb\r\n" }, /LF without CR/],
    [{ from: "allice@" }, /From:/],
    [{ from: "Nobody:;" }, /no From address/],
    [{ header: ["Sender: allice@someisp.test, al@someisp.test"] }, /Sender holds 2/],
  ];
  for (const [wanted, text] of cases) await refusal(submit("allice", wanted), 550, "5.6.0", text);
  const asUnal = { from: "boss@someisp.test" };
  assert.ok((await keyring.grant(account("ünal"), { kind: "on-behalf", target: "boss@someisp.test" })).ok);
  await refusal(submit("ünal", asUnal), 550, "5.6.7", /SMTPUTF8/);
  const verdict = await verdictOf(await submit("ünal", { ...asUnal, smtputf8: true }));
  assert.deepEqual([verdict.align, verdict.identity], ["agent", "%C3%BCnal@someisp.test"]);
});

test("LIF-10, SUB-6 suspended accounts and keys out of reach: never unsigned", async () => {
  assert.ok((await keyring.suspend(account("boss"))).ok);
  await refusal(submit("boss"), 550, "5.7.1", /suspended/);
  assert.ok((await keyring.resume(account("boss"))).ok);

  let rotations = 0;
  const rotating = async (): Promise<void> => {
    if (rotations++ === 0) assert.ok((await keyring.rotate(account("boss"))).ok);
  };
  assert.equal((await verdictOf(await submit("boss", { meanwhile: rotating }))).result, "pass");
  const always = async (): Promise<void> => void (await keyring.rotate(account("boss")));
  await refusal(submit("boss", { meanwhile: always }), 451, "4.4.3", /cannot be signed now/);
  const suspending = async (): Promise<void> => void (await keyring.suspend(account("boss")));
  await refusal(submit("boss", { meanwhile: suspending }), 550, "5.7.1", /suspended/);
  assert.ok((await keyring.resume(account("boss"))).ok);

  const raw = new DatabaseSync(path);
  raw.exec("UPDATE key_pair SET sealed = x'00' WHERE state = 'active'");
  await refusal(submit("boss"), 451, "4.4.3", /cannot be signed now/);
  raw.close();
  for (const id of accounts.values()) assert.ok((await keyring.rekey(id)).ok);
});

const eightBit = (body: string, more: readonly string[] = []): Wanted => ({
  header: ["To: bob@dest.test", "MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8", ...more],
  body,
});

test("MSG-15, MSG-16, MSG-19 a body in 8 bits is converted, and then signed; with SMTPUTF8 it stays", async () => {
  const spool = await Spool.open(join(folder, "spool"), { memoryOctets: 10_000 });
  const wanted = eightBit(`${latin}\r\n`, ["Content-Transfer-Encoding: 8bit"]);
  const small = await submit("allice", { ...wanted, convertInto: spool });
  assert.match(String(await contentOf(small)), /^Content-Transfer-Encoding: quoted-printable\r$/m);
  assert.ok(String(await contentOf(small)).endsWith("\r\n\r\nViele freundliche Gr=C3=BC=C3=9Fe\r\n"));
  assert.deepEqual([signed(small).eightBit, (await verdictOf(small)).result], [false, "pass"]);
  for (const kept of [{ convertInto: null }, { convertInto: spool, smtputf8: true }]) {
    const result = await submit("allice", { ...wanted, ...kept });
    assert.ok(String(await contentOf(result)).endsWith(`\r\n\r\n${latin}\r\n`));
    assert.deepEqual([signed(result).eightBit, (await verdictOf(result)).result], [true, "pass"]);
  }
  const wideHeader = await submit("allice", { header: ["Subject: \xfc"], convertInto: spool });
  assert.deepEqual([signed(wideHeader).eightBit, (await verdictOf(wideHeader)).result], [true, "pass"]);
});

test("MSG-16, MSG-18 a large body is converted from file to file; what is signed by its author stays", async () => {
  const place = join(folder, "large");
  const spool = await Spool.open(place, { memoryOctets: 10_000 });
  const body = `${latin}${"x".repeat(60)}\r\n`.repeat(5000);
  const result = await submit("allice", {
    message: await received(eightBit(body), spool),
    convertInto: spool,
  });
  const { content } = signed(result);
  assert.equal(readdirSync(place).join(), content.file?.name);
  assert.doesNotMatch((await contentOf(result)).toString("latin1"), /[^\0-\x7f]/);
  assert.equal((await verdictOf(result)).result, "pass");
  await content.file?.remove();

  const asItCame = await submit("allice", {
    message: await received(eightBit(body), spool),
    convertInto: null,
  });
  assert.ok((await contentOf(asItCame)).subarray(-Buffer.byteLength(body)).equals(Buffer.from(body)));
  assert.equal((await verdictOf(asItCame)).result, "pass");
  await signed(asItCame).content.file?.remove();

  const sealed = `--b\r\nContent-Type: text/plain\r\n\r\n${latin}\r\n--b--\r\n`;
  const header = ["MIME-Version: 1.0", "Content-Type: multipart/signed; boundary=b"];
  const signedMail = await submit("allice", { header, body: sealed, convertInto: spool });
  assert.ok((await contentOf(signedMail)).subarray(-Buffer.byteLength(sealed)).equals(Buffer.from(sealed)));
  assert.equal(signed(signedMail).eightBit, true);

  const duplicate = await received(eightBit(body, ["Subject: a", "Subject: b"]), spool);
  await refusal(submit("allice", { message: duplicate, convertInto: spool }), 550, "5.6.0", /2 subject/);
  assert.deepEqual(readdirSync(place), [], "refusals leave no file");
});

test("SIG-58 DKIM signs each copy afterwards, above our field and covering it, for the domain of From", async () => {
  const dkim = new Map(["someisp.test", "other.test"].map((domain) => [domain, dkimOf(domain)]));
  const result = await submit("allice", {
    dkim,
    to: ["bob@dest.test", "eve@third.test"],
    body: "Hi  Bob \r\n\r\n",
  });
  const { copies } = signed(result);
  assert.equal(copies.length, 2);
  for (const [index, { signatures }] of copies.entries()) {
    const message = Buffer.concat([signatures, await contentOf(result)]);
    assert.deepEqual(await dkimVerdicts(message), ["someisp.test ed25519 pass", "someisp.test rsa pass"]);
    const names = [...String(signatures).matchAll(/^[\w-]+(?=:)/gm)].map(([name]) => name);
    assert.deepEqual(names, ["DKIM-Signature", "DKIM-Signature", "VSMTP-Signature"]);
    assert.deepEqual([(await verdictOf(result, undefined, index)).result], ["pass"]);
    const altered = Buffer.from(message.toString("latin1").replace(" r=", " R="), "latin1");
    assert.deepEqual(await dkimVerdicts(altered), ["someisp.test ed25519 fail", "someisp.test rsa fail"]);
  }
  const other = await submit("allice", { dkim, from: "allice@other.test", body: "" });
  const octets = Buffer.concat([signed(other).copies[0]?.signatures as Buffer, await contentOf(other)]);
  assert.deepEqual(await dkimVerdicts(octets), ["other.test ed25519 pass", "other.test rsa pass"]);

  // From's domain has no key here: the one that is responsible signs for its own.
  dkim.delete("other.test");
  const behalf = { dkim, from: "allice@other.test", header: ["Sender: allice@someisp.test"] };
  const agent = await submit("allice", behalf);
  assert.match(String(signed(agent).copies[0]?.signatures), /^DKIM-Signature: v=1;[^:]* d=someisp\.test;/);
  dkim.clear();
  assert.match(String(signed(await submit("allice", behalf)).copies[0]?.signatures), /^VSMTP-Signature/);
});

test("SIG-19 what no person wrote says so in its signature", async () => {
  const result = await submit("allice", { flags: ["auto"] });
  assert.match(String(signed(result).copies[0]?.signatures), / f=auto;/);
  assert.equal((await verdictOf(result)).automatic, true);
});

test("RCP-2, RCP-4, RCP-5 every copy is bound to its own recipients with a salt of its own", async () => {
  const to = [
    "bob@dest.test",
    "blind@dest.test",
    "carol@third.test",
    "BOB@DEST.test",
    "Eve@dest.test",
    "x@[192.0.2.1]",
  ];
  const header = [
    "To: Bob <bob@dest.test>, Team: eve@dest.test;",
    "Cc: carol@third.test",
    "Bcc: blind@dest.test",
  ];
  const result = signed(await submit("allice", { to, header }));
  assert.deepEqual(
    result.copies.map(({ recipients }) => recipients),
    [["bob@dest.test", "Eve@dest.test"], ["carol@third.test"], ["blind@dest.test"], ["x@[192.0.2.1]"]],
  );
  const salts = result.copies.map(({ signatures }) => /r=([\w-]{22})/.exec(signatures.toString())?.[1]);
  assert.equal(salts[3], undefined);
  assert.equal(new Set(salts.slice(0, 3)).size, 3);
  assert.equal((await verdictOf(result, undefined, 0)).rcpt, "match");
  assert.equal((await verdictOf(result, undefined, 2)).rcpt, "match");
  assert.equal((await verdictOf(result, ["blind@dest.test"], 0)).rcpt, "mismatch");
  assert.equal((await verdictOf(result, ["carol@third.test"], 0)).rcpt, "mismatch");
  assert.equal((await verdictOf(result, undefined, 3)).rcpt, "unbound");
});

test("RCP-6 any recipients and any visible list: everyone once, at most 32 a copy, blind ones alone", () => {
  const person = fc
    .tuple(fc.nat({ max: 60 }), fc.constantFrom("a.test", "b.test", "c.test"))
    .map(([number, domain]) => `p${number}@${domain}`);
  fc.assert(
    fc.property(
      fc.array(person, { maxLength: 150 }),
      fc.array(person, { maxLength: 90 }),
      (recipients, visible) => {
        const header = parseHeader(Buffer.from(`From: x@x.test\r\nTo: ${visible.join(",\r\n ")}\r\n`));
        const copies = splitIntoCopies(recipients, header);
        const reached = copies.flatMap((copy) => copy.recipients);
        assert.deepEqual([...reached].sort(), [...new Set(recipients)].sort());
        for (const copy of copies) {
          assert.ok(copy.recipients.length >= 1 && copy.recipients.length <= 32);
          assert.equal(copy.bound.length, copy.recipients.length);
          assert.equal(new Set(copy.bound.map(({ domain }) => domain)).size, 1);
          if (copy.recipients.length > 1) for (const one of copy.recipients) assert.ok(visible.includes(one));
        }
      },
    ),
    { numRuns: 60 },
  );
});
