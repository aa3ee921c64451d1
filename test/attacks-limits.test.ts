import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Talker } from "../src/smtp/test-peers.ts";
import { type Author, addressOf, bob, nowSeconds } from "./support/authors.ts";
import { ReceivingSite } from "./support/receiving-site.ts";

// Mail that was genuine once, and too much of everything, on port 25 of a real installation (docs/attacks.md).

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

const insert = (message: Buffer, fields: string): Buffer =>
  Buffer.from(`${fields}\r\n${message.toString("latin1")}`, "latin1");

describe("time, keys and recipients", () => {
  test("expired and not yet signed (SIG-32)", async () => {
    const now = nowSeconds();
    for (const [signedAt, expiresAt] of [
      [now - 7200, now - 60],
      [now + 3600, now + 7200],
    ] as const) {
      assert.equal(
        (await site.send(allice.sign(allice.write(), { signedAt, expiresAt }))).summary,
        "550 expired",
      );
    }
  });

  const states: [what: string, over: object, expected: string][] = [
    ["revoked", { state: "revoked" }, "550 revoked"],
    ["suspended", { state: "suspended" }, "550 suspended"],
    ["a key that was not valid yet", { notBefore: nowSeconds() + 3600 }, "550 bad-key"],
    ["a key that is over", { notAfter: nowSeconds() - 1 }, "550 bad-key"],
    ["retired: verifies on", { state: "retired" }, "250 pass"],
  ];
  for (const [what, over, expected] of states) {
    test(what, async () => {
      const carol = site.author(`carol-${what.replaceAll(/\W/g, "-")}@someisp.test`);
      site.keys.change(carol, over);
      assert.equal((await site.send(carol.sign())).summary, expected);
    });
  }

  test("a key that the account never had", async () => {
    const { key } = mallory;
    assert.equal((await site.send(allice.sign(allice.write(), { keys: [key] }))).summary, "550 no-key");
  });

  test("replayed to others: mismatch, judged by who sends it; refused where the author wants that (VER-16 to VER-20)", async () => {
    const message = allice.sign();
    const replayed = await site.send(message, { to: ["carol@dest.test"] });
    assert.deepEqual([replayed.summary, replayed.event?.verdict.rcpt], ["250 pass", "mismatch"]);
    const both = await site.send(message, { to: ["bob@dest.test", "carol@dest.test"] });
    assert.equal(both.event?.verdict.rcpt, "mismatch");
    const exact = allice.sign(allice.write(), { flags: ["exact"] });
    assert.equal((await site.send(exact, { to: ["carol@dest.test"] })).summary, "550 exact");
    assert.equal((await site.send(exact)).summary, "250 pass");
  });

  test("a chain that a thief puts on top does not make a replay a forward (CUS-5)", async () => {
    const message = allice.sign(allice.write(), { flags: ["exact"] });
    const onTop = mallory.sign(message, { level: 1, recipients: [addressOf("carol@dest.test")] });
    assert.equal((await site.send(onTop, { to: ["carol@dest.test"] })).summary, "550 exact");
  });
});

