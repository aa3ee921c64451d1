import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, it } from "node:test";
import fc from "fast-check";
import { CORE_FIELDS, explain, MessageSigner, MessageVerifier, sign, verify } from "./index.ts";
import {
  ALLICE,
  address,
  arbitraryMessage,
  BOB,
  cut,
  KnownKeys,
  LUNCH,
  NOW,
  outcome,
  SIGNED_AT,
  signed,
} from "./test-messages.ts";

describe("worked example (Appendix A)", () => {
  const salt = Uint8Array.from({ length: 16 }, (_, index) => index);
  const options = { expiresAt: 1_073_908_800, recipients: [BOB], salt };

  it("comes out bit for bit", () => {
    const text = signed(LUNCH, options).toString();
    assert.equal(
      text.slice(0, text.indexOf("From:")),
      [
        "VSMTP-Signature: v=1; a=ed25519-sha256; i=allice@someisp.tld;",
        " k=FIH_rUKoiX6PoyILK0Uagg; t=1073304000; x=1073908800;",
        " h=from:sender:reply-to:to:cc:subject:date:message-id:in-reply-to:",
        "  references:mime-version:content-type:content-transfer-encoding:",
        "  content-disposition;",
        " bh=MLlAUhq1WOxmJGGvkhuUJnJ2NxyYgZEPnIr+FgZqYMg=;",
        " r=AAECAwQFBgcICQoLDA0ODw:f3fRZEltlUV0T1rybP9aiQ;",
        " b=mwlUDwIhUXKdXOOsop9feISLy1fRQFA5EyuLW9FkdszbgQsvz8tGwcV7S5aFFyi64kkteJzGZ3aMJqrh7wexAQ==",
        "",
      ].join("\r\n"),
    );
    const signer = new MessageSigner();
    signer.write(LUNCH);
    const prepared = signer.finish();
    assert.ok(prepared.ok);
    const draft = prepared.draft({
      ...options,
      signedAt: SIGNED_AT,
      identity: address("allice@someisp.tld"),
      kid: ALLICE.kid,
      algorithm: "ed25519-sha256",
    });
    assert.equal(
      createHash("sha256").update(draft.headerCanonical).digest("hex"),
      "97ba376d003c5d3af10d205410486abbec36eafdbb6682d3fb573dd648a8d745",
    );
  });

  it("verifies, with everything a verdict says (RPL-3)", async () => {
    const message = signed(LUNCH, options);
    const signature = /\bb=([A-Za-z0-9+/=\s]+?)\r\n(?![ \t])/.exec(message.toString())?.[1] ?? assert.fail();
    const verdict = await verify(message, {
      now: NOW,
      recipients: [BOB],
      keys: new KnownKeys(ALLICE),
    });
    assert.deepEqual(verdict, {
      result: "pass",
      reason: null,
      identity: "allice@someisp.tld",
      kid: "FIH_rUKoiX6PoyILK0Uagg",
      align: "from",
      rcpt: "match",
      trust: "host",
      detail: "signed by allice@someisp.tld",
      forwarder: null,
      automatic: false,
      signature: {
        digest: createHash("sha256").update(Buffer.from(signature, "base64")).digest(),
        expiresAt: SIGNED_AT + 604_800,
      },
    });
  });
});

