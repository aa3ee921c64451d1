import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, test } from "node:test";
import fc from "fast-check";
import { dkimVerify } from "mailauth/lib/dkim/verify.js";
import {
  AuditWriter,
  Authenticator,
  auditKeyOf,
  Keyring,
  MasterKey,
  PublicKeyView,
  UserKeys,
} from "../keyring/index.ts";
import { type Address, applyEdits, parseAddress, parseHeader } from "../message/index.ts";
import { type ReceivedMessage, receivedInMemory } from "../reception/index.ts";
import {
  DkimSigner,
  dkimRecord,
  type KeySource,
  loadDkimKey,
  type Verdict,
  verify,
} from "../signature/index.ts";
import { Spool } from "../spool/index.ts";
import { openKeyringStore } from "../store/index.ts";
import { KeyringVault } from "../vault/index.ts";
import {
  type DkimSigners,
  type Login,
  type SignedInPlace,
  type SignedSubmission,
  signInPlace,
  signSubmission,
  splitIntoCopies,
} from "./index.ts";
import { asOneCopy } from "./one-copy.ts";

const now = 1_073_304_000_000;
const folder = mkdtempSync(join(tmpdir(), "vsmtp-signing-"));
const path = join(folder, "keyring.db");
const masterKey = MasterKey.generate();
const store = await openKeyringStore({
  location: path,
  auditKey: auditKeyOf(masterKey),
  sqlite: { busyTimeoutMs: 10 },
});
const clock = { now: () => now };
const keyring = await Keyring.open({ store, masterKey, clock });
const audit = new AuditWriter(store);
const vault = new KeyringVault({
  authenticator: new Authenticator({ store, masterKey, clock, audit, scram: false }),
  keys: new UserKeys({ store, masterKey, clock, audit }),
});
const view = new PublicKeyView(store);
const accounts = new Map<string, string>();

