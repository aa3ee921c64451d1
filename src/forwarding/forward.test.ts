import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { receivedInMemory } from "../reception/index.ts";
import { type KeySource, MessageScanner } from "../signature/index.ts";
import { signAs, signSubmission } from "../signing/index.ts";
import { modes } from "../submission/test-modes.ts";
import { AUTHOR, octetsOf, openSite, PASS, RECEIVED, recordedField, words } from "./test-site.ts";

const forwards = {
  bob: { to: ["bob@end.test"], keep: false },
  kept: { to: ["x@end.test", "y@end.test"], keep: true },
  alias: { to: ["bob@here.test"], keep: false },
};

for (const mode of modes) {
  test(`mail that passed goes on with a level of the address it came to, ${mode} (CUS-1, CUS-2)`, async (t) => {
    const { letter, expand, judged } = await openSite(t, { mode, forwards });
    // One more than the account may write to in a period: what others wrote is not counted.
    for (let count = 0; count < 5; count++) {
      const expanded = await expand("bob@here.test", await letter({ to: "bob@here.test" }));
      assert.match(expanded.result.text, /^passed on as \w{16}, with custody level 1$/);
      assert.equal(await judged(expanded, "bob@end.test"), `pass ${AUTHOR} forwarded by bob@here.test`);
      const [message] = expanded.messages;
      assert.deepEqual([message?.sender, message?.kids.length, message?.account], [AUTHOR, 1, null]);
    }
    const exact = await letter({ to: "bob@here.test", flags: ["exact"] });
    assert.equal(
      await judged(await expand("bob@here.test", exact), "bob@end.test"),
      `pass ${AUTHOR} forwarded by bob@here.test`,
    );
  });
}

for (const mode of modes) {
  test(`somebody who logged in is counted at every level, and writes From himself, ${mode} (LIF-14, PRV-17)`, async (t) => {
    const { setUp, letter, clock } = await openSite(t, { mode, forwards });
    const logins = {
      PLAIN: async () => "\0bob@here.test\0secret",
      OAUTHBEARER: async () => `n,,\x01auth=Bearer ${await setUp.token("bob@here.test")}\x01\x01`,
    };
    for (const [mechanism, response] of Object.entries(logins)) {
      const exchange = setUp.vault.logIn(mechanism, { client: "192.0.2.1", channelBinding: null });
      const step = await exchange?.respond(Buffer.from(await response()));
      assert.ok(step?.kind === "accepted", mechanism);
      const sign = (octets: Uint8Array, level: number, count: number) => {
        const scanner = new MessageScanner();
        scanner.write(octets);
        const copies = Array.from({ length: count }, (_, index) => {
          const localPart = `x${index}`;
          return { recipients: [`${localPart}@end.test`], bound: [{ localPart, domain: "end.test" }] };
        });
        const bob = { localPart: "bob", domain: "here.test" };
        const usual = { staple: false, now: clock.now() };
        const order = { ...usual, message: scanner.finish(), identity: bob, level, copies, isUsers: true };
        return signAs(order, step.login);
      };
      const forged = Buffer.from("From: anna@far.test\r\nSender: bob@here.test\r\n\r\nx\r\n");
      // Where the keys are in its process it is the submission server that sees to that (SUB-1).
      if (mode === "remote, SIGN") {
        const refused = await sign(forged, 0, 1);
        assert.match(
          refused.kind === "refused" ? String(refused.reply.text) : "signed",
          /you may not write From/,
        );
      }
      assert.equal((await sign(await letter({ to: "bob@here.test" }), 1, 3)).kind, "signed");
      const many = await sign(await letter({ to: "bob@here.test" }), 1, 3);
      assert.ok(many.kind === "refused" && many.reply.enhanced === "4.7.28", mechanism);
      clock.nowMs += 2 * 3_600_000;
      step.login.end();
    }
  });
}

