import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { generateKeyLock, openWithLock, privateKeyOf, rawPrivateKey, sealToLock } from "./key-lock.ts";

const lock = generateKeyLock();

test("what is sealed to a lock opens with its private half, for its context only", () => {
  const secret = Buffer.from("a private key");
  const sealed = sealToLock(lock.publicKey, secret, "account a key k");
  assert.equal(lock.publicKey.length, 32);
  assert.equal(sealed.length, 1 + 32 + secret.length + 16);
  assert.deepEqual(openWithLock(lock.privateKey, sealed, "account a key k"), secret);
  assert.notDeepEqual(
    sealToLock(lock.publicKey, secret, "account a key k"),
    sealed,
    "an ephemeral key each time",
  );
  assert.equal(openWithLock(lock.privateKey, sealed, "account b key k"), null);
  assert.equal(openWithLock(generateKeyLock().privateKey, sealed, "account a key k"), null);
});

test("the private half survives as 32 octets", () => {
  const raw = rawPrivateKey(lock.privateKey);
  assert.equal(raw.length, 32);
  const sealed = sealToLock(lock.publicKey, Buffer.from("x"), "c");
  assert.equal(openWithLock(privateKeyOf(raw), sealed, "c")?.toString(), "x");
});

test("a changed octet, a cut, or anything else never opens, and a point of small order neither", () => {
  const sealed = Buffer.from(sealToLock(lock.publicKey, Buffer.from("secret"), "c"));
  for (let at = 0; at < sealed.length; at++) {
    const changed = Buffer.from(sealed);
    // The highest bit of a public key is ignored (RFC 7748 §5), but it is part of the salt.
    changed[at] = (changed[at] as number) ^ 0x80;
    assert.equal(openWithLock(lock.privateKey, changed, "c"), null, `octet ${at}`);
    assert.equal(openWithLock(lock.privateKey, sealed.subarray(0, at), "c"), null);
  }
  const zero = Buffer.concat([Buffer.of(1), Buffer.alloc(32), sealed.subarray(33)]);
  assert.equal(openWithLock(lock.privateKey, zero, "c"), null);
  assert.throws(() => sealToLock(new Uint8Array(32), Buffer.from("x"), "c"));
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (octets) => {
      assert.equal(openWithLock(lock.privateKey, octets, "c"), null);
    }),
  );
});
