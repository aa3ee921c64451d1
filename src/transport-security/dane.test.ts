import assert from "node:assert/strict";
import { hash, X509Certificate } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import type { DnsAnswer, Resolver, TlsaRecord } from "../dns/index.ts";
import { judgeDane, lookUpTlsa, usableTlsa } from "./index.ts";
import { subjectPublicKeyInfo } from "./subject-public-key-info.ts";
import { makeCertificate, type TestCertificate } from "./test-certificates.ts";

// A certificate that was made just now is valid from the next second on.
const now = Date.now() + 60_000;
const day = 86_400_000;

function spki({ der }: TestCertificate): Buffer {
  return new X509Certificate(der).publicKey.export({ format: "der", type: "spki" });
}

function record(usage: number, selector: number, matchingType: number, of: TestCertificate): TlsaRecord {
  const selected = selector === 0 ? of.der : spki(of);
  const digests = [selected, hash("sha256", selected, "buffer"), hash("sha512", selected, "buffer")];
  return { usage, selector, matchingType, data: digests[matchingType] as Uint8Array };
}

const root = await makeCertificate(["Root"], { authority: true });
const middle = await makeCertificate(["Middle"], { authority: true, issuer: root });
const leaf = await makeCertificate(["mx.test", "*.wild.test"], { issuer: middle });
const other = await makeCertificate(["mx.test"], { keyType: "rsa" });
const chain = [leaf.der, middle.der, root.der];
const kinds = [0, 1].flatMap((selector) =>
  [0, 1, 2].map((matchingType) => [selector, matchingType] as const),
);

test("DANE-EE: the server's own certificate or key, by all selectors and matching types; names and dates do not count", async () => {
  const ended = await makeCertificate(["elsewhere.test"], {
    from: new Date(now - 9 * day),
    until: new Date(now - day),
  });
  for (const [selector, matchingType] of kinds) {
    for (const certificate of [leaf, other, ended]) {
      const records = [record(3, selector, matchingType, certificate)];
      assert.equal(judgeDane(records, [certificate.der], ["mx.test"], now), null);
      const bad = certificate === leaf ? other : leaf;
      assert.match(judgeDane(records, [bad.der, certificate.der], ["mx.test"], now) ?? "", /none of those/);
    }
  }
  assert.match(judgeDane([record(3, 1, 1, leaf)], [], ["mx.test"], now) ?? "", /no certificate/);
});

test("DANE-TA: a chain to the named authority, valid now, for one of the names", async () => {
  for (const [selector, matchingType] of kinds) {
    for (const anchor of [middle, root]) {
      const records = [record(2, selector, matchingType, anchor)];
      const label = `${selector} ${matchingType}`;
      assert.equal(judgeDane(records, chain, ["mx.test"], now), null, label);
      assert.equal(
        judgeDane(records, [leaf.der, root.der, middle.der], ["mx.test"], now),
        null,
        `${label} mixed`,
      );
      assert.equal(judgeDane(records, chain, ["next.test", "a.wild.test"], now), null, label);
      assert.match(judgeDane(records, chain, ["next.test"], now) ?? "", /for none of next\.test/);
      assert.match(judgeDane(records, chain, ["a.b.wild.test"], now) ?? "", /for none of/);
      assert.match(judgeDane(records, chain, ["mx.test"], now + 1000 * day) ?? "", /no chain/);
    }
  }
  // The last link may be missing where the record holds it whole, and only there.
  for (const [selector, matchingType] of kinds) {
    const problem = judgeDane([record(2, selector, matchingType, root)], chain.slice(0, 2), ["mx.test"], now);
    assert.equal(problem === null, matchingType === 0, `${selector} ${matchingType}`);
  }
});

test("DANE-TA: what only looks like a chain", async () => {
  const anchor = [record(2, 0, 1, root)];
  const judge = (certificates: readonly TestCertificate[], records = anchor) =>
    judgeDane(
      records,
      certificates.map(({ der }) => der),
      ["mx.test"],
      now,
    );
  // Sent along, but it signed nothing.
  assert.match(judge([other, middle, root]) ?? "", /no chain/);
  // The same name, another key.
  const impostor = await makeCertificate(["Middle"], { authority: true });
  assert.match(
    judge([await makeCertificate(["mx.test"], { issuer: impostor }), middle, root]) ?? "",
    /no chain/,
  );
  // Signed by a certificate that may not sign.
  assert.match(
    judge([await makeCertificate(["mx.test"], { issuer: leaf }), leaf, middle, root]) ?? "",
    /no chain/,
  );
  const ended = await makeCertificate(["Ended"], {
    authority: true,
    issuer: root,
    from: new Date(now - 9 * day),
    until: new Date(now - day),
  });
  assert.match(judge([await makeCertificate(["mx.test"], { issuer: ended }), ended, root]) ?? "", /no chain/);
  const early = await makeCertificate(["mx.test"], { issuer: middle, from: new Date(now + day) });
  assert.match(judge([early, middle, root]) ?? "", /no chain/);
  const client = await makeCertificate(["mx.test"], { issuer: middle, clientOnly: true });
  assert.match(judge([client, middle, root]) ?? "", /not one for servers/);
  // The server's own certificate is no authority over itself.
  assert.match(judge([leaf, middle, root], [record(2, 0, 1, leaf)]) ?? "", /no chain/);
  // One record of several suffices, whatever its usage.
  assert.equal(judge([leaf, middle, root], [record(3, 1, 1, other), record(2, 1, 2, middle)]), null);
  assert.match(judgeDane(anchor, [Buffer.from("junk"), root.der], ["mx.test"], now) ?? "", /no chain/);
});

