import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, test } from "node:test";
import fc from "fast-check";
import {
  AuditWriter,
  Authenticator,
  auditKeyOf,
  Keyring,
  MasterKey,
  PublicKeyView,
  UserKeys,
} from "../keyring/index.ts";
import { type Address, parseAddress, parseHeader } from "../message/index.ts";
import { type KeySource, type Verdict, verify } from "../signature/index.ts";
import { openKeyringStore } from "../store/index.ts";
import { KeyringVault } from "../vault/index.ts";
import { type Login, type SignedSubmission, signSubmission, splitIntoCopies } from "./index.ts";

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
      message: [Buffer.from(text.slice(0, 30)), Buffer.from(text.slice(30))],
      recipients: wanted.to ?? ["bob@dest.test"],
      smtputf8: wanted.smtputf8 ?? false,
      authservIds: ["mx.someisp.test"],
      staple: wanted.staple ?? false,
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

async function verdictOf(
  result: SignedSubmission,
  recipients?: readonly string[],
  copy = 0,
): Promise<Verdict> {
  const { content, copies } = signed(result);
  const chosen = copies[copy] ?? assert.fail(`there are ${copies.length} copies`);
  const message = Buffer.concat([chosen.signatures, content]);
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
  assert.match(signed(result).content.toString(), /^Sender: secretary@someisp\.test\r$/m);
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
      .content.toString()
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
  assert.doesNotMatch(signed(result).content.toString(), /Sender:/);
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
  const text = result.content.toString();
  const added = /^Date: Mon, 05 Jan 2004 12:00:00 \+0000\r\nMessage-ID: <[\w-]{24}@someisp\.test>\r\n/;
  assert.match(text, added);
  const rest = `From: allice@someisp.test\r\n${kept.join("\r\n")}\r\n\r\nBcc: not a header field\r\n\r\n  \r\n`;
  assert.equal(text.replace(added, ""), rest);
  assert.equal((await verdictOf(result)).result, "pass");

  const whole = await submit("allice", { header: ["Date: today", "MESSAGE-ID: <1@x>"] });
  assert.match(signed(whole).content.toString(), /^From: allice@someisp\.test\r\nDate: today\r\n/);
  const headless = await submit("allice", { header: [], body: "" });
  assert.equal((await verdictOf(headless)).result, "pass");
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