describe("signing and verifying, as properties", () => {
  const recipients = fc.uniqueArray(fc.constantFrom("bob@dest.tld", "eve@x.tld", "a%20b@y.tld"), {
    minLength: 1,
  });

  it("what was signed passes, in any chunks", async () => {
    await fc.assert(
      fc.asyncProperty(
        arbitraryMessage,
        recipients,
        fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 4 }),
        async (message, to, sizes) => {
          const whole = signed(message, { recipients: to.map(address) });
          assert.equal(await outcome(whole, to.map(address)), "pass");
          const one = new MessageVerifier();
          one.write(whole);
          const expected = one.finish();
          for (const some of [sizes, [1]]) {
            const verifier = new MessageVerifier();
            for (const chunk of cut(whole, some)) verifier.write(chunk);
            assert.deepEqual(verifier.finish(), expected);
          }
        },
      ),
      { numRuns: 150 },
    );
  });

  it("every changed, added or removed octet that survives canonicalization is caught", async () => {
    await fc.assert(
      fc.asyncProperty(
        arbitraryMessage,
        fc.nat(),
        fc.constantFrom("change", "add", "remove"),
        async (message, at, how) => {
          const whole = signed(message);
          const start = whole.indexOf("\r\nFrom:") + 2;
          const place = start + (at % (whole.length - start));
          const altered = Buffer.concat([
            whole.subarray(0, place),
            how === "remove" ? Buffer.alloc(0) : Buffer.from("Q"),
            whole.subarray(how === "add" ? place : place + 1),
          ]);
          if (canonicalOf(altered) === canonicalOf(whole)) assert.equal(await outcome(altered), "pass");
          else assert.notEqual(await outcome(altered), "pass");
        },
      ),
      { numRuns: 300 },
    );
  });

  it("adding any covered field, present or absent, is caught (SIG-44)", async () => {
    for (const name of [
      "Sender",
      "Cc",
      "Subject",
      "Reply-To",
      "Content-Type",
      "MIME-Version",
      "References",
    ]) {
      const altered = Buffer.concat([Buffer.from(`${name}: eve@x.tld\r\n`), signed(LUNCH)]);
      assert.notEqual(await outcome(altered), "pass", name);
    }
  });

  it("refolding (SIG-25), white space at line ends, trace fields, other order and case of names still pass", async () => {
    await fc.assert(
      fc.asyncProperty(arbitraryMessage, fc.infiniteStream(fc.nat(5)), async (message, choices) => {
        const text = signed(message).toString("latin1");
        const next = (): number => choices.next().value ?? 0;
        const end = text.indexOf("\r\n\r\n");
        const fields = text.slice(0, end).split(/\r\n(?![ \t])/);
        const refolded = fields.map((field) => {
          const colon = field.indexOf(":");
          const name = next() > 2 ? field.slice(0, colon).toUpperCase() : field.slice(0, colon);
          const value = field
            .slice(colon + 1)
            .replace(/(?:\r\n)?[ \t]+/g, (space) => (next() > 3 ? "\r\n \t" : next() > 3 ? "  " : space));
          return `${name}${next() > 4 ? " " : ""}:${value}${next() > 4 ? "  " : ""}`;
        });
        const byName = Map.groupBy(refolded, (field) =>
          field.slice(0, field.indexOf(":")).trim().toLowerCase(),
        );
        const reordered = [...byName.values()].reverse().flat();
        const body = text.slice(end + 4).replace(/\r\n/g, () => (next() > 3 ? " \t\r\n" : "\r\n"));
        const transit = `Received: from a by b\r\n${reordered.join("\r\n")}\r\nX-Scanned: yes\r\n\r\n${body}\r\n\r\n`;
        assert.equal(await outcome(Buffer.from(transit, "latin1")), "pass");
      }),
      { numRuns: 200 },
    );
  });

  it("throws for no input, whatever its octets", async () => {
    const mutation = fc.tuple(fc.nat(), fc.uint8Array({ maxLength: 6 }));
    await fc.assert(
      fc.asyncProperty(arbitraryMessage, fc.array(mutation, { maxLength: 5 }), async (message, mutations) => {
        let octets: Buffer = signed(message, { recipients: [BOB] });
        for (const [at, inserted] of mutations) {
          const place = at % (octets.length + 1);
          octets = Buffer.concat([
            octets.subarray(0, place),
            inserted,
            octets.subarray(place + inserted.length),
          ]);
        }
        const context = { now: NOW, recipients: [BOB], keys: new KnownKeys(ALLICE) };
        await verify(octets, context);
        await explain(octets, context);
        sign(octets, { keys: [ALLICE], identity: address("allice@someisp.tld"), signedAt: SIGNED_AT });
      }),
      { numRuns: 400 },
    );
  });
});

function canonicalOf(message: Buffer): string {
  const verifier = new MessageVerifier();
  verifier.write(message);
  const { header, bodyHashBase64, fault } = verifier.finish();
  if (fault) return `fault ${fault.kind} ${fault.offset} ${message.toString("latin1")}`;
  const canonical = header.fields
    .filter((field) => CORE_FIELDS.includes(field.name))
    .map((field) => [
      field.name,
      Buffer.from(header.octets.subarray(field.valueStart, field.end))
        .toString("latin1")
        .replace(/[\r\n]/g, "")
        .replace(/[ \t]+/g, " ")
        .trim(),
    ])
    .sort((a, b) => ((a[0] ?? "") < (b[0] ?? "") ? -1 : 1));
  return JSON.stringify([canonical, bodyHashBase64]);
}
