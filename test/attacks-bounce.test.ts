import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type Author, addressOf, nowSeconds } from "./support/authors.ts";
import { ReceivingSite } from "./support/receiving-site.ts";

// Bounces of mail that was never sent (NBR-4), on port 25 of a real installation that refuses them. dest.test signs all its
// mail. Real bounces of other mail servers are in mail-servers.test.ts.

let site: ReceivingSite;
let bob: Author;
let mallory: Author;

before(async () => {
  site = await ReceivingSite.start({
    settings: `[policy]
forged_bounces = "reject"
[[domains]]
name = "plain.test"
maildir_root = "mail"
catch_all = "all"`,
  });
  site.publish("dest.test", "mx.someisp.test", "p=reject");
  site.publish("evil.test", "mx.someisp.test", "p=reject");
  for (const domain of ["dest.test", "evil.test"]) site.keys.domains.add(domain);
  bob = site.author("bob@dest.test");
  mallory = site.author("mallory@evil.test");
});
after(() => site.stop());

const daemon =
  "From: Mail Delivery Subsystem <MAILER-DAEMON@remote.test>\r\nTo: bob@dest.test\r\nSubject: Undelivered\r\n";
const crlf = (...lines: string[]): string => `${lines.join("\r\n")}\r\n`;
const headerOf = (message: Buffer): string => message.toString("latin1").split("\r\n\r\n")[0] ?? "";
const sent = (over = {}): Buffer =>
  bob.sign(bob.write({ To: "<gone@remote.test>" }), { recipients: [addressOf("gone@remote.test")], ...over });

/** A report as RFC 3464 has it, around a part. */
const report = (part: string): string =>
  `${daemon}${crlf(
    "MIME-Version: 1.0",
    'Content-Type: multipart/report; report-type=delivery-status; boundary="=_x:1"',
    "",
    "--=_x:1",
    "",
    "It could not be delivered: no such user. Words: like a header, and no header.",
    "--=_x:1",
    "Content-Type: message/delivery-status",
    "",
    "Reporting-MTA: dns; mx.remote.test",
    "",
    "Final-Recipient: rfc822; gone@remote.test",
    "Action: failed",
    "Status: 5.1.1",
    "--=_x:1",
  )}${part}--=_x:1--\r\n`;
const headers = (message: Buffer): string =>
  report(`Content-Type: text/rfc822-headers\r\n\r\n${headerOf(message)}\r\n`);
const whole = (message: Buffer): string =>
  report(`Content-Type: message/rfc822\r\n\r\n${message.toString("latin1")}`);
const quotedPrintable = (message: Buffer): string =>
  report(
    `Content-Type: text/rfc822-headers\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n${headerOf(
      message,
    )
      .replaceAll("=", "=3D")
      .replaceAll(/[^\r\n]{60}(?=[^\r\n])/g, (line) => (/=.?$/.test(line) ? line : `${line}=\r\n`))}\r\n`,
  );
const qmail = (message: Buffer): string =>
  `${daemon}\r\n${crlf("Hi. This is the qmail-send program at remote.test.", "I'm afraid I wasn't able to deliver it.", "", "<gone@remote.test>:", "No such user", "", "--- Below this line is a copy of the message.", "", "Return-Path: <bob@dest.test>")}${message.toString("latin1")}`;
const dashes = (message: Buffer): string =>
  `${daemon}X-Failed-Recipients: gone@remote.test\r\n\r\n${crlf("A message that you sent could not be delivered.", "", "------ This is a copy of your message, including all the headers. ------", "Received: from x by y")}${message.toString("latin1")}`;

const bounce = (message: string, to = ["bob@dest.test"]) => site.send(message, { from: "", to });

describe("what we sent comes back: taken", () => {
  const rows: [what: string, pack: (message: Buffer) => string][] = [
    ["its header, as RFC 3462 has it", headers],
    ["the whole message", whole],
    ["quoted-printable", quotedPrintable],
    ["as qmail returns it", qmail],
    ["below dashes", dashes],
    [
      "with fields of others on top",
      (message) =>
        headers(
          Buffer.from(`Received: from a by b\r\nX-Spam: no\r\n${message.toString("latin1")}`, "latin1"),
        ),
    ],
    [
      "with another body",
      (message) => whole(Buffer.from(message.toString("latin1").replace("Noon", "[cut]"), "latin1")),
    ],
  ];
  for (const [what, pack] of rows)
    test(what, async () => assert.equal((await bounce(pack(sent()))).summary, "250 unsigned"));

  test("days after its signature expired", async () => {
    const now = nowSeconds();
    const old = sent({ signedAt: now - 8 * 86_400, expiresAt: now - 86_400 });
    assert.equal((await bounce(headers(old))).summary, "250 unsigned");
  });

  test("under a key that has been replaced since", async () => {
    const carol = site.author("carol@dest.test");
    const message = carol.sign();
    site.keys.change(carol, { state: "retired", notAfter: nowSeconds() + 86_400 });
    assert.equal((await bounce(headers(message), ["carol@dest.test"])).summary, "250 unsigned");
  });
});

