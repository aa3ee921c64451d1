import assert from "node:assert/strict";
import { test } from "node:test";
import { applyEdits, parseHeader } from "../message/index.ts";
import { receivedInMemory } from "../reception/index.ts";
import { verify } from "../signature/index.ts";
import { type SignedInPlace, signInPlace } from "./index.ts";
import { asOneCopy } from "./one-copy.ts";
import { addresses, dkimOf, dkimVerdicts, keys, latin, login, now, type Wanted } from "./test-signing.ts";

/** One signature for all, as a milter has it; the message as its edits leave it. */
async function inPlace(
  name: string,
  { header = [], body = "Hi Bob,\r\n", to = ["bob@dest.test"], smtputf8 = false, ...more }: Wanted,
  convert = true,
): Promise<{ result: SignedInPlace; message: Buffer; edited: number }> {
  const text = `${[`From: ${more.from ?? `${name}@someisp.test`}`, ...header].join("\r\n")}\r\n\r\n${body}`;
  const message = receivedInMemory(Buffer.from(text));
  const toSign = { message, recipients: to, smtputf8, authservIds: ["mx.someisp.test"], staple: false, now };
  const result = await signInPlace(
    { ...toSign, convert, ...(more.dkim ? { dkim: more.dkim } : {}) },
    await login(name),
  );
  if (result.kind === "refused") return { result, message: Buffer.alloc(0), edited: 0 };
  const pieces: Uint8Array[] = [applyEdits(message.scanned.header, result.edits), Buffer.from("\r\n")];
  for await (const piece of (result.body ?? message.readBody)()) pieces.push(piece);
  return { result, message: Buffer.concat(pieces), edited: result.edits.length };
}

const rcptOf = async (message: Buffer, ...recipients: string[]): Promise<string> => {
  const { result, rcpt } = await verify(message, {
    now: now / 1000,
    recipients: addresses(recipients),
    keys,
  });
  return `${result} ${rcpt}`;
};

test("SUB-4, SIG-48, MSG-16 in place: the same edits, told by position, make a message that verifies", async () => {
  const header = [
    "To: bob@dest.test",
    "Bcc: eve@dest.test",
    "Subject :  Kept   as\r\n\tit is",
    "Authentication-Results: mx.someisp.test; vsmtp=pass",
    "X-Mailer: x",
  ];
  const wanted = { header, dkim: new Map([["someisp.test", dkimOf("someisp.test")]]) };
  const { result, message } = await inPlace("allice", wanted);
  assert.equal(result.kind === "signed" && result.body, null);
  assert.match(
    message.toString(),
    /^DKIM-Sig[\s\S]*\r\nVSMTP-Signature:[\s\S]*\r\nDate: [^\n]*\nMessage-ID: [^\n]*\nFrom: allice@someisp.test\r\nTo: bob@dest.test\r\nSubject : {2}Kept {3}as\r\n\tit is\r\nX-Mailer: x\r\n\r\nHi Bob,\r\n$/,
  );
  assert.equal(await rcptOf(message, "bob@dest.test"), "pass match");
  assert.deepEqual(await dkimVerdicts(message), ["someisp.test ed25519 pass", "someisp.test rsa pass"]);

  const wide = { header: ["To: bob@dest.test"], body: `${latin}\r\n` };
  const converted = (await inPlace("allice", wide)).message;
  assert.match(
    converted.toString(),
    /\r\nMIME-Version: 1\.0\r\n[\s\S]*\r\n\r\nViele freundliche Gr=C3=BC=C3=9Fe\r\n$/,
  );
  assert.equal(await rcptOf(converted, "bob@dest.test"), "pass match");
  for (const kept of [
    await inPlace("allice", wide, false),
    await inPlace("allice", { ...wide, smtputf8: true }),
  ]) {
    assert.ok(kept.message.toString().endsWith(`\r\n\r\n${latin}\r\n`));
    assert.equal(await rcptOf(kept.message, "bob@dest.test"), "pass match");
  }
  const refused = (await inPlace("allice", { from: "boss@someisp.test" })).result;
  assert.equal(refused.kind === "refused" && refused.reply.code, 550);
});

test("RCP-7 in place all get one signature: it names the visible ones, a blind one only where he is alone", async () => {
  const header = ["To: bob@dest.test", "Cc: Carol <carol@Other.dest>"];
  const { message } = await inPlace("allice", {
    header,
    to: ["bob@dest.test", "carol@other.dest", "eve@dest.test"],
  });
  assert.equal(await rcptOf(message, "bob@dest.test", "carol@other.dest"), "pass match");
  assert.equal(await rcptOf(message, "eve@dest.test"), "pass mismatch");
  const alone = await inPlace("allice", { header: ["To: undisclosed-recipients:;"], to: ["eve@dest.test"] });
  assert.equal(await rcptOf(alone.message, "eve@dest.test"), "pass match");
  const blind = await inPlace("allice", { header, to: ["eve@dest.test", "mallory@dest.test"] });
  assert.equal(await rcptOf(blind.message, "eve@dest.test"), "pass unbound");
});

test("RCP-7 in place: nobody is bound where more than 32 are visible, nor whom only the header names", () => {
  const names = (count: number) => Array.from({ length: count }, (_, at) => `r${at}@dest.test`);
  const visible = (count: number) => parseHeader(Buffer.from(`To: ${names(count).join(",\r\n ")}\r\n`));
  const boundOf = (recipients: readonly string[], header = visible(100)) =>
    asOneCopy(recipients, header).bound.map(({ localPart, domain }) => `${localPart}@${domain}`);
  assert.deepEqual(boundOf(names(32)), names(32));
  assert.deepEqual(boundOf(names(33)), []);
  assert.deepEqual(boundOf(["r1@dest.test", "R1@DEST.test", "r2@dest.test"]), [
    "r1@dest.test",
    "r2@dest.test",
  ]);
  assert.deepEqual(boundOf(["x@[192.0.2.1]"]), []);
  assert.deepEqual(boundOf(["x@[192.0.2.1]", "eve@dest.test"]), [], "a blind one is not alone");
  assert.deepEqual(boundOf(["x@[192.0.2.1]", "r1@dest.test"]), ["r1@dest.test"]);
});
