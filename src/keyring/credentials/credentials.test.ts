import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { makeScramVerifier } from "../../sasl/index.ts";
import { generateKeyLock, openWithLock, sealToLock } from "../key-lock.ts";
import { MasterKey, MasterKeyError } from "../master-key.ts";
import { parseAppPassword } from "./app-password.ts";
import { newAppPassword, newPassword, passwordFromHash } from "./new-credential.ts";
import { openKeyLock, openKeyLockByScram } from "./open-key-lock.ts";
import { preparePassword, verifyPassword } from "./password-hash.ts";
import { openScramVerifier, SCRAM_ITERATIONS } from "./scram-credential.ts";

const masterKey = MasterKey.generate();
const owner = { accountId: "a1", masterKey };
const lock = generateKeyLock();
const given = { ...owner, at: 1_000, keyLock: lock.privateKey };

/** Whether it is the private half of `lock`. */
function opensTheLock(privateKey: Parameters<typeof openWithLock>[0] | null): boolean {
  assert.ok(privateKey);
  return openWithLock(privateKey, sealToLock(lock.publicKey, Buffer.from("x"), "c"), "c")?.toString() === "x";
}

test("a password: its hash, its SCRAM verifier, and the key lock that it opens both ways", async () => {
  const credential = await newPassword("pä ss", { ...given, scram: true });
  assert.ok(credential?.scram);
  assert.deepEqual([credential.id, credential.kind, credential.createdAt], ["password", "password", 1_000]);
  assert.ok(await verifyPassword("pä ss", credential.hash));
  const verifier = openScramVerifier(credential.scram, "a1", masterKey);
  const made = await makeScramVerifier("pä ss", verifier.salt, SCRAM_ITERATIONS);
  assert.deepEqual(verifier, made.verifier);
  assert.ok(opensTheLock(await openKeyLock(credential, "pa\u0308 ss", owner)), "as prepared");
  assert.ok(opensTheLock(await openKeyLockByScram(credential, made.clientKey, owner)));
  assert.equal(await openKeyLock(credential, "other", owner), null);
  assert.equal(await openKeyLock(credential, "", owner), null);
  assert.equal(await openKeyLockByScram(credential, Buffer.alloc(32), owner), null);
});

test("without lock and SCRAM there is the hash alone", async () => {
  const credential = await newPassword("secret", { ...given, keyLock: null, scram: false });
  assert.ok(credential);
  assert.deepEqual([credential.scram, credential.lockByPassword, credential.lockByScram], [null, null, null]);
  assert.equal(await openKeyLock(credential, "secret", owner), null);
  assert.equal(await openKeyLockByScram(credential, Buffer.alloc(32), owner), null);
  assert.equal(await newPassword("", { ...given, scram: false }), null);
  assert.equal(await newPassword("a\0b", { ...given, scram: false }), null);
});

test("PRV-6 an app password is generated, found by its id, and opens the key lock too", async () => {
  const made = await newAppPassword({ ...given, name: "phone", addresses: ["a@b.test"], notAfter: 2_000 });
  const { credential, secret } = made;
  assert.match(secret, /^(?:[a-z2-7]{4}-){6}[a-z2-7]{4}$/);
  assert.deepEqual(
    [credential.kind, credential.name, credential.addresses, credential.notAfter, credential.scram],
    ["app-password", "phone", ["a@b.test"], 2_000, null],
  );
  for (const typed of [secret, secret.replaceAll("-", ""), secret.replaceAll("-", " ").toUpperCase()]) {
    const parsed = parseAppPassword(typed);
    assert.equal(parsed?.id, credential.id);
    assert.ok(await verifyPassword(parsed?.password ?? "", credential.hash));
  }
  assert.ok(opensTheLock(await openKeyLock(credential, secret.toUpperCase(), owner)));
});

test("what is sealed belongs to its account, its purpose and its credential", async () => {
  const credential = await newPassword("secret", { ...given, scram: true });
  assert.ok(credential?.scram);
  assert.throws(() => openScramVerifier(credential.scram as Uint8Array, "a2", masterKey), MasterKeyError);
  const swapped = { ...credential, lockByPassword: credential.lockByScram };
  await assert.rejects(openKeyLock(swapped, "secret", owner), MasterKeyError);
  await assert.rejects(openKeyLock(credential, "secret", { ...owner, accountId: "a2" }), MasterKeyError);
  assert.equal(await openKeyLock({ ...credential, id: "abcdefgh" }, "secret", owner), null);
  const other = { ...owner, masterKey: MasterKey.generate() };
  await assert.rejects(openKeyLock(credential, "secret", other), MasterKeyError);
});

test("any text is no app password, or one whose id and secret are its digits", () => {
  const digits = fc.stringMatching(/^[a-zA-Z2-7 -]{20,70}$/);
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: "binary" }), digits), (text) => {
      const parsed = parseAppPassword(text);
      if (parsed === null) return;
      assert.match(parsed.password, /^[a-z2-7]{28}$/);
      assert.equal(parsed.password.slice(0, 8), parsed.id);
      assert.equal(preparePassword(parsed.password), parsed.password);
    }),
  );
});

test("hashes of other systems are taken within bounds, and nothing else is", () => {
  const salt = "c29tZXNhbHRzb21lc2FsdA";
  const tag = "WhoELTVCDxA0tKNHq8bZhJ7JiYCl47pcvKCv8yqwM4g";
  const rows: [hash: string, taken: boolean][] = [
    [`$argon2id$v=19$m=65536,t=3,p=4$${salt}$${tag}`, true],
    [`$argon2id$v=19$m=1048577,t=3,p=4$${salt}$${tag}`, false],
    [`$argon2id$v=19$m=31,t=3,p=4$${salt}$${tag}`, false],
    [`$argon2id$v=19$m=65536,t=17,p=4$${salt}$${tag}`, false],
    [`$argon2id$v=19$m=65536,t=0,p=0$${salt}$${tag}`, false],
    [`$argon2i$v=19$m=65536,t=3,p=4$${salt}$${tag}`, false],
    [`$2b$12$${salt}${tag}`, false],
  ];
  for (const [hash, taken] of rows) assert.equal(passwordFromHash(hash, 1)?.hash === hash, taken, hash);
  fc.assert(fc.property(fc.string(), (text) => passwordFromHash(`$argon2id$v=19$${text}`, 1) === null));
});
