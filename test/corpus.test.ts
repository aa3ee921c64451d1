import assert from "node:assert/strict";
import { isAscii, isUtf8 } from "node:buffer";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type KeySource, keyId, MessageSigner, sign, type Verdict, verify } from "../src/index.ts";
import { PublicKeyView } from "../src/keyring/index.ts";
import { type Address, addressText, fieldText, parseHeader } from "../src/message/index.ts";
import { receivedInMemory } from "../src/reception/index.ts";
import { signSubmission } from "../src/signing/index.ts";
import { missingCorpus, readCorpus } from "./support/corpus.ts";
import { edgeMessages } from "./support/edge-messages.ts";
import { EveryAuthor } from "./support/every-author.ts";
import { openLocalVault } from "./support/local-vault.ts";
import { missingPostfix } from "./support/peers/postfix.ts";
import { RelayHop } from "./support/relay-hop.ts";
import { Tally } from "./support/tally.ts";

// Messages from the wild, each signed and verified, directly and behind a real relay, or refused with a reason:
// first by the library, which takes messages as they are, then by the submission server's signing, which first adds
// what a message lacks (Date, Message-ID, Sender) and removes what must not go out (Bcc, old signatures).

/** A message that was signed. */
interface Copy {
  readonly name: string;
  readonly octets: Buffer;
  readonly recipient: Address;
  readonly keys: KeySource;
}

const noCorpus = missingCorpus();
const noRelay = noCorpus || missingPostfix();
const messages = noCorpus ? [] : readCorpus();
const now = Date.now();
const signedAt = Math.floor(now / 1000);
const ownHost = "127.0.0.1";
const otherHost = "127.0.0.2";

const { publicKey, privateKey } = generateKeyPairSync("ed25519");
const spki = publicKey.export({ type: "spki", format: "der" });
const libraryKeys = [{ kid: keyId(spki), algorithm: "ed25519-sha256" as const, privateKey }];
const libraryKeySource: KeySource = {
  // The secretary's case: whoever is Sender may write for everybody of the domain (IDY-14).
  lookUp: async () => ({ kind: "key", spki, grants: ["*"], trust: "host" }),
};

const folder = mkdtempSync(join(tmpdir(), "vsmtp-corpus-"));
const { store, keyring, vault } = await openLocalVault(join(folder, "keyring.db"));
let hop: RelayHop;
const signedByLibrary: Copy[] = [];
const signedBySubmission: Copy[] = [];

before(async () => {
  if (!missingPostfix()) hop = await RelayHop.start("dest.test");
});
after(async () => {
  await hop?.stop();
  await store.close();
  rmSync(folder, { recursive: true });
});

test("SIG-42, SIG-43 the library signs each message and it passes, or says why not", {
  skip: noCorpus,
}, async () => {
  const tally = new Tally(`The library on ${messages.length} messages:`);
  for (const [index, { name, octets }] of messages.entries()) {
    const signer = new MessageSigner();
    signer.write(octets);
    const prepared = signer.finish();
    if (!prepared.ok) {
      tally.add(`refused: ${prepared.reason}`, name, prepared.detail);
      continue;
    }
    if (!prepared.responsible.ok) {
      tally.add("refused: identity", name, prepared.responsible.detail);
      continue;
    }
    const recipient = { localPart: `library-${index}`, domain: "dest.test" };
    const identity = prepared.responsible.address;
    const signed = sign(octets, { identity, keys: libraryKeys, signedAt, recipients: [recipient] });
    assert.ok(signed.ok, name);
    const copy = { name, octets: signed.message, recipient, keys: libraryKeySource };
    const verdict = await verdictOn(copy, copy.octets);
    // Across domains nothing is granted, so such a message gains nothing by its signature (IDY-11).
    if (verdict.align === "sender" && crossesDomains(octets)) {
      assert.deepEqual([verdict.result, verdict.reason], ["neutral", "sender-only"], name);
      tally.add("signed, neutral: Sender and From are of different domains", name);
      continue;
    }
    assertPass(verdict, name);
    tally.add("signed, pass", name);
    signedByLibrary.push(copy);
  }
  tally.print();
  assert.ok(tally.count("signed, pass") > messages.length / 2);
});

test("SIG-44, MSG-11 what the library signed passes behind a Postfix relay", { skip: noRelay }, async () => {
  await assertSurvival("Signed by the library, behind Postfix as a relay:", signedByLibrary, otherHost);
});

test("SUB-4, SUB-6 the submission server signs each message and it passes, or says why not", {
  skip: noCorpus,
}, async () => {
  const tally = new Tally(`The submission server on ${messages.length} messages:`);
  const authors = new EveryAuthor(keyring, vault);
  for (const [index, message] of messages.entries()) {
    const recipient = { localPart: `submission-${index}`, domain: "dest.test" };
    await authors.next(message.octets);
    const result = await signSubmission(
      {
        message: receivedInMemory(message.octets),
        recipients: [addressText(recipient)],
        smtputf8: needsSmtpUtf8(message.octets),
        authservIds: ["mail.someisp.test"],
        staple: false,
        now,
      },
      authors,
    );
    if (result.kind === "refused") {
      assert.equal(result.cause, null, `${message.name}: ${result.cause}`);
      const { code, enhanced, text } = result.reply;
      assert.equal(code, 550, `${message.name}: ${code} ${text}`);
      tally.add(`refused: ${code} ${enhanced} ${withoutPlace(`${text}`)}`, message.name, `${text}`);
      continue;
    }
    const [signed, ...more] = result.copies;
    assert.ok(signed && more.length === 0, message.name);
    const octets = Buffer.concat([signed.signatures, result.content.inline]);
    const copy = { name: message.name, octets, recipient, keys: publicKeys };
    assertPass(await verdictOn(copy, octets), message.name);
    tally.add("signed, pass", message.name);
    signedBySubmission.push(copy);
  }
  tally.print();
  assert.ok(tally.count("signed, pass") >= signedByLibrary.length);
});

