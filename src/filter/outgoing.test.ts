import assert from "node:assert/strict";
import { test } from "node:test";
import { addressText } from "../message/index.ts";
import { modes } from "../submission/test-modes.ts";
import { type Handed, MailServer, type Told } from "./test-mail-server.ts";

const login = (name: string) => ({ auth_authen: name, auth_type: "PLAIN" });
const letter = (more = "", body = "Hi Bob,\r\n") =>
  `Subject: Hi\r\nFrom: Allice <allice@someisp.test>\r\nTo: bob@dest.test\r\n${more}\r\n${body}`;
const byAllice: Handed = { macros: login("allice"), message: letter() };

function code({ answer }: Told): string {
  return answer.kind === "refuse" ? `${answer.reply.code} ${answer.reply.enhanced}` : answer.kind;
}

for (const mode of modes) {
  test(`a user's mail is signed with the account's key, by one login for many messages: ${mode}`, async (t) => {
    const server = await MailServer.start(t, { mode });
    for (const name of ["allice", "al", "allice@someisp.test"]) {
      const handed = { macros: login(name), message: letter("Bcc: eve@dest.test\r\n") };
      const told = await server.hand(handed);
      assert.equal(told.answer.kind, "continue");
      const { result, rcpt, align } = await server.verdict(told.message, "bob@dest.test");
      assert.deepEqual([result, rcpt, align], ["pass", "match", "from"]);
      // Above everything that came, which keeps its order (SUB-4, SIG-48).
      assert.match(
        told.message.toString(),
        /^VSMTP-Signature: [\s\S]*\r\nDate: .*\r\nMessage-ID: .*\r\nSubject: Hi\r\nFrom: .*\r\nTo: bob@dest\.test\r\n\r\nHi Bob,\r\n$/,
      );
    }
    const [event] = server.events;
    assert.ok(event?.kind === "signed");
    assert.deepEqual([event.proof, event.queueId, event.identity], ["login", "4Bqw1", "allice@someisp.test"]);
    assert.deepEqual(
      (await server.actions()).filter((action) => action === "assert" || action === "login"),
      ["assert"],
      "PRV-9: it is rare",
    );
  });

  test(`SUB-6 what a vault does not sign is not sent: ${mode}`, async (t) => {
    const server = await MailServer.start(t, { mode, limit: 6 });
    const from = (address: string) => letter().replace("Allice <allice@someisp.test>", address);
    const notYours = await server.hand({ ...byAllice, message: from("boss@someisp.test") });
    assert.equal(code(notYours), "550 5.7.1");
    assert.deepEqual(notYours.edits, []);
    assert.equal(
      code(await server.hand({ ...byAllice, message: letter("Subject: again\r\n") })),
      "550 5.6.0",
    );
    const many = Array.from({ length: 7 }, (_, at) => `r${at}@dest.test`);
    assert.equal(code(await server.hand({ ...byAllice, to: many })), "550 5.7.28");
    assert.equal(code(await server.hand({ ...byAllice, to: many.slice(0, 6) })), "continue");
    assert.equal(code(await server.hand(byAllice)), "451 4.7.28");
    const { keyring } = server.mode;
    const byBoss = { macros: login("boss"), message: from("boss@someisp.test") };
    assert.equal(code(await server.hand(byBoss)), "continue");
    assert.ok((await keyring.suspend(server.account("boss"))).ok);
    assert.equal(code(await server.hand(byBoss)), "550 5.7.1");
    const refused = server.events.filter(({ kind }) => kind === "refused");
    assert.equal(refused.length, 5);
  });
}

test("a vault that is away, or forgot its tickets: 451, and then as before", async (t) => {
  const server = await MailServer.start(t, { mode: "remote, SIGN" });
  assert.equal(code(await server.hand(byAllice)), "continue");
  await server.mode.stopVault();
  for (const name of ["allice", "boss", "nobody"]) {
    const told = await server.hand({ ...byAllice, macros: login(name) });
    assert.equal(code(told), "451 4.4.3", `${name}: whether he has an account is not known now`);
  }
  await server.mode.startVault();
  let told = await server.hand(byAllice);
  for (let n = 0; n < 50 && told.answer.kind === "refuse"; n++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    told = await server.hand(byAllice);
  }
  assert.equal((await server.verdict(told.message, "bob@dest.test")).result, "pass");
  assert.ok(server.events.every((event) => event.kind !== "refused" || event.cause !== null));
});