before(async () => {
  await keyring.addDomain("someisp.test");
  await keyring.addDomain("other.test");
  for (const [name, ...aliases] of [
    ["allice", "al@someisp.test", "allice@other.test"],
    ["boss", '"the boss"@someisp.test'],
    ["secretary"],
    ["ünal"],
  ]) {
    const made = await keyring.addAccount({ address: `${name}@someisp.test`, aliases });
    assert.ok(made.ok, JSON.stringify(made));
    accounts.set(String(name), made.account.id);
  }
  for (const target of ["boss@someisp.test", '"the boss"@someisp.test']) {
    assert.ok((await keyring.grant(account("secretary"), { kind: "on-behalf", target })).ok);
  }
});
after(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

function account(name: string): string {
  return accounts.get(name) ?? assert.fail(name);
}

async function login(name: string): Promise<Login> {
  const address = { localPart: name, domain: "someisp.test" };
  const found = await vault.assert(address, { client: "192.0.2.1", channelBinding: null });
  assert.ok(found !== null && !("kind" in found));
  return found;
}

/** What a key server would answer: the keys as the public view shows them. */
const keys: KeySource = {
  async lookUp({ identity, kid }) {
    const key = (await view.keys(identity, now / 1000)).find((one) => one.kid === kid);
    if (key === undefined) return { kind: "fail", reason: "no-key", detail: "" };
    if (key.state === "revoked" || key.state === "suspended")
      return { kind: "fail", reason: key.state, detail: "" };
    return { kind: "key", spki: key.spki, grants: key.grants, trust: "host" };
  },
};

interface Wanted {
  message?: ReceivedMessage;
  convertInto?: Spool | null;
  flags?: readonly "auto"[];
  dkim?: DkimSigners;
  from?: string;
  header?: string[];
  body?: string;
  to?: string[];
  smtputf8?: boolean;
  staple?: boolean;
  /** What is done by somebody else before each signature. */
  meanwhile?: () => Promise<void>;
}

async function submit(name: string, wanted: Wanted = {}): Promise<SignedSubmission> {
  const header = [
    `From: ${wanted.from ?? `${name}@someisp.test`}`,
    ...(wanted.header ?? ["To: bob@dest.test"]),
  ];
  const text = `${header.join("\r\n")}\r\n\r\n${wanted.body ?? "Hi Bob,\r\n"}`;
  const user = await login(name);
  const by: Login = {
    ...user,
    identify: (address) => user.identify(address),
    spend: (recipients) => user.spend(recipients),
    sign: async (order) => {
      await wanted.meanwhile?.();
      return user.sign(order);
    },
    end: () => user.end(),
  };
  return signSubmission(
    {
      message: wanted.message ?? receivedInMemory(Buffer.from(text)),
      recipients: wanted.to ?? ["bob@dest.test"],
      smtputf8: wanted.smtputf8 ?? false,
      authservIds: ["mx.someisp.test"],
      staple: wanted.staple ?? false,
      ...(wanted.flags ? { flags: wanted.flags } : {}),
      ...(wanted.dkim ? { dkim: wanted.dkim } : {}),
      ...(wanted.convertInto !== undefined ? { convertInto: wanted.convertInto } : {}),
      now,
    },
    by,
  );
}

function signed(result: SignedSubmission): SignedSubmission & { kind: "signed" } {
  assert.equal(result.kind, "signed", JSON.stringify(result));
  return result as SignedSubmission & { kind: "signed" };
}

function addresses(texts: readonly string[]): Address[] {
  return texts.flatMap((text) => {
    const parsed = parseAddress(text);
    return parsed.ok ? [parsed.address] : [];
  });
}

async function contentOf(result: SignedSubmission): Promise<Buffer> {
  const { inline, file } = signed(result).content;
  const pieces = [inline];
  if (file) for await (const piece of file.read()) pieces.push(piece);
  return Buffer.concat(pieces);
}

async function verdictOf(
  result: SignedSubmission,
  recipients?: readonly string[],
  copy = 0,
): Promise<Verdict> {
  const { copies } = signed(result);
  const chosen = copies[copy] ?? assert.fail(`there are ${copies.length} copies`);
  const message = Buffer.concat([chosen.signatures, await contentOf(result)]);
  return verify(message, { now: now / 1000, recipients: addresses(recipients ?? chosen.recipients), keys });
}

async function refusal(
  result: Promise<SignedSubmission>,
  code: number,
  enhanced: string,
  text: RegExp,
): Promise<void> {
  const outcome = await result;
  assert.equal(outcome.kind, "refused", JSON.stringify(outcome));
  if (outcome.kind !== "refused") return;
  assert.deepEqual(
    [outcome.reply.code, outcome.reply.enhanced],
    [code, enhanced],
    String(outcome.reply.text),
  );
  assert.match(String(outcome.reply.text), text);
}

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

const latin = "Viele freundliche Grüße";
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

/** As a session would receive it, its body in a file. */
async function received(wanted: Wanted, spool: Spool): Promise<ReceivedMessage> {
  const header = [`From: ${wanted.from ?? "allice@someisp.test"}`, ...(wanted.header ?? [])].join("\r\n");
  const message = receivedInMemory(Buffer.from(`${header}\r\n\r\n${wanted.body}`));
  const writer = spool.receive();
  for (const piece of (await message.takeBody()).memory ?? []) await writer.write(piece);
  return { ...message, takeBody: () => writer.finish() };
}

const dkimKeys = ["ed25519", "rsa"].map((type) => {
  const pair =
    type === "rsa" ? generateKeyPairSync("rsa", { modulusLength: 2048 }) : generateKeyPairSync("ed25519");
  const loaded = loadDkimKey(pair.privateKey.export({ type: "pkcs8", format: "pem" }));
  assert.ok(loaded.ok);
  return { selector: type, key: loaded.key };
});

const dkimOf = (domain: string): readonly DkimSigner[] =>
  dkimKeys.map(({ selector, key }) => new DkimSigner({ domain, selector, key }));

/** What mailauth says of each DKIM signature, top to bottom. */
async function dkimVerdicts(message: Buffer): Promise<string[]> {
  const { results } = await dkimVerify(message, {
    resolver: async (asked) => {
      for (const { selector, key } of dkimKeys) {
        const domain = asked.replace(`${selector}._domainkey.`, "");
        if (domain === asked) continue;
        const strings = dkimRecord({ domain, selector }, key)
          .split(/\. IN TXT "|" "|"$/)
          .slice(1, -1);
        return [strings];
      }
      return [];
    },
  });
  return results.map(
    ({ signingDomain, selector, status }) => `${signingDomain} ${selector} ${status.result}`,
  );
}

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
