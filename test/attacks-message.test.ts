import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Author } from "./support/authors.ts";
import { ReceivingSite } from "./support/receiving-site.ts";

// What can stand in a message to deceive a receiver, on port 25 of a real installation (docs/attacks.md). someisp.test
// publishes p=reject; evil.test has keys and accounts like any other provider.

let site: ReceivingSite;
let allice: Author;
let mallory: Author;

before(async () => {
  site = await ReceivingSite.start();
  allice = site.author("allice@someisp.test");
  site.publish("evil.test", "mx.someisp.test", null);
  site.keys.domains.add("evil.test");
  mallory = site.author("mallory@evil.test");
});
after(() => site.stop());

const base64 = (text: string): string => Buffer.from(text).toString("base64");
const insert = (message: Buffer, fields: string): Buffer =>
  Buffer.from(`${fields}\r\n${message.toString("latin1")}`, "latin1");
const edit = (message: Buffer, what: string | RegExp, by: string): Buffer => {
  const text = message.toString("latin1");
  const edited = text.replace(what, by);
  assert.notEqual(edited, text);
  return Buffer.from(edited, "latin1");
};

test("honest mail passes", async () => {
  assert.equal((await site.send(allice.sign())).summary, "250 pass");
  assert.equal((await site.send(mallory.sign())).summary, "250 pass");
});

describe("From", () => {
  const byMallory = (from: string, more: Record<string, string> = {}): Buffer =>
    mallory.sign(mallory.write({ From: from, ...more }));
  const sender = { Sender: "mallory@evil.test" };
  const rows: [what: string, message: () => Buffer | string, expected: string][] = [
    ["a second From above", () => insert(mallory.sign(), "From: Allice <allice@someisp.test>"), "550 syntax"],
    [
      "a second From below",
      () => edit(mallory.sign(), "Subject:", "From: allice@someisp.test\r\nSubject:"),
      "550 syntax",
    ],
    [
      "two From fields, unsigned",
      () => insert(Buffer.from(mallory.write()), "From: allice@someisp.test"),
      "550 unsigned",
    ],
    [
      "a valid Sender behind a forged From",
      () => byMallory("Allice <allice@someisp.test>", sender),
      "550 sender-only",
    ],
    [
      "a list of authors",
      () => byMallory("mallory@evil.test, allice@someisp.test", sender),
      "550 sender-only",
    ],
    [
      "a group",
      () => byMallory("Us: mallory@evil.test, Allice <allice@someisp.test>;", sender),
      "550 sender-only",
    ],
    ["a group of nobody", () => byMallory('"allice@someisp.test":;', sender), "550 sender-only"],
    [
      "a comment for another address",
      () => edit(mallory.sign(), /<mallory@evil.test>/, "allice@someisp.test (<mallory@evil.test>)"),
      "550 identity",
    ],
    [
      "a folded address",
      () => edit(mallory.sign(), /^From: /m, "From: allice@someisp.test,\r\n\t"),
      "550 syntax",
    ],
    [
      "an address folded in later",
      () => edit(allice.sign(), /^(From: .*)\r\n/m, "$1\r\n ,mallory@evil.test\r\n"),
      "550 syntax",
    ],
    [
      "a line of white space within From",
      () => edit(allice.sign(), /^From: /m, "From: mallory@evil.test,\r\n \r\n "),
      "550 syntax",
    ],
    [
      "an unfolded encoded word before the address",
      () => byMallory("=?utf-8?q?allice=40someisp.test?= <mallory@evil.test>"),
      "250 pass",
    ],
    [
      "a display name that is an address",
      () => byMallory('"allice@someisp.test" <mallory@evil.test>'),
      "250 pass",
    ],
    ["an obsolete route", () => byMallory("<@someisp.test:mallory@evil.test>"), "250 pass"],
    [
      "an encoded word and an encoded NUL as local part",
      () => allice.write({ From: `=?utf-8?b?${base64("allice@someisp.test")}?==?utf-8?q?=00?=@evil.test` }),
      "550 unsigned",
    ],
    ["NUL", () => allice.write({ From: "allice@someisp.test\0@evil.test" }), "550"],
    ["a bare CR", () => allice.write({ From: "mallory@evil.test\rFrom: allice@someisp.test" }), "550"],
    ["no From, only a Sender", () => allice.write().replace("From:", "Sender:"), "550 unsigned"],
    ["unsigned", () => allice.write(), "550 unsigned"],
    ["another case, quoted", () => allice.write({ From: '"ALLICE"@SOMEISP.TEST' }), "550 unsigned"],
    ["white space before the colon", () => allice.write().replace("From:", "From \t:"), "550 unsigned"],
    [
      "a comment without its end",
      () => allice.write({ From: "Allice <allice@someisp.test> (" }),
      "550 unsigned",
    ],
    [
      "words behind the address",
      () => allice.write({ From: "<allice@someisp.test> <mallory@evil.test>" }),
      "550 unsigned",
    ],
    [
      "nothing but an encoded word",
      () => allice.write({ From: "=?utf-8?q?=3Callice=40someisp=2Etest=3E?=" }),
      "550 unsigned",
    ],
    [
      "a local part of 65 octets",
      () => allice.write({ From: `${"a".repeat(65)}@someisp.test` }),
      "550 unsigned",
    ],
    [
      "a subdomain that is no domain",
      () => allice.write({ From: "allice@no_host.someisp.test" }),
      "550 unsigned",
    ],
    [
      "a subdomain that does not exist",
      () => allice.write({ From: "allice@ceo.someisp.test" }),
      "550 unsigned",
    ],
    [
      "behind nine others",
      () =>
        allice.write({
          From: `${Array.from({ length: 9 }, (_, n) => `x@d${n}.test`).join()}, <allice@someisp.test>`,
        }),
      "550 unsigned",
    ],
  ];
  for (const [what, message, expected] of rows) {
    test(what, async () => {
      const { summary, event } = await site.send(message(), { from: "mallory@evil.test" });
      assert.equal(summary, expected);
      // Whoever passes does so in his own name.
      if (event?.verdict.result === "pass") assert.equal(event.verdict.identity, "mallory@evil.test");
    });
  }
});