test("SIG-44, MSG-11 what the submission server signed passes behind a Postfix relay", {
  skip: noRelay,
}, async () => {
  await assertSurvival(
    "Signed by the submission server, behind Postfix as a relay:",
    signedBySubmission,
    otherHost,
  );
});

test("a Postfix that takes mail for its own host's alters incomplete addresses, and nothing else", {
  skip: noRelay,
}, async () => {
  await assertSurvival(
    "Signed by the submission server, behind Postfix on the same host:",
    signedBySubmission,
    ownHost,
    true,
  );
});

test("MSG-4, MSG-12 to MSG-14 messages at the edge of the rules pass behind a Postfix relay", {
  skip: missingPostfix(),
}, async () => {
  const identity = { localPart: "allice", domain: "someisp.test" };
  const copies = edgeMessages.map(({ name, octets }, index): Copy => {
    const recipient = { localPart: `edge-${index}`, domain: "dest.test" };
    const signed = sign(octets, { identity, keys: libraryKeys, signedAt, recipients: [recipient] });
    assert.ok(signed.ok, name);
    return { name, octets: signed.message, recipient, keys: libraryKeySource };
  });
  await assertSurvival("At the edge of the rules, behind Postfix as a relay:", copies, otherHost);
});

/** Sends the copies through the relay, and demands of each that comes out that it still passes. */
async function assertSurvival(
  title: string,
  copies: readonly Copy[],
  localAddress: string,
  rewritesAddresses = false,
): Promise<void> {
  const tally = new Tally(title);
  const relayed = await hop.relay(
    copies.map(({ octets, recipient }) => ({
      reversePath: "author@someisp.test",
      recipients: [{ address: addressText(recipient) }],
      content: octets,
      octets: octets.length,
      eightBit: !isAscii(octets),
      smtputf8: needsSmtpUtf8(octets),
    })),
    localAddress,
  );
  for (const [index, copy] of copies.entries()) {
    const result = relayed[index];
    if (result?.kind === "refused") {
      // Postfix's hopcount_limit: it takes a message with more than 50 Received fields for a loop.
      assert.match(result.outcome.text, /too many hops/, `${copy.name}: ${result.outcome.text}`);
      assert.ok(fieldsNamed(copy.octets, "received").length > 50, copy.name);
      tally.add("refused by Postfix: too many hops", copy.name);
      continue;
    }
    assert.ok(result?.kind === "arrived", `${copy.name} got lost in Postfix\n${hop.log()}`);
    const rewritten = addressFields.filter(
      (name) => `${fieldsNamed(copy.octets, name)}` !== `${fieldsNamed(result.octets, name)}`,
    );
    const verdict = await verdictOn(copy, result.octets);
    if (rewritesAddresses && rewritten.length > 0) {
      assert.equal(verdict.reason, "signature", copy.name);
      tally.add("addresses rewritten, fail signature", copy.name, rewritten.join(", "));
      continue;
    }
    assertPass(verdict, copy.name);
    tally.add("pass", copy.name);
  }
  tally.print();
}

const publicView = new PublicKeyView(store);
const publicKeys: KeySource = {
  lookUp: async ({ identity, kid }) => {
    const key = (await publicView.keys(identity, signedAt)).find((one) => one.kid === kid);
    if (key?.state !== "active") return { kind: "fail", reason: "no-key", detail: "" };
    return { kind: "key", spki: key.spki, grants: key.grants, trust: "host" };
  },
};

const addressFields = ["from", "sender", "reply-to", "to", "cc"];

function verdictOn({ recipient, keys }: Copy, octets: Uint8Array): Promise<Verdict> {
  return verify(octets, { now: signedAt, recipients: [recipient], keys });
}

function assertPass(verdict: Verdict, name: string): void {
  const { result, reason, rcpt, detail } = verdict;
  assert.deepEqual(
    { result, reason, rcpt },
    { result: "pass", reason: null, rcpt: "match" },
    `${name}: ${detail}`,
  );
}

/** Header fields in UTF-8 may only go out with SMTPUTF8 (RFC 6531); other octets over 127 cannot ask for it. */
function needsSmtpUtf8(octets: Buffer): boolean {
  const header = headerOf(octets);
  return !isAscii(header) && isUtf8(header);
}

function headerOf(octets: Buffer): Buffer {
  const end = octets.indexOf("\r\n\r\n");
  return end < 0 ? octets : octets.subarray(0, end + 2);
}

function fieldsNamed(octets: Buffer, name: string): string[] {
  const header = parseHeader(headerOf(octets));
  return header.fields.filter((field) => field.name === name).map((field) => fieldText(header, field));
}

function crossesDomains(octets: Buffer): boolean {
  const domains = ["from", "sender"].flatMap((name) =>
    fieldsNamed(octets, name).flatMap((value) => value.match(/@[\w.-]+/g) ?? []),
  );
  return new Set(domains.map((domain) => domain.toLowerCase())).size > 1;
}

/** A refusal without what differs between messages: places, counts, addresses. */
function withoutPlace(text: string): string {
  return text.replace(/line \d+ \(byte \d+\)|byte \d+|\b\d+\b|"[^"]*"|\S+@\S+/g, "…");
}
