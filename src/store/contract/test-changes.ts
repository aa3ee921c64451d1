import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { KeyringStore } from "../../keyring/index.ts";
import {
  appPassword,
  domainRecord,
  done,
  elsewhere,
  entry,
  type MakePlace,
  NOW,
  newAccount,
  passwordRecord,
  replacement,
  withAccount,
} from "./test-place.ts";

/** What a cache would have to forget within a second of the change; null: everything. */
export async function changesAfter(store: KeyringStore, count: number): Promise<string[] | null> {
  const end = performance.now() + 1000;
  while (store.changeCount() === count) {
    if (performance.now() > end) return [];
    await delay(5);
  }
  const subjects = store.changedSince(count);
  return subjects && [...subjects].sort();
}

export function changesContract(makePlace: MakePlace): void {
  test("every change tells which accounts and domains to forget, here at once and elsewhere within a second", async () => {
    const place = await makePlace();
    const store = await place.open();
    const other = await place.open();
    const boss = await withAccount(store, "boss@someisp.test", {
      aliases: ["b@someisp.test", "c@someisp.test"],
    });
    const agent = await withAccount(store, "agent@someisp.test");
    await done(store.addDomain(domainRecord("other.test"), entry()));
    await changesAfter(other, 0);
    await delay(600);
    const grant = (address: string) => ({ kind: "send-as", target: { address } }) as const;
    const wholeDomain = { kind: "send-as", target: { domain: "other.test" } } as const;
    const change = { accountId: boss.id, password: passwordRecord(), keyLock: null, relock: null, at: NOW };
    const keep = { become: "retired", notAfter: NOW, keepPrivateKey: true } as const;
    const oldKid = (await store.activeKey(boss.id))?.kid ?? assert.fail();
    const moved = newAccount("c@someisp.test");
    const steps: [string[], () => Promise<string>][] = [
      [["new.test"], () => store.addDomain(domainRecord("new.test"), entry())],
      [["new.test"], () => store.changeDomain(domainRecord("new.test", { epoch: 5 }), entry())],
      [["new.test"], () => store.removeDomain("new.test", entry())],
      [[agent.id], () => store.addAddress(agent.id, "a2@someisp.test", entry())],
      [[agent.id], () => store.addGrant(agent.id, grant("b@someisp.test"), entry())],
      [[boss.id, agent.id], () => store.removeAddress("b@someisp.test", entry())],
      [[agent.id], () => store.addGrant(agent.id, wholeDomain, entry())],
      [[agent.id, "other.test"], () => store.removeDomain("other.test", entry())],
      [[agent.id], () => store.setRecipientLimit(agent.id, 5, entry())],
      [[boss.id], () => store.changePassword(change, entry())],
      [[boss.id], () => store.addCredential(boss.id, appPassword("aaaaaaaa"), null, entry())],
      [[boss.id], () => store.removeCredential(boss.id, "aaaaaaaa", entry())],
      [[boss.id], () => store.replaceKeys(replacement(boss.id, { oldKeys: keep }), entry())],
      [[boss.id], () => store.markReleased(oldKid, NOW + 1, entry())],
      [[boss.id], () => store.revokeRetiredKey(oldKid, NOW + 1, entry())],
      [[boss.id], () => store.suspend(boss.id, NOW, entry())],
      [[boss.id], () => store.replaceKeys(replacement(boss.id, { requiredState: "suspended" }), entry())],
      [[agent.id], () => store.addGrant(agent.id, grant("c@someisp.test"), entry())],
      [[boss.id, agent.id], () => store.reassign(moved, entry())],
      [[agent.id], () => store.addGrant(agent.id, grant("boss@someisp.test"), entry())],
      [[boss.id, agent.id], () => store.removeAccount(boss.id, NOW, entry())],
    ];
    for (const [expected, step] of steps) {
      const [here, there] = [store.changeCount(), other.changeCount()];
      await done(step());
      assert.notEqual(store.changeCount(), here, "the caller's own caches know before it goes on");
      // Its own changes come back to it as news as well, some of them late.
      const told = store.changedSince(here);
      assert.ok(told === null || expected.every((subject) => told.has(subject)), step.toString());
      assert.deepEqual(await changesAfter(other, there), expected.sort(), step.toString());
    }
  });

  test("new accounts, limits and the audit log empty no cache, and a refused change does not either", async () => {
    const place = await makePlace();
    const store = await place.open();
    const other = await place.open();
    const { id } = await withAccount(store, "allice@someisp.test");
    await changesAfter(other, 0);
    await delay(600);
    const counts = [store.changeCount(), other.changeCount()];
    const take = { accountId: id, recipients: 1, limit: 5, periodMs: 1000 };
    await store.use([{ entry: entry("sign"), take, touch: null }]);
    await done(store.addAccount(newAccount("x@someisp.test"), entry()));
    await store.addDomain(domainRecord("someisp.test"), entry());
    await delay(700);
    assert.deepEqual([store.changeCount(), other.changeCount()], counts);
  });

  test("whoever is too far behind forgets everything", async () => {
    const place = await makePlace();
    const store = await place.open();
    const { id } = await withAccount(store, "allice@someisp.test");
    const count = store.changeCount();
    await place.sql(
      `INSERT INTO change (subject) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
       SELECT 'x' FROM n`,
    );
    await elsewhere(place, `await done(store.setRecipientLimit("${id}", 5, entry()));`);
    await delay(1000);
    assert.notEqual(store.changeCount(), count);
    assert.equal(store.changedSince(count), null);
    assert.deepEqual([...(store.changedSince(store.changeCount()) ?? ["?"])], []);
  });
}