test("PRV-9 without the right to name users nothing leaves unsigned", async (t) => {
  const server = await MailServer.start(t, { mode: "remote, SIGN", mayAssert: false });
  assert.equal(code(await server.hand(byAllice)), "451 4.4.3");
  const [event] = server.events;
  assert.ok(event?.kind === "refused" && event.cause instanceof Error);
  assert.match(event.cause.message, /right ASSERT/);
});

test("users without an account: their mail passes as it is, or not at all", async (t) => {
  const lenient = await MailServer.start(t);
  const told = await lenient.hand({ macros: login("nobody"), message: letter() });
  assert.deepEqual([told.answer.kind, told.message.toString()], ["accept", letter()]);
  assert.deepEqual(
    lenient.events.map(
      (event) => event.kind === "unsigned" && [event.name, event.account && addressText(event.account)],
    ),
    [["nobody", "nobody@someisp.test"]],
  );
  const strict = await MailServer.start(t, { signing: { unknownUsers: "reject" } });
  assert.equal(code(await strict.hand({ macros: login("nobody"), message: letter() })), "550 5.7.1");
  // Nobody has logged in: what cron sends goes out.
  const cron = { connection: { address: "127.0.0.1", port: null }, from: "root@mail.someisp.test" };
  assert.equal(code(await strict.hand({ ...cron, message: letter() })), "accept");
});

test("REC-2 nobody writes results in our name by having no account, or by being a program of the host", async (t) => {
  const server = await MailServer.start(t, { jobs: ["sign"] });
  const ours =
    'Authentication-Results: (x)\r\n "mail.someisp.test" 1; vsmtp=pass header.i=boss@someisp.test\r\n';
  const others = "Authentication-Results: dkim.dest.test; dkim=pass\r\n";
  const message = letter(ours + others + ours.toUpperCase());
  const cron = { connection: { address: "127.0.0.1", port: null }, from: "root@mail.someisp.test" };
  for (const by of [{ macros: login("nobody") }, cron]) {
    const told = await server.hand({ ...by, message });
    assert.equal(told.answer.kind, "accept");
    assert.equal(told.message.toString(), letter(others));
  }
  const verifying = await MailServer.start(t, { jobs: ["verify"] });
  const told = await verifying.hand({ macros: login("allice"), message });
  assert.equal(told.message.toString(), letter(others));
});

test("RCP-7 many recipients, some of them blind: one signature that names those whom all see", async (t) => {
  const server = await MailServer.start(t);
  const to = ["bob@dest.test", "carol@other.test", "eve@dest.test"];
  const message = letter("Cc: carol@other.test\r\n");
  const told = await server.hand({ ...byAllice, message, to });
  assert.equal((await server.verdict(told.message, "bob@dest.test", "carol@other.test")).rcpt, "match");
  assert.equal((await server.verdict(told.message, "eve@dest.test")).rcpt, "mismatch");
  const postmaster = await server.hand({ ...byAllice, to: ["Postmaster"] });
  assert.equal((await server.verdict(postmaster.message, "postmaster@someisp.test")).rcpt, "match");
});

test("MSG-16, MSG-19 a body in 8 bits is replaced by one in 7, where the mail server lets us", async (t) => {
  const server = await MailServer.start(t);
  const body = "Viele freundliche Grüße\r\n".repeat(1000);
  const wide = { ...byAllice, message: letter("", body) };
  const told = await server.hand(wide);
  assert.ok(told.message.includes("\r\nContent-Transfer-Encoding: quoted-printable\r\n"));
  assert.ok(told.message.toString().endsWith("Gr=C3=BC=C3=9Fe\r\n"));
  assert.equal((await server.verdict(told.message, "bob@dest.test")).result, "pass");
  const allows = { quarantine: true, changeHeaders: true, addHeaders: true, changeBody: false };
  for (const more of [{ parameters: ["BODY=8BITMIME", "smtputf8"] }, { connection: { allows } }]) {
    const kept = await server.hand({ ...wide, ...more });
    assert.equal(kept.body, null);
    assert.equal((await server.verdict(kept.message, "bob@dest.test")).result, "pass");
  }
  // The mail server may be gone by then: whoever has the outcome says that nobody needs it any more.
  const unread = await server.hand({ ...wide, isGone: true });
  assert.ok(unread.body !== null);
  const refused = { ...wide, message: letter("Subject: again\r\n", body) };
  assert.equal(code(await server.hand(refused)), "550 5.6.0", "and the spool is empty afterwards");
  const keeping = await MailServer.start(t, { signing: { eightBit: "keep" } });
  assert.equal((await keeping.hand(wide)).body, null);
});

