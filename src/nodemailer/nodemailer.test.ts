import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { after, afterEach, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { createTransport } from "nodemailer";
import { type Address, crlfLines, parseHeader } from "../message/index.ts";
import { type Verdict, verify } from "../signature/index.ts";
import { ALLICE, address, KnownKeys } from "../signature/test-messages.ts";
import { KeyLogin, type Login } from "../signing/index.ts";
import { reply } from "../smtp/index.ts";
import { type SigningOptions, SigningRefused, SigningTransport, signing } from "./index.ts";
import { RecordingRelay } from "./test-relay.ts";

const allice = address("allice@someisp.tld");
const login = new KeyLogin(allice, [ALLICE]);
const keys = new KnownKeys(ALLICE);
const relay = new RecordingRelay((recipients) =>
  recipients.some((path) => path.endsWith("@full.test")) ? reply(452, "4.2.2", "Mailbox full") : null,
);
const folder = mkdtempSync(join(tmpdir(), "vsmtp-nodemailer-"));

before(() => relay.listen());
after(async () => {
  await relay.close();
  rmSync(folder, { recursive: true });
});
afterEach(async () => {
  relay.taken.length = 0;
  relay.refused.clear();
  // A message that nobody reads any more is still read to the end of what was begun.
  for (let left = 50; left > 0 && readdirSync(folder).length > 0; left--) await sleep(20);
  assert.deepEqual(readdirSync(folder), [], "no file is left");
});

const plain = () => createTransport({ host: "127.0.0.1", port: relay.port, secure: false, ignoreTLS: true });

function signingPlugin(options: Partial<SigningOptions> = {}) {
  const transporter = plain();
  transporter.use("stream", signing({ login, folder, ...options }));
  return transporter;
}

function signingTransport(options: Partial<SigningOptions> = {}) {
  return createTransport(new SigningTransport(plain(), { login, folder, ...options }));
}

const mail = {
  from: "Allice <allice@someisp.tld>",
  to: "Bob <bob@dest.test>",
  subject: "Mittagspause – wie üblich?",
  text: "Grüße\n.\n..\nAllice\n",
};

function verdict(message: Uint8Array, ...recipients: string[]): Promise<Verdict> {
  const now = Math.floor(Date.now() / 1000);
  return verify(message, { now, recipients: recipients.map(address), keys });
}

/** `pass match`, for this message and these recipients. */
async function judged(message: Uint8Array, ...recipients: string[]): Promise<string> {
  const { result, rcpt, reason } = await verdict(message, ...recipients);
  return `${result} ${reason ?? rcpt}`;
}

test("a plugin signs for all whom the message names, as it leaves; the next server verifies it", async () => {
  const attachments = [{ filename: "t.bin", content: Readable.from([Buffer.alloc(200_000, 7)]) }];
  const info = await signingPlugin().sendMail({ ...mail, cc: "carol@other.test", attachments });
  assert.deepEqual(info.accepted, ["bob@dest.test", "carol@other.test"]);
  const [one] = relay.taken;
  assert.ok(one && relay.taken.length === 1);
  assert.match(one.message.toString("latin1"), /^VSMTP-Signature: /);
  assert.ok(one.message.toString("latin1").includes(`Message-ID: ${info.messageId}`));
  assert.equal(await judged(one.message, "bob@dest.test"), "pass match");
  assert.equal(await judged(one.message, "bob@dest.test", "carol@other.test"), "pass match");
  assert.equal(await judged(one.message, "eve@other.test"), "pass mismatch");
});

test("RCP-5 a blind recipient is named neither in the header nor in the plugin's one signature", async () => {
  await signingPlugin().sendMail({ ...mail, bcc: "eve@dest.test" });
  const { message, recipients } = relay.for("bob@dest.test");
  assert.deepEqual([...recipients].sort(), ["bob@dest.test", "eve@dest.test"]);
  assert.doesNotMatch(message.toString(), /^bcc:|eve@|mallory@/im);
  assert.equal(await judged(message, "bob@dest.test"), "pass match");
  assert.equal(await judged(message, "eve@dest.test"), "pass mismatch");
});

test("RCP-4 a transport sends a copy to each destination and to each blind recipient, signed for just them", async () => {
  const to = ["bob@dest.test", "carol@other.test", "dave@dest.test"];
  const info = await signingTransport().sendMail({
    ...mail,
    to,
    bcc: ["eve@dest.test", "mallory@dest.test"],
  });
  assert.deepEqual(relay.taken.map(({ recipients }) => recipients.join()).sort(), [
    "bob@dest.test,dave@dest.test",
    "carol@other.test",
    "eve@dest.test",
    "mallory@dest.test",
  ]);
  assert.deepEqual([...info.accepted].sort(), [...to, "eve@dest.test", "mallory@dest.test"].sort());
  assert.deepEqual([info.rejected, info.envelope.from], [[], "allice@someisp.tld"]);
  for (const { message, recipients, from } of relay.taken) {
    assert.equal(from, "allice@someisp.tld");
    assert.doesNotMatch(message.toString(), /^bcc:|eve@|mallory@/im);
    assert.ok(message.toString().includes(`Message-ID: ${info.messageId}`));
    assert.equal(await judged(message, ...recipients), "pass match");
  }
  assert.equal(await judged(relay.for("bob@dest.test").message, "eve@dest.test"), "pass mismatch");
});

test("a transport says whose copy was not taken, and fails where none was", async () => {
  relay.refused.add("nobody@other.test");
  const info = await signingTransport().sendMail({
    ...mail,
    to: ["bob@dest.test", "nobody@other.test", "carol@other.test"],
    bcc: "bin@full.test",
  });
  assert.deepEqual([...info.accepted].sort(), ["bob@dest.test", "carol@other.test"]);
  assert.deepEqual([...info.rejected].sort(), ["bin@full.test", "nobody@other.test"]);
  assert.deepEqual(info.rejectedErrors.map(({ message }) => /550|452/.exec(message)?.[0]).sort(), [
    "452",
    "550",
  ]);
  await assert.rejects(
    signingTransport().sendMail({ ...mail, to: "a@full.test", bcc: "b@full.test" }),
    /452/,
  );
});

test("a transport verifies as its next one does, and sends nothing to nobody", async () => {
  const transporter = signingTransport();
  assert.equal(await transporter.verify(), true);
  await new Promise<void>((resolve, reject) =>
    transporter.verify((error) => (error ? reject(error) : resolve())),
  );
  const nowhere = createTransport(new SigningTransport(createTransport("smtp://127.0.0.1:1"), { login }));
  await assert.rejects(nowhere.verify(), /ECONNREFUSED/);
  await assert.rejects(transporter.sendMail({ ...mail, to: [] }), /No recipients defined/);
});

test("SUB-1, SUB-6 what cannot be signed is not sent: the sender hears why, and whether to try again", async () => {
  const refusals: [Partial<SigningOptions>, object, number, RegExp][] = [
    [{}, { from: "boss@someisp.tld" }, 550, /boss@someisp\.tld in From is neither your address/],
    [{ login: async () => null }, {}, 550, /allice@someisp\.tld is none of the addresses/],
    [{ login: async () => ({ kind: "unavailable", cause: new Error("away") }) }, {}, 451, /try again later/],
    [{ login: async () => assert.fail("no author") }, { from: "no address" }, 550, /cannot be signed/],
    [{ login: async () => ({ kind: "denied" }) }, {}, 451, /try again later/],
    [{ memoryOctets: 100 }, {}, 452, /try again later/],
    [{}, { text: undefined, raw: `From: allice@someisp.tld\r\nX: ${"x".repeat(1000)}\r\n\r\n` }, 550, /998/],
  ];
  for (const [options, over, code, text] of refusals) {
    const message = { ...mail, envelope: { from: "allice@someisp.tld", to: "bob@dest.test" }, ...over };
    for (const transporter of [signingPlugin(options), signingTransport(options)]) {
      await assert.rejects(transporter.sendMail(message), (error) => {
        assert.ok(error instanceof SigningRefused, String(error));
        assert.equal(error.responseCode, code, error.message);
        assert.match(error.message, text);
        return true;
      });
    }
  }
  assert.deepEqual(relay.taken, []);
});

test("a login may be had for each message, by the address that is to sign, and ends with it", async () => {
  const asked: Address[] = [];
  let ended = 0;
  const options = {
    login: async (author: Address): Promise<Login> => {
      asked.push(author);
      return Object.assign(new KeyLogin(author, [ALLICE]), { end: () => ended++ });
    },
    flags: ["auto"] as const,
  };
  await signingPlugin(options)
    .sendMail({ ...mail, from: "boss@someisp.tld", sender: "allice@someisp.tld" })
    .catch(() => {});
  await signingTransport(options).sendMail(mail);
  assert.deepEqual([asked, ended], [[allice, allice], 2]);
  const { automatic, identity } = await verdict(relay.for("bob@dest.test").message, "bob@dest.test");
  assert.deepEqual([automatic, identity], [true, "allice@someisp.tld"]);
});

test("line ends and octets of others are made right before they are signed (MSG-16)", async () => {
  const raw =
    "From: allice@someisp.tld\nTo: bob@dest.test\nBcc: eve@dest.test\nSubject: raw\n\nGr\u00fc\u00dfe aus der Mitte des Tages\n.\r\nend";
  for (const transporter of [signingPlugin(), signingTransport()]) {
    relay.taken.length = 0;
    const envelope = { from: "allice@someisp.tld", to: ["bob@dest.test"] };
    await transporter.sendMail({ raw, envelope });
    const { message } = relay.for("bob@dest.test");
    assert.match(message.toString(), /\r\nDate: .*\r\nMessage-ID: .*\r\n[\s\S]*\r\nFrom: /);
    assert.match(message.toString(), /\r\n\r\nGr=C3=BC=C3=9Fe aus der Mitte des Tages\r\n=2E\r\nend\r\n$/);
    assert.equal(await judged(message, "bob@dest.test"), "pass match");
  }
});

test("addresses beyond ASCII take SMTPUTF8, and then nothing is converted (MSG-19)", async () => {
  const oi = address("j%C3%B5geva@someisp.tld");
  const options = { login: new KeyLogin(oi, [ALLICE]) };
  for (const transporter of [signingPlugin(options), signingTransport(options)]) {
    relay.taken.length = 0;
    await transporter.sendMail({ ...mail, from: "jõgeva@someisp.tld" });
    const { message, smtputf8 } = relay.for("bob@dest.test");
    assert.deepEqual([smtputf8, await judged(message, "bob@dest.test")], [true, "pass match"]);
  }
});

test("whatever nodemailer composes passes once it is signed, by either way", async () => {
  const text = fc.string({
    unit: fc.constantFrom("a", " ", "\n", "\r\n", "\r", ".", "ü", "漢", "\t", "x".repeat(90)),
  });
  const composed = fc.record(
    {
      subject: fc.string({ unit: "binary" }),
      text,
      html: text,
      textEncoding: fc.constantFrom("quoted-printable", "base64"),
      attachments: fc.array(fc.record({ filename: fc.string({ minLength: 1 }), content: text }), {
        maxLength: 2,
      }),
      headers: fc.record({ "X-Long": fc.string({ unit: fc.constantFrom("a", " ", "ü"), maxLength: 200 }) }),
      to: fc.constantFrom(
        "bob@dest.test",
        '"B. O, b" <bob@dest.test>, Carol <carol@other.test>',
        "x: bob@dest.test;",
      ),
      cc: fc.constantFrom("Böb <bob@DEST.test>"),
    },
    { requiredKeys: ["to"] },
  );
  const memory = () => createTransport({ streamTransport: true, buffer: true, newline: "windows" });
  const plugged = memory();
  plugged.use("stream", signing({ login }));
  const copying = createTransport(new SigningTransport(memory(), { login }));
  await fc.assert(
    fc.asyncProperty(composed, async (written) => {
      const message = { from: mail.from, ...written };
      const one = await plugged.sendMail(message);
      assert.equal(await judged(one.message as Buffer, "bob@dest.test"), "pass match");
      const { copies } = await copying.sendMail(message);
      for (const { message: copy, envelope } of copies) {
        assert.equal(await judged(copy as Buffer, ...envelope.to), "pass match");
      }
    }),
    { numRuns: 100 },
  );
});

test("what has the message with LF alone, as sendmail takes it, has the same one", async () => {
  const transporter = createTransport({ streamTransport: true, newline: "unix", buffer: true });
  transporter.use("stream", signing({ login }));
  const { message } = await transporter.sendMail({ ...mail, bcc: "eve@dest.test" });
  assert.ok(Buffer.isBuffer(message) && !message.includes("\r"));
  const wire: Uint8Array[] = [];
  for await (const chunk of crlfLines([message])) wire.push(chunk);
  assert.equal(await judged(Buffer.concat(wire), "bob@dest.test"), "pass match");
});

test("SIG-58 nodemailer's DKIM signs what was signed, above it", async () => {
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const privateKey = String(rsa.privateKey.export({ format: "pem", type: "pkcs8" }));
  const dkim = { domainName: "someisp.tld", keySelector: "s", privateKey };
  const next = () => createTransport({ host: "127.0.0.1", port: relay.port, ignoreTLS: true, dkim });
  const plugged = next();
  plugged.use("stream", signing({ login, folder }));
  for (const transporter of [plugged, createTransport(new SigningTransport(next(), { login, folder }))]) {
    relay.taken.length = 0;
    await transporter.sendMail(mail);
    const { message } = relay.for("bob@dest.test");
    const names = parseHeader(message.subarray(0, message.indexOf("\r\n\r\n") + 2)).fields.map(
      ({ name }) => name,
    );
    assert.deepEqual(names.slice(0, 2), ["dkim-signature", "vsmtp-signature"]);
    assert.equal(await judged(message, "bob@dest.test"), "pass match");
  }
});

test("large messages go through files, in little memory, and a broken one leaves nothing", async () => {
  async function* content(octets: number): AsyncGenerator<Buffer> {
    for (let at = 0; at < octets; at += 65_536) yield Buffer.alloc(65_536, at >> 16);
  }
  const attach = (from: AsyncIterable<Buffer>) => ({
    attachments: [{ filename: "f", content: Readable.from(from) }],
  });
  const before = process.memoryUsage().arrayBuffers;
  let most = 0;
  const watching = setInterval(() => {
    most = Math.max(most, process.memoryUsage().arrayBuffers - before);
  }, 5);
  const left = join(folder, "0f8fad5b-d9cb-469f-a165-70867728950e");
  writeFileSync(left, "of a process that died");
  utimesSync(left, 1, 1);
  const nowhere = createTransport({ streamTransport: true, buffer: false });
  nowhere.use("stream", signing({ login, folder }));
  const { message } = await nowhere.sendMail({ ...mail, ...attach(content(64 << 20)) });
  let octets = 0;
  for await (const chunk of message as Readable) octets += (chunk as Buffer).length;
  clearInterval(watching);
  assert.ok(octets > 85 << 20, `${octets}`);
  assert.ok(most < 60 << 20, `${most} octets in memory`);

  async function* breaking(): AsyncGenerator<Buffer> {
    yield* content(1 << 20);
    throw new Error("the disk fell down");
  }
  for (const transporter of [signingPlugin(), signingTransport()]) {
    await assert.rejects(transporter.sendMail({ ...mail, ...attach(breaking()) }), /the disk fell down/);
  }
  assert.deepEqual(relay.taken, []);
  relay.refused.add("bob@dest.test");
  for (const transporter of [signingPlugin(), signingTransport()]) {
    await assert.rejects(transporter.sendMail({ ...mail, ...attach(content(4 << 20)) }), /550/);
  }
  const aborted = AbortSignal.timeout(5);
  const slow = signingTransport().sendMail({ ...mail, ...attach(content(8 << 20)), signal: aborted });
  await assert.rejects(slow);
});