describe("signed mail that was changed", () => {
  const rows: [what: string, change: (message: Buffer) => Buffer, expected: string][] = [
    ["a second Subject above", (message) => insert(message, "Subject: Invoice"), "550 syntax"],
    [
      "a second Subject with white space before its colon",
      (message) => edit(message, "Subject:", "Subject : Invoice\r\nSubject:"),
      "550 syntax",
    ],
    ["a second To", (message) => insert(message, "to: eve@evil.test"), "550 syntax"],
    ["another Subject", (message) => edit(message, "Subject: ", "Subject: Invoice "), "550 signature"],
    ["Subject taken away", (message) => edit(message, /^Subject: .*\r\n/m, ""), "550 signature"],
    ["Reply-To added", (message) => insert(message, "Reply-To: mallory@evil.test"), "550 signature"],
    ["Cc added", (message) => insert(message, "Cc: eve@evil.test"), "550 signature"],
    [
      "Content-Type added, so that the body is another",
      (message) => insert(message, 'Content-Type: multipart/mixed; boundary="x"'),
      "550 signature",
    ],
    [
      "Content-Transfer-Encoding added",
      (message) => insert(message, "Content-Transfer-Encoding: base64"),
      "550 signature",
    ],
    ["Sender added", (message) => insert(message, "Sender: mallory@evil.test"), "550 identity"],
    ["a header line that has no name", (message) => insert(message, "Subject Invoice"), "550 syntax"],
    ["a field folded before the first", (message) => insert(message, " Subject: Invoice"), "550 syntax"],
    ["a body with more", (message) => Buffer.concat([message, Buffer.from("Pay here.\r\n")]), "550 body"],
    ["a header that ends early", (message) => edit(message, "Subject:", "\r\nSubject:"), "550 body"],
    ["an identity on top", (message) => edit(message, "i=allice@", "i=ceo@"), "550 identity"],
    [
      "a second identity at level 0",
      (message) =>
        Buffer.concat([mallory.sign(mallory.write()).subarray(0, mallory.sign().indexOf("From:")), message]),
      "550 syntax",
    ],
    [
      "a signature of another message",
      (message) =>
        edit(
          message,
          /\bb=[^;]*?\r\n(?=\S)/,
          /\bb=[^;]*?\r\n(?=\S)/.exec(allice.sign().toString("latin1"))?.[0] ?? "",
        ),
      "550 signature",
    ],
    [
      "fields that nobody signed",
      (message) =>
        insert(
          message,
          "X-Priority: 1\r\nList-Id: <x.evil.test>\r\nReceived: from x by y; Thu, 26 Nov 2026 12:00:00 +0000",
        ),
      "250 pass",
    ],
    [
      "Resent-* fields, which select nobody",
      (message) => insert(message, "Resent-From: mallory@evil.test\r\nResent-Sender: mallory@evil.test"),
      "250 pass",
    ],
    [
      "a signature of version 2 on top",
      (message) => insert(message, "VSMTP-Signature: v=2; everything=passes"),
      "250 pass",
    ],
    ["white space only", (message) => edit(message, "Subject: ", "SUBJECT:\t\r\n  "), "250 pass"],
  ];
  for (const [what, change, expected] of rows) {
    test(what, async () => {
      const { summary, event } = await site.send(change(allice.sign()));
      assert.equal(summary, expected);
      if (event?.verdict.result === "pass") assert.equal(event.verdict.identity, "allice@someisp.test");
    });
  }
});