test("SMTPUTF8 addresses: as MAIL says; what programs of the host submit says it by its header", async (t) => {
  const server = await MailServer.start(t, { submitters: { local: "sign" } });
  const made = await server.mode.keyring.addAccount({ address: "ünal@someisp.test" });
  assert.ok(made.ok);
  const message = letter().replace("Allice <allice@someisp.test>", "ünal@someisp.test");
  const handed = { macros: login("ünal"), message };
  assert.equal(code(await server.hand(handed)), "550 5.6.7");
  const told = await server.hand({ ...handed, parameters: ["SMTPUTF8"] });
  assert.equal((await server.verdict(told.message, "bob@dest.test")).result, "pass");
  const connection = { address: "127.0.0.1", port: null };
  assert.equal(code(await server.hand({ message, connection, from: "ünal@someisp.test" })), "continue");
});

test("a mail server that lets milters change no headers gets no mail of users through", async (t) => {
  const server = await MailServer.start(t);
  const allows = { quarantine: true, changeHeaders: false, addHeaders: true, changeBody: true };
  assert.equal(code(await server.hand({ ...byAllice, connection: { allows } })), "451 4.4.3");
});

test("CUS-2 what a user got and passes on keeps its author's signature, and gets a level of the user's", async (t) => {
  const server = await MailServer.start(t);
  const from = letter().replace("Allice <allice@someisp.test>", "boss@someisp.test");
  const toAllice = from.replace("bob@dest.test", "allice@someisp.test");
  const sent = await server.hand({ macros: login("boss"), message: toAllice, to: ["allice@someisp.test"] });
  const resent = `Resent-From: allice@someisp.test\r\nResent-To: bob@dest.test\r\n${sent.message}`;
  const told = await server.hand({ ...byAllice, message: resent });
  assert.equal(told.answer.kind, "continue");
  const { result, rcpt, identity, forwarder } = await server.verdict(told.message, "bob@dest.test");
  assert.deepEqual(
    [result, rcpt, identity, forwarder],
    ["pass", "forwarded", "boss@someisp.test", "allice@someisp.test"],
  );
  const toOthers = await server.hand({ macros: login("web"), message: resent });
  assert.equal(code(toOthers), "550 5.7.1", "it was not for him");
});

test("SUB-1 an address that is another account's by now is that account's from the next message on", async (t) => {
  const server = await MailServer.start(t);
  const { keyring } = server.mode;
  assert.equal(code(await server.hand(byAllice)), "continue");
  assert.ok((await keyring.reassign({ address: "allice@someisp.test" })).ok);
  assert.equal(code(await server.hand(byAllice)), "550 5.7.1");
  const told = await server.hand(byAllice);
  assert.equal((await server.verdict(told.message, "bob@dest.test")).result, "pass");
});

test("a mail server that tells no macros: all mail is others', and the operator hears of it once", async (t) => {
  const server = await MailServer.start(t);
  for (let n = 0; n < 2; n++) assert.equal(code(await server.hand({ ...byAllice, macros: {} })), "continue");
  assert.deepEqual(
    server.events.map(({ kind }) => kind),
    ["macros-missing", "verified", "verified"],
  );
});

test("who only verifies lets users' mail pass, and has no vault to ask", async (t) => {
  const server = await MailServer.start(t, { jobs: ["verify"] });
  const told = await server.hand(byAllice);
  assert.deepEqual([told.answer.kind, told.message.toString()], ["accept", letter()]);
});
