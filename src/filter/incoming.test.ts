import assert from "node:assert/strict";
import { test } from "node:test";
import { SpoolError } from "../spool/index.ts";
import { MailServer, type Told } from "./test-mail-server.ts";

const FORGED = "Authentication-Results: mail.someisp.test; vsmtp=pass\r\n";
const letter = (more = "", body = "Hi Bob,\r\n") =>
  `From: Allice <allice@someisp.test>\r\nTo: bob@dest.test\r\nSubject: Hi\r\n${more}\r\n${body}`;

/** As allice's own provider sent it. */
async function signed(server: MailServer, message = letter()): Promise<string> {
  const told = await server.hand({ macros: { auth_authen: "allice" }, message });
  assert.equal(told.answer.kind, "continue");
  return told.message.toString("latin1");
}

function code({ answer }: Told): string {
  return answer.kind === "refuse" ? `${answer.reply.code} ${answer.reply.enhanced}` : answer.kind;
}

test("REC-1, REC-2 others' mail is verified, and the result written above all, in place of any in our name", async (t) => {
  const server = await MailServer.start(t, { policy: { tag: { subject: "[?]", fields: [] } } });
  const message = await signed(server);
  const told = await server.hand({
    from: "list@far.test",
    message: `${FORGED}X-VSMTP-Flag: x\r\n${message}`,
  });
  assert.deepEqual([told.answer.kind, told.quarantine, told.body], ["continue", null, null]);
  const text = told.message.toString();
  assert.match(
    text,
    /^Authentication-Results: mail\.someisp\.test;\s+vsmtp=pass\s+header\.i=allice@someisp\.test /,
  );
  assert.equal(text.slice(text.indexOf("VSMTP-Signature")), message, "all other octets stay");
  assert.equal((await server.verdict(told.message, "bob@dest.test")).result, "pass");

  const altered = message.replace("Hi Bob", "Hi Eve");
  const tagged = await server.hand({ message: altered });
  assert.match(tagged.message.toString(), /^Authentication-Results: .*\s+vsmtp=fail reason="?body"?/);
  assert.match(tagged.message.toString(), /\r\nX-VSMTP-Flag: tag; VSMTP\/body\r\n/);
  assert.match(tagged.message.toString(), /\r\nSubject: \[\?\] Hi\r\n/);
  const [, event] = server.events;
  assert.ok(event?.kind === "verified");
  assert.deepEqual(
    [event.queueId, event.verdict.result, event.decision.action],
    ["4Bqw1", "pass", "deliver"],
  );
});

test("ACT-1, ACT-3 what is decided is what the mail server is told", async (t) => {
  const forged = letter();
  const strict = await MailServer.start(t, { wanted: "reject" });
  const refused = await strict.hand({ message: forged });
  assert.equal(code(refused), "550 5.7.1");
  assert.ok(refused.answer.kind === "refuse");
  assert.ok(refused.answer.reply.text.endsWith(`(${strict.events[0]?.id})`));
  assert.match(refused.answer.reply.text, /VSMTP\/unsigned/);
  assert.deepEqual(refused.edits, []);

  for (const [action, expected] of [
    ["deliver", "continue"],
    ["tag", "continue"],
    ["discard", "discard"],
    ["defer", "451 4.4.3"],
    ["reject", "550 5.7.1"],
  ] as const) {
    const server = await MailServer.start(t, { policy: { actions: { none: action } } });
    assert.equal(code(await server.hand({ message: forged })).slice(0, 3), expected.slice(0, 3), action);
  }
});

test("what is to be kept from its recipients is held by the mail server, or goes on with its mark", async (t) => {
  const policy = { actions: { none: "quarantine" } } as const;
  const holding = await MailServer.start(t, { policy });
  const held = await holding.hand({ message: letter() });
  assert.deepEqual([held.answer.kind, held.quarantine], ["continue", "VSMTP/unsigned"]);
  assert.match(
    held.message.toString(),
    /^Authentication-Results: .*[\s\S]*\r\nX-VSMTP-Flag: quarantine; VSMTP\/unsigned\r\n/,
  );
  const allows = { quarantine: false, changeHeaders: true, addHeaders: true, changeBody: true };
  const cannot = await holding.hand({ message: letter(), connection: { allows } });
  assert.deepEqual([cannot.answer.kind, cannot.quarantine], ["continue", null]);
  assert.match(cannot.message.toString(), /\r\nX-VSMTP-Flag: quarantine; /);
  const marking = await MailServer.start(t, { policy, quarantine: "mark" });
  const marked = await marking.hand({ message: letter() });
  assert.equal(marked.quarantine, null);
  assert.match(marked.message.toString(), /\r\nX-VSMTP-Flag: quarantine; /);
});

test("ACT-8 recipients whose domains treat mail otherwise come in transactions of their own", async (t) => {
  const domains = [
    { name: "strict.test", stage: "require", actions: {}, senders: [] },
    { name: "like.test", stage: "require", actions: {}, senders: [] },
  ] as const;
  const server = await MailServer.start(t, { domains });
  const to = ["bob@strict.test", "carol@like.test", "eve@dest.test"];
  const told = await server.hand({ message: letter(), to });
  assert.deepEqual(told.recipients, ["bob@strict.test", "carol@like.test"]);
  assert.equal(code(told), "550 5.7.1");
  assert.equal(code(await server.hand({ message: letter(), to: ["eve@dest.test"] })), "continue");
  const mine = await server.hand({ macros: { auth_authen: "allice" }, message: letter(), to });
  assert.equal(mine.recipients.length, 3, "of users all come at once");
  const alike = await MailServer.start(t);
  assert.equal(alike.filter.rcpt, undefined, "nobody is asked for each");
});

test("what fails here defers others' mail, or lets it in without a verdict, and without one in our name", async (t) => {
  const keyTrouble = new SpoolError("broken", new Error("disk"));
  const settings = { keyTrouble, policy: { replays: "accept" } } as const;
  const server = await MailServer.start(t, settings);
  const message = FORGED + (await signed(server));
  assert.equal(code(await server.hand({ message })), "451 4.3.0");
  const accepting = await MailServer.start(t, { ...settings, onTrouble: "accept" });
  const told = await accepting.hand({ message });
  assert.equal(told.answer.kind, "accept");
  assert.doesNotMatch(told.message.toString(), /Authentication-Results/);
  const events = [...server.events, ...accepting.events].filter(({ kind }) => kind === "unjudged");
  assert.equal(events.length, 2);
});

test("VER-14 an odd envelope, a client without an address, a message without a header", async (t) => {
  const server = await MailServer.start(t);
  const message = await signed(server);
  const literal = await server.hand({ message, to: ["bob@dest.test", "x@[192.0.2.1]"] });
  assert.match(literal.message.toString(), /policy\.rcpt=mismatch/);
  const unknown = { family: "unknown", address: null, port: null, helo: null } as const;
  assert.match(
    (await server.hand({ message, connection: unknown, from: "" })).message.toString(),
    /vsmtp=pass/,
  );
  assert.equal(code(await server.hand({ message: "\r\n" })), "continue", "unsigned, like other mail");
  const loop = "Received: x\r\n".repeat(100) + message;
  assert.equal(code(await server.hand({ message: loop })), "554 5.4.6");
});

test("who only signs lets others' mail pass as it is", async (t) => {
  const server = await MailServer.start(t, { jobs: ["sign"] });
  const told = await server.hand({ message: letter() });
  assert.deepEqual([told.answer.kind, told.isRead], ["accept", false]);
});
