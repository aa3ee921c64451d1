import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { encodeAddress } from "../message/index.ts";
import { checkHeaderCanonical, type HeaderCheck, MessageSigner, sign } from "./index.ts";
import {
  ALLICE,
  address,
  arbitraryMessage,
  BOB,
  crlf,
  FORWARDER,
  LUNCH,
  SIGNED_AT,
} from "./test-messages.ts";

const allice = address("allice@someisp.tld");

/** H of a message, as a submission server would ask for its signature. */
function headerOf(
  message: Uint8Array,
  options: { level?: number; extraFields?: string[]; recipients?: (typeof BOB)[] } = {},
) {
  const signer = new MessageSigner();
  signer.write(message);
  const prepared = signer.finish();
  assert.ok(prepared.ok, JSON.stringify(prepared));
  const key = { identity: allice, kid: ALLICE.kid, algorithm: ALLICE.algorithm };
  return prepared.draft({ ...key, signedAt: SIGNED_AT, ...options }).headerCanonical;
}

function accepted(h: Uint8Array): HeaderCheck & { ok: true } {
  const check = checkHeaderCanonical(h);
  assert.ok(check.ok, JSON.stringify(check));
  return check;
}

describe("PRV-17, PRV-30 H as one who is asked to sign it reads it", () => {
  test("what it says", () => {
    const check = accepted(headerOf(LUNCH, { recipients: [BOB] }));
    assert.deepEqual(
      { ...check, messageIdHash: check.messageIdHash?.length },
      {
        ok: true,
        level: 0,
        identity: allice,
        kid: ALLICE.kid,
        algorithm: "ed25519-sha256",
        signedAt: SIGNED_AT,
        expiresAt: SIGNED_AT + 604_800,
        recipientCount: 1,
        from: [{ ok: true, address: allice }],
        sender: null,
        responsible: { ok: true, address: allice },
        messageIdHash: 22,
      },
    );
  });

  test("Sender, several authors, fields beyond the core set, no Message-ID, level 1", () => {
    const sent = crlf(
      "List-Unsubscribe: <x:1>",
      "From: a@x.tld, b@x.tld",
      "Sender: Allice <allice@someisp.tld>",
      "X-Tag: one",
      "x-tag:  two ",
      "",
      "",
    );
    const check = accepted(headerOf(sent, { extraFields: ["x-tag", "list-unsubscribe"] }));
    assert.equal(check.from.length, 2);
    assert.deepEqual(check.sender, { ok: true, address: allice });
    assert.equal(check.messageIdHash, null);

    const keys = [ALLICE];
    const level0 = sign(LUNCH, { identity: allice, keys, signedAt: SIGNED_AT });
    assert.ok(level0.ok);
    const level1 = accepted(headerOf(level0.message, { level: 1 }));
    assert.deepEqual([level1.level, level1.responsible], [1, null]);
    const by = { identity: address("bob@dest.tld"), keys: [FORWARDER], signedAt: SIGNED_AT, level: 1 };
    const twice = sign(level0.message, by);
    assert.ok(twice.ok);
    assert.equal(accepted(headerOf(twice.message, { level: 2 })).level, 2);
  });

  const h = headerOf(LUNCH, { recipients: [BOB] }).toString("latin1");
  const other = (from: string | RegExp, to: string) => () => {
    const changed = h.replace(from, to);
    assert.notEqual(changed, h);
    return changed;
  };
  const refusals: [string, () => string, RegExp][] = [
    ["nothing", () => "", /one line/],
    ["the last line alone", () => h.slice(h.lastIndexOf("\r\n") + 2), /one line/],
    ["no last line", () => h.slice(0, h.lastIndexOf("\r\n") + 2), /last line/],
    ["a CRLF at the end", () => `${h}\r\n`, /last line/],
    ["b", () => `${h}AAAA`, /last line/],
    ["a space behind b=", () => `${h} `, /last line/],
    ["no From", other(/^from:[^\r]*\r\n/, ""), /no from/],
    ["two From", other(/^/, "from:x@x.tld\r\n"), /more than one from/],
    ["two Subject", other("subject:", "subject:x\r\nsubject:"), /more than one subject/],
    ["fields out of order", other(/^(from:[^\r]*\r\n)(to:[^\r]*\r\n)/, "$2$1"), /out of the order/],
    [
      "a field that h does not name",
      other("vsmtp-signature:", "x-tag:1\r\nvsmtp-signature:"),
      /does not name/,
    ],
    ["h without a core field", other(":reply-to:", ":"), /core field "reply-to"/],
    ["h with a trace field", other("h=from:", "h=received:from:"), /received, which transport/],
    ["a name in upper case", other("subject:", "Subject:"), /canonical form/],
    ["white space behind the colon", other("subject:", "subject: "), /canonical form/],
    ["a run of white space", other(" <", "  <"), /canonical form/],
    ["white space at the end", other("\r\nsubject", " \r\nsubject"), /canonical form/],
    ["a tab", other(" <", "\t<"), /canonical form/],
    ["a folded field", other(" <", "\r\n <"), /canonical form/],
    ["a bare LF", other("\r\nsubject", "\nsubject"), /canonical form/],
    ["a bare CR", other("subject:", "subject:\r"), /canonical form/],
    ["a NUL", other("subject:", "subject:\0"), /NUL/],
    ["an empty line", other("\r\nsubject", "\r\n\r\nsubject"), /canonical form/],
    ["no colon", other("subject:", "subject"), /canonical form/],
    [
      "a field of a lower level",
      other("vsmtp-signature:", "vsmtp-signature:v=1; b=\r\nvsmtp-signature:"),
      /no level|out of place/,
    ],
    ["a level without one below", other("a=ed25519", "n=1; a=ed25519"), /no signature of level 0/],
    ["x too late", other(/x=\d+/, `x=${SIGNED_AT + 1_209_601}`), /1 to 1209600/],
    ["x before t", other(/x=\d+/, `x=${SIGNED_AT}`), /1 to 1209600/],
    ["no k", other(/ k=[^;]*;/, ""), /"k" is missing/],
    ["i twice", other(" i=", " i=boss@someisp.tld; i="), /more than once/],
    ["another version", other("v=1;", "v=2;"), /last line/],
    ["another field as the last line", other("vsmtp-signature:v", "x-signature:v"), /last line/],
    [
      "33 recipients",
      other(/ r=([\w-]+):([\w-]+)/, ` r=$1${":AAAAAAAAAAAAAAAAAAAAAA".repeat(33)}`),
      /r is not/,
    ],
    ["Sender with two mailboxes", other(/\r\nto:/, "\r\nsender:a@x.tld, b@x.tld\r\nto:"), /Sender holds 2/],
    ["From that cannot be read", other(/^from:/, "from:<<"), /From/],
    ["several authors and no Sender", other(/^from:/, "from:b@x.tld, "), /no Sender/],
  ];
  for (const [name, make, problem] of refusals) {
    test(`refused: ${name}`, () => {
      const check = checkHeaderCanonical(Buffer.from(make(), "latin1"));
      assert.equal(check.ok, false);
      assert.match(check.ok ? "" : check.detail, problem);
    });
  }

  test("property: H of everything that a signer makes passes, and says what the signer was told", () => {
    fc.assert(
      fc.property(arbitraryMessage, fc.nat(32), (message, count) => {
        const signer = new MessageSigner();
        signer.write(message);
        const prepared = signer.finish();
        if (!prepared.ok || !prepared.responsible.ok) return;
        const identity = prepared.responsible.address;
        const recipients = Array.from({ length: count }, (_, n) => address(`r${n}@dest.tld`));
        const options = {
          identity,
          kid: ALLICE.kid,
          algorithm: ALLICE.algorithm,
          signedAt: SIGNED_AT,
          recipients,
        };
        const check = accepted(prepared.draft(options).headerCanonical);
        assert.equal(encodeAddress(check.identity), encodeAddress(identity));
        assert.equal(check.recipientCount, count);
        assert.deepEqual(check.responsible, prepared.responsible);
        assert.deepEqual(check.from, prepared.from);
      }),
    );
  });

  test("property: no octets throw, and an octet changed anywhere is refused or says so", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (octets) => void checkHeaderCanonical(octets)));
    const good = Buffer.from(h, "latin1");
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(255), (at, octet) => {
        const changed = Buffer.from(good);
        changed[at] = octet;
        const check = checkHeaderCanonical(changed);
        if (check.ok && !changed.equals(good)) {
          // A value was changed: what it says is still what stands there.
          const field = changed.toString("latin1").slice(changed.lastIndexOf("\r\n") + 2);
          assert.ok(field.includes(` i=${encodeAddress(check.identity)};`));
          assert.ok(field.includes(` k=${check.kid};`));
        }
      }),
      { numRuns: 2000 },
    );
  });
});