describe("too much of everything", () => {
  test("11 signature fields: refused before any key is asked for (SIG-55)", async () => {
    const asked = site.keys.asked.length;
    let message = allice.sign();
    for (let n = 0; n < 10; n++) message = insert(message, `VSMTP-Signature: v=1; n=${n % 8}; b=`);
    assert.equal((await site.send(message)).summary, "550 syntax");
    assert.equal(site.keys.asked.length, asked);
  });

  test("10 fields that hold: 8 keys are asked for at most (VER-5, VER-9)", async () => {
    const hops = Array.from({ length: 5 }, (_, level) => site.author(`hop${level}@evil.test`));
    const [first, ...others] = hops as [Author, ...Author[]];
    const recipients = hops.map(({ address }) => addressOf(address));
    let message = first.sign(first.write(), { recipients });
    for (const [index, hop] of others.entries())
      message = hop.sign(message, { level: index + 1, recipients });
    // Beside each good field one, above it, whose key nobody has.
    const decoyed = message
      .toString("latin1")
      .replaceAll(/^VSMTP-Signature:(?:.*\r\n(?=[ \t]))*.*\r\n/gm, (field, at) => {
        const k = `${"A".repeat(20)}${String.fromCharCode(65 + (at % 20))}A`;
        return field.replace(/\bk=[\w-]{22}/, `k=${k}`) + field;
      });
    const asked = site.keys.asked.length;
    const { summary, event } = await site.send(Buffer.from(decoyed, "latin1"));
    assert.equal(decoyed.match(/^VSMTP-Signature/gm)?.length, 10);
    assert.deepEqual([summary, event?.verdict.rcpt], ["250 pass", "mismatch"]);
    assert.ok(site.keys.asked.length - asked <= 8, `${site.keys.asked.length - asked}`);
  });

  test("a header of more than 1 MiB is refused while it comes, one of 60000 fields is read in no time", async () => {
    const talker = await Talker.hello(site.port);
    const huge = insert(
      allice.sign(),
      `${"X-Padding: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n".repeat(30_000)}X: y`,
    );
    assert.match((await site.sendBy(talker, huge)).reply, /^552 5\.3\.4 /);
    const start = performance.now();
    const many = insert(allice.sign(), `${"X-A: b\r\n".repeat(60_000)}X: y`);
    assert.equal((await site.sendBy(talker, many)).summary, "250 pass");
    const signatures = insert(allice.sign(), `${"VSMTP-Signature: v=1\r\n".repeat(40_000)}X: y`);
    assert.equal((await site.sendBy(talker, signatures)).summary, "550 syntax");
    const folded = insert(allice.sign(), `X: ${"\r\n y".repeat(200_000)}`);
    assert.equal((await site.sendBy(talker, folded)).summary, "250 pass");
    for (const nonsense of ["(", "\\.", ".", "a.", '"a', "/"]) {
      const claim = `Authentication-Results: ${nonsense.repeat(400)}\r\n${` ${nonsense.repeat(400)}\r\n`.repeat(400)}X: y`;
      assert.equal((await site.sendBy(talker, insert(allice.sign(), claim))).summary, "250 pass");
    }
    for (const author of ["@x.", "x@a.test,", "(", "=?a?q?x?= "]) {
      const from = author.repeat(Math.floor(900 / author.length));
      const unsigned = mallory.write({ From: `${`${from}\r\n `.repeat(800)}x@evil.test` });
      assert.equal((await site.sendBy(talker, unsigned)).summary, "250 unsigned");
    }
    assert.ok(performance.now() - start < 10_000, `${performance.now() - start} ms`);
    talker.destroy();
  });

  test("100 servers on the way are a loop", async () => {
    const looping = insert(
      allice.sign(),
      `${"Received: from a by b; Thu, 26 Nov 2026 12:00:00 +0000\r\n".repeat(99)}Received: x`,
    );
    assert.match((await site.send(looping)).reply, /^554 5\.4\.6 /);
  });

  test("one message asks the DNS no more than a hundred times, whatever it names", async () => {
    const deep = (n: number): string => `x@${[..."abcdefg"].map((label) => label + n).join(".")}.victim.test`;
    const from = Array.from({ length: 8 }, (_, n) => deep(n)).join(", ");
    const signatures = Array.from(
      { length: 20 },
      (_, n) => `DKIM-Signature: v=1; a=rsa-sha256; d=q${n}.victim.test; s=s; h=from; bh=eA==; b=eA==`,
    );
    const before = site.questions.length;
    const message = insert(Buffer.from(mallory.write({ From: from })), signatures.join("\r\n"));
    assert.equal((await site.send(message, { from: "x@r1.r2.victim.test" })).summary, "250 unsigned");
    const asked = site.questions.length - before;
    assert.ok(asked > 20 && asked <= 100, `${asked} questions`);
  });

  test("and honest mail still passes", async () => {
    assert.equal((await site.send(allice.sign(allice.write(), { recipients: [bob] }))).summary, "250 pass");
  });
});
