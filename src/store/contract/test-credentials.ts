import assert from "node:assert/strict";
import { test } from "node:test";
import type { EnrolmentRecord } from "../../keyring/index.ts";
import {
  appPassword,
  done,
  entry,
  type MakePlace,
  NOW,
  newKey,
  passwordRecord,
  replacement,
  withAccount,
} from "./test-place.ts";

const lock = (digit: number): Uint8Array => new Uint8Array(32).fill(digit);

export function credentialContract(makePlace: MakePlace): void {
  test("PRV-6 passwords and app passwords are kept as given, the password first", async () => {
    const store = await (await makePlace()).open();
    const { id } = await withAccount(store, "allice@someisp.test", { aliases: ["al@someisp.test"] });
    const list = async () => (await store.credentials("al@someisp.test"))?.credentials;
    assert.deepEqual(await list(), []);
    const phone = appPassword("aaaaaaaa", {
      addresses: ["al@someisp.test"],
      notAfter: NOW + 5,
      lastUsedAt: NOW,
      createdAt: NOW - 5,
    });
    await done(store.addCredential(id, phone, null, entry()));
    assert.equal(await store.addCredential(id, phone, null, entry()), "exists");
    assert.equal(await store.addCredential("nobody", phone, null, entry()), "no-account");
    const password = passwordRecord({ scram: new Uint8Array([5]), lockByPassword: new Uint8Array([6]) });
    const change = { accountId: id, password, keyLock: null, relock: null, at: NOW };
    await done(store.changePassword(change, entry()));
    assert.deepEqual(await list(), [password, phone]);
    const other = passwordRecord({ hash: "other", lockByScram: new Uint8Array([7]) });
    await done(store.changePassword({ ...change, password: other }, entry()));
    assert.deepEqual(await list(), [other, phone]);
    assert.equal(await store.changePassword({ ...change, accountId: "nobody" }, entry()), "no-account");
    await done(store.removeCredential(id, phone.id, entry()));
    assert.deepEqual(await list(), [other]);
    await done(store.addCredential(id, phone, null, entry()));
    await done(store.changePassword({ ...change, password: null }, entry()));
    assert.deepEqual(await list(), [], "nobody can log in any more");
    assert.equal(await store.removeCredential(id, phone.id, entry()), "no-credential");
    assert.equal(await store.credentials("nobody@someisp.test"), null);
    assert.equal((await store.credentials("al@someisp.test"))?.account.id, id);
  });

  test("a new key lock comes with a new key, and what opened the old one goes", async () => {
    const store = await (await makePlace()).open();
    const { id } = await withAccount(store, "allice@someisp.test", { password: passwordRecord() });
    await done(store.addCredential(id, appPassword("aaaaaaaa"), null, entry()));
    const relock = (digit: number) => ({
      keyLock: lock(digit),
      replacement: replacement(id, {
        newKey: newKey({ keyLock: lock(digit) }),
        reason: "password reset",
      }),
    });
    const change = { accountId: id, password: passwordRecord({ hash: "new" }), keyLock: lock(1), at: NOW };
    await done(store.changePassword({ ...change, relock: relock(1) }, entry()));
    assert.deepEqual((await store.account(id))?.keyLock, lock(1));
    assert.deepEqual(
      (await store.credentials("allice@someisp.test"))?.credentials.map(({ hash }) => hash),
      ["new"],
    );
    assert.deepEqual(
      (await store.keyHistory(id)).map(({ state, reason }) => [state, reason]),
      [
        ["active", null],
        ["revoked", "password reset"],
      ],
    );
    // What was made for another lock than the account has now can never be opened.
    assert.equal(
      await store.changePassword({ ...change, keyLock: lock(2), relock: null }, entry()),
      "relocked",
    );
    assert.equal(await store.addCredential(id, appPassword("bbbbbbbb"), null, entry()), "relocked");
    assert.equal(await store.replaceKeys(replacement(id), entry()), "relocked");
    await done(store.addCredential(id, appPassword("bbbbbbbb"), lock(1), entry()));
    const wrong = { ...relock(3), replacement: replacement(id, { requiredState: "suspended" }) };
    assert.equal(await store.changePassword({ ...change, relock: wrong }, entry()), "not-suspended");
    assert.deepEqual((await store.account(id))?.keyLock, lock(1), "refused means unchanged");
    assert.equal((await store.credentials("allice@someisp.test"))?.credentials.length, 2);
  });

  test("PRV-2 enrolments", async () => {
    const store = await (await makePlace()).open();
    const byCertificate: EnrolmentRecord = {
      name: "outside",
      proof: { kind: "certificate", spkiSha256: "ab".repeat(32) },
      scope: ["someisp.test", "a@other.test"],
      modes: ["sign"],
      mayAssert: false,
      createdAt: NOW,
    };
    const bySocket: EnrolmentRecord = {
      name: "local",
      proof: { kind: "unix-socket", user: null, group: "mail" },
      scope: ["*"],
      modes: ["sign", "getkey"],
      mayAssert: true,
      createdAt: NOW,
    };
    await done(store.addEnrolment(byCertificate, entry()));
    await done(store.addEnrolment(bySocket, entry()));
    assert.deepEqual(await store.enrolments(), [bySocket, byCertificate]);
    assert.equal(await store.addEnrolment(bySocket, entry()), "exists");
    assert.equal(await store.addEnrolment({ ...byCertificate, name: "again" }, entry()), "exists");
    await done(store.removeEnrolment("local", entry()));
    assert.equal(await store.removeEnrolment("local", entry()), "no-enrolment");
    assert.deepEqual(await store.enrolments(), [byCertificate]);
  });
}
