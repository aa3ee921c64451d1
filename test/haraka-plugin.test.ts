import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Talker } from "../src/smtp/test-peers.ts";
import { HarakaSite, password } from "./support/haraka-site.ts";
import { bodyOf, hopMessages } from "./support/hop-messages.ts";
import { missingHaraka } from "./support/peers/haraka-program.ts";

// Two real Harakas with the plugin: users log in to one, whose vault is ours, and the other is the MX of dest.test.

const skip = missingHaraka();
const allice = "allice@someisp.test";
const passed =
  /^Authentication-Results: mx\.dest\.test;\r\n\tvsmtp=pass header\.i=allice@someisp\.test .*policy\.rcpt=match/m;

let site: HarakaSite;
let submission: Awaited<ReturnType<HarakaSite["startSubmission"]>>;
let mx: Awaited<ReturnType<HarakaSite["startMx"]>>;

before(async () => {
  if (skip) return;
  site = await HarakaSite.start();
  await site.socketIsThere("haraka");
  [submission, mx] = await Promise.all([site.startSubmission(), site.startMx()]);
});

after(async () => {
  await site?.stop();
});

async function withLogs(run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    const logs = `${submission.log().slice(-5000)}\n== MX ==\n${mx.log().slice(-5000)}`;
    throw new Error(`${(error as Error).message}\n${logs}`, { cause: error });
  }
}

async function arrived(recipients: readonly string[]): Promise<Map<string, string>> {
  const taken = await site.sink.take(recipients);
  assert.deepEqual([...taken.keys()], [...recipients]);
  return new Map([...taken].map(([recipient, octets]) => [recipient, octets.toString("latin1")]));
}

/** A message that Haraka has signed, as its recipient in sink.test got it. */
async function signedFor(recipient: string, text = ""): Promise<string> {
  const octets = Buffer.from(`From: ${allice}\r\nTo: ${recipient}\r\nSubject: Lunch\r\n${text}\r\nNoon?\r\n`);
  await site.submit({ octets, from: allice, to: [recipient] });
  return (await arrived([recipient])).get(recipient) ?? "";
}

const send = (text: string, to: string, from = allice) =>
  site.send({ octets: Buffer.from(text, "latin1"), from, to: [to] });

for (const message of hopMessages) {
  test(`Haraka signs ${message.name}, and at a Haraka it passes`, { skip }, async () => {
    await withLogs(async () => {
      const recipients = message.localParts.map((localPart) => `${localPart}@dest.test`);
      await site.submit({ octets: message.octets(recipients), from: allice, to: recipients });
      // Haraka does not ask for SMTPUTF8 where it passes such mail on, so that it gets no further.
      if (message.name === "a UTF-8 address and header") return void (await passedFor(recipients[0] ?? ""));
      for (const [recipient, text] of await arrived(recipients)) {
        assert.match(text, passed, recipient);
        // Lines of more than 992 octets Haraka breaks, before anybody can sign them.
        const isBroken = message.name === "lines of 998 octets";
        assert.equal(bodyOf(text).equals(message.body), !isBroken, `body of ${recipient}`);
      }
    });
  });
}

/** What the second Haraka writes into its log of a message for somebody. */
async function passedFor(recipient: string): Promise<void> {
  for (let tries = 0; tries < 200; tries++, await sleep(50)) {
    const lines = mx.log().split("\n");
    const [, id] =
      /\[([^\]]+)\]/.exec(
        lines.find((line) => line.includes(` recipient <${recipient}>`))?.slice(30) ?? "",
      ) ?? [];
    if (id && lines.some((line) => line.includes(`[${id}] [vsmtp] result: pass,`))) return;
  }
  assert.fail(`nothing has passed for ${recipient}`);
}

