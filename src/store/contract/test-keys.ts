import assert from "node:assert/strict";
import { test } from "node:test";
import {
  assertRefused,
  domainRecord,
  done,
  entry,
  type MakePlace,
  NOW,
  newAccount,
  newKey,
  passwordRecord,
  replacement,
  withAccount,
} from "./test-place.ts";

export function keyContract(makePlace: MakePlace): void {
  test("LIF-8, LIF-9, LIF-13, LIF-17 keys move on as key-lifecycle.ts says", async () => {
    const store = await (await makePlace()).open();
    const { id } = await withAccount(store, "allice@someisp.test");
    const first = (await store.activeKey(id)) ?? assert.fail();
    assert.deepEqual(first.sealed, new Uint8Array([1, 2, 3]));
    const states = async () =>
      (await store.keyHistory(id)).map((key) => [key.state, key.notAfter, key.reason, key.hasPrivateKey]);
    const retire = (keepPrivateKey: boolean) =>
      replacement(id, {
        oldKeys: { become: "retired", notAfter: NOW + 100, keepPrivateKey },
        reason: "rotation",
      });
    const rotation = retire(false);
    await done(store.replaceKeys(rotation, entry()));
    assert.deepEqual(await states(), [
      ["active", null, null, true],
      ["retired", NOW + 100, "rotation", false],
    ]);
    assert.equal((await store.activeKey(id))?.kid, rotation.newKey.kid);
    assert.deepEqual((await store.key(first.kid))?.accountId, id);
    assert.equal(await store.key("none"), null);

    assert.equal(await store.replaceKeys(replacement(id, { newKey: rotation.newKey }), entry()), "key-taken");
    const sameOctets = newKey({ spki: first.spki });
    assert.equal(await store.replaceKeys(replacement(id, { newKey: sameOctets }), entry()), "key-taken");
    assert.equal(await store.replaceKeys(replacement("nobody"), entry()), "no-account");
    assert.equal(
      await store.replaceKeys(replacement(id, { requiredState: "suspended" }), entry()),
      "not-suspended",
    );
    await done(store.suspend(id, NOW, entry()));
    assert.equal(await store.replaceKeys(replacement(id), entry()), "suspended");
    await done(store.replaceKeys(replacement(id, { requiredState: "suspended", reason: "resume" }), entry()));
    const resumed = await store.account(id);
    assert.deepEqual([resumed?.state, resumed?.stateSince], ["active", NOW + 10]);
    assert.deepEqual(await states(), [
      ["active", null, null, true],
      ["revoked", NOW + 10, "resume", false],
      ["revoked", NOW + 10, "resume", false],
    ]);
    await done(store.removeAccount(id, NOW, entry()));
    assert.equal(await store.replaceKeys(replacement(id), entry()), "removed");
  });

  test("LIF-15 many accounts are re-keyed in one transaction, and who is refused is left out", async () => {
    const store = await (await makePlace()).open();
    await done(store.addDomain(domainRecord("someisp.test"), entry()));
    const many = Array.from({ length: 200 }, (_, i) =>
      newAccount(`u${String(i).padStart(3, "0")}@someisp.test`),
    );
    await done(store.addAccounts(many.map((account) => [account, entry()])));
    const ids = many.map(({ id }) => id);
    await done(store.suspend(ids[3] as string, NOW, entry()));
    const work = [
      ...ids.map((id) => replacement(id, { reason: "bulk re-key", newKey: newKey({ notBefore: NOW + 10 }) })),
      replacement("nobody"),
      replacement(ids[0] as string, { at: NOW + 20, newKey: newKey({ notBefore: NOW + 20 }) }),
    ];
    const outcomes = await store.replaceKeysOfMany(
      work.map((item) => [item, entry("key.rekey", { account: item.accountId })]),
    );
    assert.equal(outcomes.length, 202);
    assert.deepEqual([outcomes[3], outcomes[200], outcomes[201]], ["suspended", "no-account", "done"]);
    assert.equal(outcomes.filter((outcome) => outcome === "done").length, 200);
    assert.equal((await store.audit({ action: "key", limit: 1000 })).length, 200);
    assert.equal((await store.keyHistory(ids[0] as string)).length, 3);
    assert.equal((await store.keyHistory(ids[199] as string))[0]?.kid, work[199]?.newKey.kid);

    const page = { domain: "someisp.test", after: null, limit: 100 };
    const left = await store.accountsWithKeysBefore(NOW + 5, page);
    assert.deepEqual(
      left.map(({ id }) => id),
      [ids[3]],
    );
    assert.deepEqual(await store.accountsWithKeysBefore(NOW + 5, { ...page, state: "active" }), []);
    const later = await store.accountsWithKeysBefore(NOW + 15, { ...page, domain: null, limit: 2 });
    assert.deepEqual(
      later.map(({ id }) => id),
      [ids[1], ids[2]],
    );
  });

  test("LIF-18 retired private keys are released after their end, once, and then leave the store", async () => {
    const store = await (await makePlace()).open();
    const { id } = await withAccount(store, "allice@someisp.test");
    const first = (await store.activeKey(id)) ?? assert.fail();
    const oldKeys = { become: "retired", notAfter: NOW + 100, keepPrivateKey: true } as const;
    await done(store.replaceKeys(replacement(id, { oldKeys, reason: "rotation" }), entry()));
    assert.deepEqual(await store.releasableKeys(NOW + 99, 10), []);
    const [key] = await store.releasableKeys(NOW + 100, 10);
    assert.deepEqual([key?.kid, key?.sealed, key?.hasPrivateKey], [first.kid, first.sealed, true]);
    assert.equal(await store.markReleased(first.kid, NOW + 99, entry()), "no-key", "it has not ended yet");
    await done(store.markReleased(first.kid, NOW + 101, entry()));
    assert.equal(await store.markReleased(first.kid, NOW + 102, entry()), "no-key");
    const released = await store.key(first.kid);
    assert.deepEqual(
      [released?.releasedAt, released?.hasPrivateKey, released?.state],
      [NOW + 101, false, "retired"],
    );
    assert.deepEqual(await store.releasableKeys(NOW + 1000, 10), []);
    const active = (await store.activeKey(id)) ?? assert.fail();
    assert.equal(await store.markReleased(active.kid, NOW + 1000, entry()), "no-key");

    assert.equal(await store.revokeRetiredKey(active.kid, NOW, entry()), "no-key");
    assert.equal(await store.revokeRetiredKey("none", NOW, entry()), "no-key");
    await done(store.revokeRetiredKey(first.kid, NOW + 50, entry()));
    assert.equal(await store.revokeRetiredKey(first.kid, NOW + 50, entry()), "revoked");
    assert.equal(await store.markReleased(first.kid, NOW + 1000, entry()), "revoked");
    assert.equal((await store.key(first.kid))?.notAfter, NOW + 50);
  });

  test("LIF-3, LIF-16, LIF-17 the database itself forbids what the table of states does not have", async () => {
    const place = await makePlace();
    const store = await place.open();
    const { id } = await withAccount(store, "allice@someisp.test");
    const oldKeys = { become: "retired", notAfter: NOW, keepPrivateKey: true } as const;
    const { kid } = (await store.activeKey(id)) ?? assert.fail();
    await done(store.replaceKeys(replacement(id), entry()));
    await done(store.replaceKeys(replacement(id, { oldKeys }), entry()));
    const retired = (await store.keyHistory(id))[1]?.kid;
    await done(store.markReleased(retired ?? "", NOW + 1, entry()));
    for (const sql of [
      `UPDATE key_pair SET state = 'active', not_after = NULL, reason = NULL WHERE kid = '${kid}'`,
      "UPDATE key_pair SET state = 'retired' WHERE state = 'revoked'",
      "UPDATE key_pair SET state = 'retired' WHERE state = 'active'",
      "UPDATE key_pair SET account = 'another'",
      "UPDATE key_pair SET kid = 'another' WHERE state = 'active'",
      `UPDATE key_pair SET sealed = spki WHERE kid = '${kid}'`,
      `UPDATE key_pair SET sealed = spki WHERE kid = '${retired}'`,
      "UPDATE key_pair SET sealed = NULL WHERE state = 'active'",
      "UPDATE key_pair SET released_at = 7",
      "DELETE FROM key_pair",
      `INSERT INTO key_pair (kid, account, algorithm, state, spki, not_before, not_after, state_since, reason)
       SELECT 'x', account, algorithm, 'revoked', spki, 0, 0, 0, '' FROM key_pair WHERE kid = '${kid}'`,
      `INSERT INTO key_pair (kid, account, algorithm, state, spki, sealed, not_before, state_since)
       VALUES ('y', '${id}', 'ed25519-sha256', 'active', '', '', 0, 0)`,
    ]) {
      await assertRefused(place, sql);
    }
  });

  test("re-wrap gives everything sealed to the new master key, what came meanwhile as well, and can go on", async () => {
    const place = await makePlace();
    const store = await place.open();
    assert.equal(await store.bindMasterKey("old"), "old");
    assert.equal(await store.bindMasterKey("other"), "old");
    const statementKey = { spki: new Uint8Array([1]), sealed: new Uint8Array([0, 9]) };
    await done(store.addDomain(domainRecord("someisp.test", { statementKey }), entry()));
    const old = (octet: number) => new Uint8Array([0, octet]);
    const password = () => passwordRecord({ scram: old(1), lockByPassword: old(2), lockByScram: old(3) });
    const many = Array.from({ length: 600 }, (_, i) =>
      newAccount(`u${i}@someisp.test`, {
        key: newKey({ sealed: old(4) }),
        password: i < 5 ? password() : null,
      }),
    );
    await done(store.addAccounts(many.map((account) => [account, entry()])));
    const seen = new Set<string>();
    let resealed = 0;
    let meanwhile: Promise<void> | undefined;
    const reseal: Parameters<typeof store.rewrap>[0] = (sealed, what) => {
      if (sealed[0] === 1) return null;
      if (resealed++ === 100) throw new Error("broken off");
      seen.add("part" in what ? what.part : what.kind);
      return new Uint8Array([1, ...sealed.subarray(1)]);
    };
    const late = newAccount("late@someisp.test", { key: newKey({ sealed: old(5) }), password: password() });
    const progress: number[][] = [];
    const rewrap = () =>
      store.rewrap(
        reseal,
        { check: "new", decoySecret: Buffer.of(1) },
        entry("master-key.rewrap"),
        (rows, of) => {
          progress.push([rows, of]);
          if (rows > 0) meanwhile ??= done(store.addAccount(late, entry()));
        },
      );
    await assert.rejects(rewrap(), /broken off/);
    assert.equal((await store.audit({ action: "master-key", limit: 10 })).length, 0);
    await rewrap();
    await meanwhile;
    assert.deepEqual([...seen].sort(), [
      "account-key",
      "lock-by-password",
      "lock-by-scram",
      "scram",
      "statement-key",
    ]);
    assert.ok(progress.length > 5 && progress.at(-1)?.[0] === progress.at(-1)?.[1]);
    for (const { id } of [...many, late]) assert.equal((await store.activeKey(id))?.sealed[0], 1);
    for (const address of ["u4@someisp.test", "late@someisp.test"]) {
      const [credential] = (await store.credentials(address))?.credentials ?? [];
      assert.deepEqual(
        [credential?.scram, credential?.lockByPassword, credential?.lockByScram],
        [new Uint8Array([1, 1]), new Uint8Array([1, 2]), new Uint8Array([1, 3])],
      );
    }
    assert.deepEqual((await store.domain("someisp.test"))?.statementKey?.sealed, new Uint8Array([1, 9]));

    // Whatever this process sealed from now on would be lost.
    const refused = store.addDomain(domainRecord("other.test"), entry());
    await assert.rejects(refused, { name: "KeyringStoreError", kind: "broken" });
    const again = await place.open();
    assert.equal(await again.bindMasterKey("new"), "new");
    await done(again.addDomain(domainRecord("other.test"), entry()));
  });
}