test("many certificates that sign one another are little work", async () => {
  const issuers = await Promise.all(
    Array.from({ length: 40 }, () => makeCertificate(["Middle"], { authority: true, issuer: middle })),
  );
  const begun = performance.now();
  assert.match(
    judgeDane([record(2, 0, 1, other)], [leaf.der, ...issuers.map(({ der }) => der)], ["mx.test"], now) ?? "",
    /no chain/,
  );
  assert.ok(performance.now() - begun < 1000);
});

test("usable records: usages 2 and 3, known selectors, digests of their length, the strongest only", () => {
  const octets = (length: number) => Buffer.alloc(length, 1);
  const of = (usage: number, selector: number, matchingType: number, length: number): TlsaRecord => ({
    usage,
    selector,
    matchingType,
    data: octets(length),
  });
  const unusable = [of(0, 1, 1, 32), of(1, 1, 1, 32), of(255, 1, 1, 32), of(3, 2, 1, 32), of(3, 1, 3, 32)];
  const malformed = [of(3, 1, 1, 31), of(3, 1, 2, 32), of(2, 0, 0, 0)];
  assert.deepEqual(usableTlsa([...unusable, ...malformed]), []);
  const records = [of(3, 1, 1, 32), of(3, 1, 2, 64), of(3, 1, 0, 90), of(3, 0, 1, 32), of(2, 1, 1, 32)];
  assert.deepEqual(usableTlsa(records), records.slice(1));
});

test("the key of a certificate: as Node writes it, and no input throws", () => {
  for (const certificate of [leaf, root, other]) {
    assert.deepEqual(Buffer.from(subjectPublicKeyInfo(certificate.der) ?? []), spki(certificate));
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (octets) => {
      subjectPublicKeyInfo(octets);
    }),
  );
  fc.assert(
    fc.property(fc.nat(leaf.der.length - 1), fc.nat(255), fc.nat(leaf.der.length), (at, octet, length) => {
      const changed = Uint8Array.from(leaf.der);
      changed[at] = octet;
      const cut = changed.subarray(0, length);
      subjectPublicKeyInfo(cut);
      judgeDane([record(2, 1, 0, root), record(3, 1, 0, other)], [cut, cut], ["mx.test"], now);
    }),
  );
});

test("TLSA lookup: only what DNSSEC vouches for, the canonical name first, failures are no absence (RFC 7672 §2)", async () => {
  const found = record(3, 1, 1, leaf);
  const records = (authenticated: boolean): DnsAnswer<TlsaRecord> => ({
    kind: "records",
    records: [found],
    authenticated,
    ttlSeconds: 1,
  });
  const none: DnsAnswer<TlsaRecord> = { kind: "nxdomain", authenticated: true, ttlSeconds: 1 };
  const failure: DnsAnswer<TlsaRecord> = { kind: "failure", detail: "SERVFAIL" };
  const asked: string[] = [];
  const look = (
    answers: Record<string, DnsAnswer<TlsaRecord>>,
    addresses: { authenticated: boolean; canonicalName?: string },
  ) => {
    asked.length = 0;
    const resolver = {
      tlsa: async (name: string) => {
        asked.push(name);
        return answers[name] ?? none;
      },
    } as Partial<Resolver> as Resolver;
    return lookUpTlsa("mx.test", 25, addresses, resolver);
  };
  const own = "_25._tcp.mx.test";
  const alias = "_25._tcp.real.test";
  assert.deepEqual(await look({ [own]: records(true) }, { authenticated: false }), { kind: "none" });
  assert.deepEqual(asked, []);
  const usable = { kind: "records", base: "mx.test", records: [found] };
  assert.deepEqual(await look({ [own]: records(true) }, { authenticated: true }), usable);
  assert.deepEqual(await look({ [own]: records(false) }, { authenticated: true }), { kind: "none" });
  assert.deepEqual(await look({}, { authenticated: true }), { kind: "none" });
  assert.equal((await look({ [own]: failure }, { authenticated: true })).kind, "failure");
  const aliased = { authenticated: true, canonicalName: "real.test" };
  assert.deepEqual(await look({ [alias]: records(true), [own]: records(true) }, aliased), {
    ...usable,
    base: "real.test",
  });
  assert.deepEqual(await look({ [alias]: records(false), [own]: records(true) }, aliased), usable);
  assert.deepEqual(asked, [alias, own]);
  assert.equal((await look({ [alias]: failure, [own]: records(true) }, aliased)).kind, "failure");
});