test("a blind recipient gets a copy of his own, and no copy tells of another (SIG-48, RCP-4)", {
  skip,
}, async () => {
  await withLogs(async () => {
    const to = ["bob@dest.test", "carl@dest.test", "dave@other.test", "eve@dest.test"];
    const octets = Buffer.from(
      `From: ${allice}\r\nTo: bob@dest.test, carl@dest.test\r\nCc: dave@other.test\r\nBcc: eve@dest.test\r\nSubject: x\r\n\r\nHi\r\n`,
    );
    assert.match(await site.submit({ octets, from: allice, to: [...to, "bob@dest.test"] }), /^250 /);
    const texts = [...(await arrived(to)).values()];
    for (const text of texts) {
      assert.match(text, passed);
      assert.doesNotMatch(text, /^Bcc/m);
      assert.match(text, /^Message-ID: <[^>]+@someisp\.test>\r$/m);
    }
    const hashes = texts.map((text) => / r=([^;]*);/.exec(text)?.[1]?.split(/[:,]/).length);
    assert.deepEqual(hashes, [3, 3, 2, 2], "a salt, and a hash for each recipient");
    assert.equal(texts[0], texts[1], "those of one domain share their copy");
  });
});

test("results under its own name that somebody else has written are not passed on (REC-2)", {
  skip,
}, async () => {
  const recipient = "forged@sink.test";
  const forged =
    "Authentication-Results: mx.dest.test; vsmtp=pass\r\nX-VSMTP-Flag: tag; VSMTP/none\r\nAuthentication-Results: mail.someisp.test; auth=pass\r\n";
  const text = await signedFor(recipient, forged);
  assert.doesNotMatch(text, /^Authentication-Results: mail\.someisp\.test; auth=pass\r$/m);
  await send(`${forged}${text}`, recipient);
  const again = (await arrived([recipient])).get(recipient) ?? "";
  const results = again.match(/^Authentication-Results: mx\.dest\.test;/gm) ?? [];
  assert.deepEqual([results.length, passed.test(again)], [1, true]);
  assert.doesNotMatch(again, /^X-VSMTP-Flag/m);
});

test("what is forged or altered is refused, with the reason; unsigned mail of others is not", {
  skip,
}, async () => {
  await withLogs(async () => {
    const recipient = "altered@sink.test";
    const text = await signedFor(recipient);
    assert.match(await send(text, recipient), /^250 /);
    await assert.rejects(send(text.replace("Noon?", "Now!"), recipient), /550 5\.7\.1 /);
    await assert.rejects(send(text.replace("Subject: Lunch", "Subject: Dinner"), recipient), /550 5\.7\.1 /);
    await assert.rejects(
      send(text.replace(/^ k=.{22}/m, ` k=${"A".repeat(22)}`), recipient),
      /550 5\.7\.5 VSMTP\/no-key/,
    );
    const unsigned = (from: string) => `From: ${from}\r\nTo: ${recipient}\r\nSubject: x\r\n\r\nHi\r\n`;
    await assert.rejects(send(unsigned(allice), recipient), /550 5\.7\.1 VSMTP\/unsigned/);
    await arrived([recipient]);
    await send(unsigned("joe@plain.test"), recipient, "joe@plain.test");
    assert.match((await arrived([recipient])).get(recipient) ?? "", /;\r\n\tvsmtp=none/);
    assert.match(mx.log(), /\[vsmtp\] result: fail, reason: body, .*action: reject/);
    assert.match(mx.log(), /\[vsmtp\] result: pass, identity: allice@someisp\.test/);
  });
});

test("a client hears the stage; a copy for somebody else passes as such (ACT-7, VER-17)", {
  skip,
}, async () => {
  const talker = await Talker.connect(site.ports.mx);
  await talker.reply();
  assert.match(await talker.ask("EHLO client.test"), /\b250[- ]VSMTP enforce\b/);
  talker.end();
  const text = await signedFor("visible@sink.test");
  await send(text, "other@dest.test");
  assert.match((await arrived(["other@dest.test"])).get("other@dest.test") ?? "", /policy\.rcpt=mismatch/);
});

test("who comes after a user on the same connection, by XCLIENT, is not that user", { skip }, async () => {
  const talker = await Talker.secured(site.ports.submission);
  assert.match(await talker.ask(`AUTH PLAIN ${btoa(`\0allice\0${password}`)}`), /^235 /);
  const write = async () => {
    await talker.ask(`MAIL FROM:<${allice}>`);
    await talker.ask("RCPT TO:<x@sink.test>");
    await talker.ask("DATA");
    assert.match(await talker.ask(`From: ${allice}\r\nTo: x@sink.test\r\n\r\nHi\r\n.`), /^250 /);
    return (await arrived(["x@sink.test"])).get("x@sink.test") ?? "";
  };
  assert.match(await write(), /^VSMTP-Signature: /m);
  assert.match(await talker.ask("XCLIENT ADDR=192.0.2.1 PROTO=ESMTP HELO=other.test"), /^220 /);
  await talker.ask("EHLO other.test");
  assert.doesNotMatch(await write(), /^VSMTP-Signature/m);
  talker.end();
});