describe("what we did not send: refused", () => {
  const rows: [what: string, message: () => string][] = [
    ["nothing is returned", () => report("Content-Type: text/plain\r\n\r\nSee https://evil.test/\r\n")],
    ["not even a report", () => `${daemon}\r\nSee https://evil.test/\r\n`],
    ["nobody wrote it", () => `From: <>\r\nSubject: Undelivered\r\n\r\nSee https://evil.test/\r\n`],
    ["unsigned", () => headers(Buffer.from(bob.write()))],
    ["signed by the forger", () => headers(mallory.sign())],
    [
      "by the forger, as Sender for us",
      () => headers(mallory.sign(mallory.write({ From: "bob@dest.test", Sender: "mallory@evil.test" }))),
    ],
    [
      "ours, with another subject",
      () => headers(Buffer.from(sent().toString("latin1").replace("Subject: ", "Subject: Buy "), "latin1")),
    ],
    [
      "ours, with a field more",
      () => headers(Buffer.from(`Reply-To: x@evil.test\r\n${sent().toString("latin1")}`, "latin1")),
    ],
    [
      "ours, in another's name",
      () => headers(Buffer.from(sent().toString("latin1").replace("From: <bob@", "From: <ceo@"), "latin1")),
    ],
    ["signed with a key that nobody has", () => headers(bob.sign(bob.write(), { keys: [mallory.key] }))],
    [
      "long ago",
      () => headers(sent({ signedAt: nowSeconds() - 13 * 86_400, expiresAt: nowSeconds() - 6 * 86_400 })),
    ],
    [
      "eleven signatures",
      () => headers(Buffer.from("VSMTP-Signature: v=1\r\n".repeat(10) + sent().toString("latin1"), "latin1")),
    ],
    [
      "a mebibyte before it",
      () =>
        report(
          `Content-Type: text/plain\r\n\r\n${`${"x".repeat(98)}\r\n`.repeat(11_000)}${headerOf(sent())}\r\n`,
        ),
    ],
  ];
  for (const [what, message] of rows) {
    test(what, async () => {
      const { reply, event } = await bounce(message());
      assert.match(
        reply,
        /^550 5\.7\.1 VSMTP\/unsigned this report returns no message that was sent from here/,
      );
      assert.equal(event?.decision.decidedBy, "bounce");
    });
  }

  test("under a key that was revoked", async () => {
    const dave = site.author("dave@dest.test");
    const message = dave.sign();
    site.keys.change(dave, { state: "revoked" });
    assert.match((await bounce(headers(message), ["dave@dest.test"])).reply, /^550 5\.7\.1 /);
  });
});

describe("what is no bounce of ours", () => {
  test("mail with a sender", async () => {
    assert.equal((await site.send(`${daemon}\r\nHi\r\n`, { from: "x@remote.test" })).summary, "250 unsigned");
  });
  test("an automatic reply, and a note that something was read", async () => {
    const away =
      "From: Eve <eve@remote.test>\r\nSubject: Away\r\nAuto-Submitted: auto-replied\r\n\r\nUntil Monday.\r\n";
    assert.equal((await bounce(away)).summary, "250 unsigned");
    const read = `From: eve@remote.test\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; report-type="disposition-notification"; boundary=x\r\n\r\n--x\r\n\r\nRead.\r\n--x--\r\n`;
    assert.equal((await bounce(read)).summary, "250 unsigned");
  });
  test("to a domain that does not sign all its mail", async () => {
    assert.equal((await bounce(headers(Buffer.from(bob.write())), ["x@plain.test"])).summary, "250 unsigned");
  });
});

test("where keys cannot be had, and where the policy cannot, it is taken: no author misses a bounce for that", async () => {
  const place = site.places.get("mx.someisp.test:8757");
  site.places.delete("mx.someisp.test:8757");
  const erin = site.author("erin@dest.test");
  assert.equal((await bounce(headers(erin.sign()), ["erin@dest.test"])).summary, "250 unsigned");
  assert.ok(place);
  site.places.set("mx.someisp.test:8757", place);
  site.dns.fail("_vsmtp.dest.test", "SERVFAIL");
  assert.equal((await bounce(headers(mallory.sign()))).summary, "250 unsigned");
  site.dns.fail("_vsmtp.dest.test", null);
  assert.match((await bounce(headers(mallory.sign()))).reply, /^550 /);
});