test("exact mail that is passed on without a level is refused by who gets it: that is what it asks for (VER-20)", async (t) => {
  const { letter, expand, judged } = await openSite(t, { forwards, forwarding: { vault: null } });
  const expanded = await expand("bob@here.test", await letter({ to: "bob@here.test", flags: ["exact"] }));
  assert.match(expanded.result.text, /without a further level: there is no vault here$/);
  assert.equal(await judged(expanded, "bob@end.test"), `exact ${AUTHOR} mismatch`);
});

test("a second forwarder adds the second level; the chain's top answers", async (t) => {
  const { keyring, letter, expand, judged } = await openSite(t, { forwards });
  assert.ok((await keyring.addAccount({ address: "alias@here.test" })).ok);
  const first = await expand("alias@here.test", await letter({ to: "alias@here.test" }));
  const second = await expand("bob@here.test", await octetsOf(first.messages[0] as never));
  assert.match(second.result.text, /with custody level 2$/);
  assert.equal(await judged(second, "bob@end.test"), `pass ${AUTHOR} forwarded by bob@here.test`);
});

test("no level is added where it could not hold, and the message goes on as it is", async (t) => {
  const { letter, expand, verdict, keyring } = await openSite(t, { forwards });
  const toBob = { to: "bob@here.test" };
  const good = (await letter(toBob)).toString("latin1");
  const behind = good.slice(good.indexOf("VSMTP-Signature"));
  const levelOne = (
    await octetsOf((await expand("bob@here.test", Buffer.from(good, "latin1"))).messages[0] as never)
  )
    .toString("latin1")
    .replace(/^(VSMTP-Signature: v=1; n=1;[\s\S]*?\r\n)(?=\S)[\s\S]*$/, "$1");
  const cases: [because: RegExp, octets: string, Parameters<typeof expand>[2]?][] = [
    [/its verdict is fail$/, recordedField('vsmtp=fail reason="body" policy.rcpt=match') + RECEIVED + behind],
    [/its recipients are mismatch$/, recordedField("vsmtp=pass policy.rcpt=mismatch") + RECEIVED + behind],
    [/its recipients are unknown$/, recordedField("vsmtp=pass") + RECEIVED + behind],
    // What stands below the border's own Received, the sender wrote.
    [/nobody verified it$/, RECEIVED + recordedField(PASS) + behind],
    [/nobody verified it$/, behind],
    [/its signature has ended or does not fit it$/, good.replace("Hello", "Hollo")],
    [/its verdict is none$/, `${recordedField("vsmtp=none")}${RECEIVED}From: x@y.test\r\n\r\nx\r\n`],
    [/it was not signed for this address$/, (await letter({ to: "carol@here.test" })).toString("latin1")],
    // A level that somebody put above a sound level 0, and one that belongs to another copy of the same message.
    [
      /does not belong to the one below$/,
      recordedField(PASS) + RECEIVED + levelOne.replace("i=bob@", "i=eve@") + behind,
    ],
    [/it was not signed for this address$/, recordedField(PASS) + RECEIVED + levelOne.repeat(2) + behind],
    [
      /no signature of level 0$/,
      recordedField(PASS) + RECEIVED + levelOne + behind.slice(behind.indexOf("From:")),
    ],
  ];
  for (const [because, octets, message] of cases) {
    const { result, messages } = await expand("bob@here.test", Buffer.from(octets, "latin1"), message);
    assert.equal(result.kind, "delivered");
    assert.match(result.text, because, octets);
    const passed = (await octetsOf(messages[0] as never)).toString("latin1");
    assert.equal(passed, `Delivered-To: bob@here.test\r\n${octets}`);
  }
  // Sent from here, and seen by no border.
  const own = await expand("bob@here.test", Buffer.from(behind, "latin1"), { account: "a1", kids: ["k"] });
  assert.match(own.result.text, /with custody level 1$/);
  assert.deepEqual(own.messages[0]?.account, "a1");
  assert.deepEqual(own.messages[0]?.kids[0], "k");

  const nobody = await expand("alias@here.test", await letter({ to: "alias@here.test" }));
  assert.match(nobody.result.text, /alias@here\.test is no account's$/);
  assert.ok((await keyring.suspend((await keyring.account("bob@here.test"))?.id as never, "test")).ok);
  const suspended = await expand("bob@here.test", await letter(toBob));
  assert.match(suspended.result.text, /This account is suspended/);
  const last = await verdict(await octetsOf(suspended.messages[0] as never), "bob@end.test");
  assert.equal(words(last), `pass ${AUTHOR} mismatch`);
});

test("a vault that is away: mail waits for its level, and after a day goes without", async (t) => {
  const { setUp, clock, letter, expand, judged } = await openSite(t, { mode: "remote, SIGN", forwards });
  const octets = await letter({ to: "bob@here.test" });
  const came = clock.nowMs;
  await setUp.stopVault();
  const waits = await expand("bob@here.test", octets);
  assert.deepEqual(
    [waits.result.kind, waits.result.enhanced, waits.messages.length],
    ["deferred", "4.4.3", 0],
  );
  await setUp.startVault();
  let again = await expand("bob@here.test", octets, { enqueuedAt: came });
  for (; again.result.kind === "deferred"; again = await expand("bob@here.test", octets)) await sleep(20);
  assert.equal(await judged(again, "bob@end.test"), `pass ${AUTHOR} forwarded by bob@here.test`);
  await setUp.stopVault();
  clock.nowMs += 24 * 3_600_000;
  const late = await expand("bob@here.test", octets, { enqueuedAt: came });
  assert.match(late.result.text, /without a further level: the vault was away for a day$/);
});

test("copies of several addresses name each his own alone; one that keeps says what is not passed on", async (t) => {
  const { letter, expand } = await openSite(t, { forwards });
  const octets = await letter({ to: "kept@here.test" });
  const { messages, result } = await expand("kept@here.test", octets);
  assert.deepEqual(
    messages.map(({ recipients }) => recipients.map(({ address }) => address)),
    [["x@end.test"], ["y@end.test"]],
  );
  assert.match(result.text, /^passed on as \w{16} and 1 more, /);
  assert.equal(messages[0]?.content, messages[1]?.content, "stored once");
  const quarantined = await expand("kept@here.test", octets, { suspicious: true });
  assert.deepEqual([quarantined.result.kind, quarantined.messages], ["delivered", []]);
  const suspicious = await expand("bob@here.test", octets, { suspicious: true });
  assert.deepEqual([suspicious.result.kind, suspicious.result.enhanced], ["failed", "5.7.1"]);
});

test("loops end: the own trace, and too many hosts", async (t) => {
  const { letter, expand } = await openSite(t, { forwards });
  const octets = await letter({ to: "bob@here.test" });
  const again = Buffer.concat([Buffer.from("Delivered-To: Bob@HERE.test (x)\r\n"), octets]);
  assert.match(
    (await expand("bob@here.test", again)).result.text,
    /passed on by bob@here\.test before: mail loop/,
  );
  const far = Buffer.concat([Buffer.from(RECEIVED.repeat(30)), octets]);
  const { result } = await expand("bob@here.test", far);
  assert.deepEqual([result.kind, result.enhanced], ["failed", "5.4.6"]);
  const kept = Buffer.concat([Buffer.from("Delivered-To: kept@here.test\r\n"), octets]);
  assert.deepEqual((await expand("kept@here.test", kept)).result.kind, "delivered");
});

test("what the sender wants to hear goes along, but for success (RFC 3461 §5.2.7)", async (t) => {
  const { letter, expand } = await openSite(t, { forwards });
  const octets = await letter({ to: "bob@here.test" });
  const wishes = async (notify: readonly ("success" | "failure" | "delay" | "never")[] | null) => {
    const recipient = { index: 0, address: "bob@here.test", state: "pending", detail: null, notify } as const;
    const recipients = [{ ...recipient, originalRecipient: null }];
    const { messages } = await expand("bob@here.test", octets, {
      recipients,
      envelopeId: "e",
      returned: "full",
    });
    const [message] = messages;
    assert.deepEqual([message?.envelopeId, message?.returned], ["e", "full"]);
    assert.equal(message?.recipients[0]?.originalRecipient, "rfc822;bob@here.test");
    return message?.recipients[0]?.notify;
  };
  assert.deepEqual(await wishes(null), null);
  assert.deepEqual(await wishes(["success", "failure"]), ["failure"]);
  assert.deepEqual(await wishes(["success"]), ["never"]);
});

test("who has not written it hears nothing of what becomes of it (ACT-2)", async (t) => {
  const { letter, expand } = await openSite(t, { forwards });
  const octets = await letter({ to: "bob@here.test" });
  const signed = octets.subarray(octets.indexOf("VSMTP-Signature"));
  const loop = "Delivered-To: bob@here.test\r\n";
  const passed = async (recorded: string, sender: string) => {
    const seen = Buffer.from(recordedField(recorded) + RECEIVED);
    const { messages } = await expand("bob@here.test", Buffer.concat([seen, signed]), { sender });
    const { result } = await expand("bob@here.test", Buffer.concat([Buffer.from(loop), seen, signed]), {
      sender,
    });
    return [messages[0]?.recipients[0]?.notify ?? "told", result.kind];
  };
  const nothing = [["never"], "delivered"];
  assert.deepEqual(await passed("vsmtp=none; spf=fail smtp.mailfrom=victim.test", "v@victim.test"), nothing);
  assert.deepEqual(await passed(`${PASS}; spf=softfail smtp.mailfrom=victim.test`, "v@victim.test"), nothing);
  const told = ["told", "failed"];
  assert.deepEqual(await passed(`${PASS}; spf=fail smtp.mailfrom=far.test`, "other@FAR.test"), told);
  assert.deepEqual(await passed("vsmtp=none; spf=none", "v@victim.test"), told);
  assert.deepEqual(await passed("vsmtp=none", "v@victim.test"), told);
});

test("a large body goes from file to file, and nothing is left of one that does not go on", async (t) => {
  const site = await openSite(t, { mode: "remote, SIGN", forwards, spoolOctets: 1000 });
  const octets = await site.letter({ to: "bob@here.test", body: "0123456789abcdef\r\n".repeat(1000) });
  const expanded = await site.expand("bob@here.test", octets);
  assert.equal(site.files().length, 1);
  assert.equal(await site.judged(expanded, "bob@end.test"), `pass ${AUTHOR} forwarded by bob@here.test`);
  await expanded.messages[0]?.content.file?.remove();
  await site.setUp.stopVault();
  assert.equal((await site.expand("bob@here.test", octets)).result.kind, "deferred");
  assert.deepEqual(site.files(), []);
});

test("a user's redirect waits where the author's key cannot be asked for, and needs somebody to ask (CUS-2)", async (t) => {
  const { setUp, letter, clock } = await openSite(t, { forwards });
  const login = await setUp.vault.assert(
    { localPart: "bob", domain: "here.test" },
    { client: "", channelBinding: null },
  );
  assert.ok(login !== null && "sign" in login);
  const octets = Buffer.concat([
    Buffer.from("Resent-From: Bob <bob@here.test>\r\nResent-Bcc: x@end.test\r\n"),
    await letter({ to: "bob@here.test", recorded: null }),
  ]);
  const answer = async (keys: KeySource | null): Promise<string> => {
    const usual = { smtputf8: false, authservIds: [], staple: false, now: clock.now() };
    const message = receivedInMemory(octets);
    const result = await signSubmission({ ...usual, message, recipients: ["x@end.test"], keys }, login);
    return result.kind === "refused" ? `${result.reply.code} ${result.reply.enhanced}` : result.identity;
  };
  assert.equal(await answer({ lookUp: async () => ({ kind: "temperror", detail: "" }) }), "451 4.4.3");
  assert.equal(
    await answer({ lookUp: async () => ({ kind: "fail", reason: "no-key", detail: "" }) }),
    "550 5.7.1",
  );
  assert.equal(await answer(null), "550 5.7.1");
});