test("who passes on what was for him adds a level of his own (CUS-2)", { skip }, async () => {
  const text = await signedFor("carol@someisp.test");
  const resent = `Resent-From: carol@someisp.test\r\nResent-To: x@dest.test\r\nResent-Date: Thu, 26 Nov 2026 12:00:00 +0000\r\nResent-Message-ID: <1@someisp.test>\r\n${text}`;
  const octets = Buffer.from(resent, "latin1");
  await site.submit({ octets, from: "carol@someisp.test", to: ["x@dest.test"], user: "carol" });
  const forwarded = (await arrived(["x@dest.test"])).get("x@dest.test") ?? "";
  assert.match(forwarded, /^VSMTP-Signature: v=1; n=1; .*i=carol@someisp\.test;/m);
  assert.match(forwarded, /vsmtp=pass header\.i=allice@someisp\.test .*policy\.rcpt=forwarded/);
});

test("only the user's own address is signed for, and each refusal says why (SUB-1)", { skip }, async () => {
  await withLogs(async () => {
    const write = (from: string, more = "") =>
      Buffer.from(`From: ${from}\r\nTo: x@sink.test\r\n${more}\r\nHi\r\n`);
    const submit = (octets: Buffer, user: string | null) =>
      site.submit({ octets, from: allice, to: ["x@sink.test"], user });
    await assert.rejects(
      submit(write("boss@someisp.test"), "allice"),
      /550 5\.7\.1 boss@someisp\.test in From/,
    );
    await assert.rejects(submit(write(allice), "carol"), /550 5\.7\.1 allice@someisp\.test in From/);
    await assert.rejects(submit(write("suspended@someisp.test"), "suspended"), /550 5\.7\.1 .*suspended/);
    await assert.rejects(submit(write(allice, `From: ${allice}\r\n`), "allice"), /550 5\.6\.0 /);
    const wide = `X-Wide: ${"x".repeat(900)}\r\n`.repeat(1200);
    await assert.rejects(submit(write(allice, wide), "allice"), /552 5\.3\.4 /);
    await assert.rejects(send(write(allice, wide).toString(), "x@sink.test"), /552 5\.3\.4 /);
    // A login name may be the address itself.
    await submit(write(allice), allice);
    assert.match((await arrived(["x@sink.test"])).get("x@sink.test") ?? "", /^VSMTP-Signature: v=1;/m);
    // Haraka's users without an account, and nobody at all.
    for (const user of ["stranger", null]) {
      await submit(write("stranger@someisp.test"), user);
      assert.doesNotMatch((await arrived(["x@sink.test"])).get("x@sink.test") ?? "", /^VSMTP-Signature/m);
    }
    assert.match(submission.log(), /\[vsmtp\] skip:the vault knows no account of stranger/);
  });
});

test("27 MiB to two domains, and 5 MiB in 8 bits, go through Haraka's spool on the disk", {
  skip,
}, async () => {
  await withLogs(async () => {
    const line = "0123456789abcdef".repeat(4);
    const head = (type: string) =>
      `From: ${allice}\r\nTo: large@dest.test, large@other.test\r\nSubject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: ${type}\r\n\r\n`;
    const to = ["large@dest.test", "large@other.test"];
    const plain = `${line}\r\n.${line}\r\n`.repeat(210_000);
    await site.submit({ octets: Buffer.from(head("7bit") + plain), from: allice, to });
    for (const text of (await arrived(to)).values()) {
      assert.match(text.slice(0, 5000), passed);
      assert.ok(text.endsWith(`\r\n\r\n${plain}`));
    }
    const eightBit = `Grüße ${line}\r\n`.repeat(70_000);
    await site.submit({ octets: Buffer.from(head("8bit") + eightBit), from: allice, to });
    for (const text of (await arrived(to)).values()) {
      assert.match(text.slice(0, 5000), passed);
      assert.match(text.slice(0, 5000), /^Content-Transfer-Encoding: quoted-printable\r$/m);
    }
  });
});