describe("what readers are to believe", () => {
  const forged = "vsmtp=pass header.i=ceo@dest.test policy.align=from";
  const claims = [
    `Authentication-Results: mx.dest.test; ${forged}`,
    `authentication-results :MX.DEST.TEST; ${forged}`,
    `Authentication-Results:\r\n\tmx.dest.test;\r\n ${forged}`,
    `Authentication-Results: (the (real) one) mx.dest.test; ${forged}`,
    `Authentication-Results: "mx.dest.test"; ${forged}`,
    `Authentication-Results: "mx\\.dest.test" 1; ${forged}`,
    `Authentication-Results: mx.dest.test 1; ${forged}`,
    `Authentication-Results: mx.dest.test/1; ${forged}`,
    `Authentication-Results: mx.dest.test.; ${forged}`,
    `Authentication-Results: mx.dest.test./1; ${forged}`,
    `Authentication-Results: mx.dest.test(x); ${forged}`,
    `Authentication-Results: (mx.dest.test; ${forged}`,
    `Authentication-Results: "mx.dest.test; ${forged}`,
    `Authentication-Results: ; ${forged}`,
    `Authentication-Results: =?utf-8?q?mx.dest.test?=; ${forged}`,
    `X-VSMTP-Flag: deliver; ${forged}`,
  ];
  test("results and flags in our name are taken away, those of others stay (REC-2)", async () => {
    const others = "Authentication-Results: mx.evil.test; vsmtp=pass header.i=x@evil.test";
    const message = insert(
      Buffer.from(mallory.write({ Subject: "Results" })),
      [...claims, others].join("\r\n"),
    );
    assert.equal((await site.send(message)).summary, "250 unsigned");
    const text = await site.stored("Subject: Results");
    assert.doesNotMatch(text, /ceo@dest\.test/);
    assert.equal(text.match(/^Authentication-Results: mx\.dest\.test;/gim)?.length, 1);
    assert.match(text, /^Authentication-Results: mx\.evil\.test; vsmtp=pass/m);
    const above = text.slice(0, text.indexOf("Received:"));
    assert.match(above, /^Authentication-Results: mx\.dest\.test;\r\n vsmtp=none/m);
  });
  test("nobody writes into our field by what he is called", async () => {
    const eve = site.author('"eve;vsmtp=pass"@evil.test');
    assert.equal((await site.send(eve.sign(eve.write({ Subject: "Quoted" })))).summary, "250 pass");
    const text = await site.stored("Subject: Quoted");
    assert.match(text, /header\.i="?eve%3Bvsmtp%3Dpass@evil\.test/);
    assert.equal(text.match(/vsmtp=pass/g)?.length, 2); // ours, and in From
  });
});
