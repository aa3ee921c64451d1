import assert from "node:assert/strict";
import { test } from "node:test";
import { MAX_GRANTS } from "../../keyring/index.ts";
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
  withAccount,
} from "./test-place.ts";

export function accountContract(makePlace: MakePlace): void {
  test("domains are added, changed, and removed when nobody has an address there", async () => {
    const store = await (await makePlace()).open();
    const record = domainRecord("someisp.test", {
      epoch: 5,
      statementKey: { spki: new Uint8Array([1]), sealed: new Uint8Array([2]) },
      releasesKeys: true,
    });
    await done(store.addDomain(record, entry()));
    assert.equal(await store.addDomain(domainRecord("someisp.test"), entry()), "exists");
    assert.deepEqual(await store.domain("someisp.test"), record);
    assert.deepEqual(await store.publicDomain("someisp.test"), {
      name: "someisp.test",
      epoch: 5,
      statementKey: new Uint8Array([1]),
    });
    const changed = domainRecord("someisp.test", { epoch: NOW });
    await done(store.changeDomain(changed, entry()));
    assert.deepEqual(await store.domains(), [changed]);
    assert.equal(await store.changeDomain(domainRecord("elsewhere.test"), entry()), "not-hosted");
    assert.equal(await store.publicDomain("elsewhere.test"), null);
    assert.deepEqual(await store.publicDomains(), [{ name: "someisp.test", epoch: NOW, statementKey: null }]);

    await done(store.addDomain(domainRecord("other.test"), entry()));
    const account = await withAccount(store, "a@someisp.test");
    await done(store.addGrant(account.id, { kind: "send-as", target: { domain: "other.test" } }, entry()));
    assert.equal(await store.removeDomain("someisp.test", entry()), "in-use");
    await done(store.removeDomain("other.test", entry()));
    assert.deepEqual((await store.rights(account.id))?.grants, [], "a grant ends with its domain");
    assert.equal(await store.removeDomain("other.test", entry()), "not-hosted");
  });

  test("LIF-1, LIF-3, ADR-5 an account is added whole or not at all", async () => {
    const store = await (await makePlace()).open();
    await done(store.addDomain(domainRecord("someisp.test"), entry()));
    const added = newAccount("allice@someisp.test", {
      aliases: ["z@someisp.test", "al@someisp.test"],
      password: passwordRecord(),
    });
    await done(store.addAccount(added, entry()));
    assert.deepEqual(await store.account(added.id), {
      id: added.id,
      primaryAddress: "allice@someisp.test",
      state: "active",
      createdAt: NOW,
      stateSince: NOW,
      recipientLimit: null,
      keyLock: null,
    });
    const rights = await store.rights(added.id);
    assert.deepEqual(rights?.addresses, ["allice@someisp.test", "al@someisp.test", "z@someisp.test"]);
    assert.equal((await store.owner("al@someisp.test"))?.id, added.id);

    const entries = (await store.audit({ limit: 100 })).length;
    const refused = async (account: Parameters<typeof store.addAccount>[0]) =>
      store.addAccount(account, entry());
    assert.equal(await refused(newAccount("allice@someisp.test")), "address-taken");
    assert.equal(
      await refused(newAccount("b@someisp.test", { aliases: ["al@someisp.test"] })),
      "address-taken",
    );
    assert.equal(await refused(newAccount("b@elsewhere.test")), "not-hosted");
    assert.equal(
      await refused(newAccount("b@someisp.test", { aliases: ["b@elsewhere.test"] })),
      "not-hosted",
    );
    assert.equal(await refused(newAccount("b@someisp.test", { key: added.key })), "key-taken");
    assert.equal(
      await refused(newAccount("b@someisp.test", { key: newKey({ spki: added.key.spki }) })),
      "key-taken",
    );
    assert.equal(await refused(newAccount("b@someisp.test", { id: added.id })), "exists");
    const lock = new Uint8Array(32).fill(1);
    assert.equal(await refused(newAccount("b@someisp.test", { keyLock: lock })), "relocked");
    assert.equal(await store.owner("b@someisp.test"), null);
    assert.equal(await store.countAccounts(null), 1);
    assert.equal((await store.audit({ limit: 100 })).length, entries, "a refused change is not logged");

    const locked = newAccount("b@someisp.test", { keyLock: lock, key: newKey({ keyLock: lock }) });
    await done(store.addAccount(locked, entry()));
    assert.deepEqual((await store.account(locked.id))?.keyLock, lock);
  });

  test("many accounts at once: all or none, an entry each", async () => {
    const store = await (await makePlace()).open();
    await done(store.addDomain(domainRecord("someisp.test"), entry()));
    const many = Array.from({ length: 300 }, (_, index) => {
      const account = newAccount(`u${index}@someisp.test`, { password: passwordRecord() });
      return [account, entry("account.add", { account: account.id })] as const;
    });
    const bad = [newAccount("u7@someisp.test"), entry()] as const;
    assert.equal(await store.addAccounts([...many, bad]), "address-taken");
    assert.equal(await store.countAccounts(null), 0);
    await done(store.addAccounts(many));
    assert.equal(await store.countAccounts("someisp.test"), 300);
    const logged = await store.audit({ action: "account.add", limit: 1000 });
    assert.deepEqual(
      logged.map(({ account }) => account),
      many.map(([account]) => account.id),
    );
    const record = await store.credentials("u299@someisp.test");
    assert.equal(record?.credentials.length, 1);
  });

  test("accounts are listed a page at a time", async () => {
    const store = await (await makePlace()).open();
    for (const name of ["b@a.test", "a@b.test", "é@a.test", "a@a.test", "C@a.test"]) {
      await withAccount(store, name, { aliases: name === "b@a.test" ? ["aa@a.test"] : [] });
    }
    const list = async (page: Partial<Parameters<typeof store.accounts>[0]>) =>
      (await store.accounts({ domain: null, after: null, limit: 100, ...page })).map(
        ({ primaryAddress }) => primaryAddress,
      );
    // In the order of octets, on every database.
    const all = ["C@a.test", "a@a.test", "a@b.test", "b@a.test", "é@a.test"];
    assert.deepEqual(await list({}), all);
    assert.deepEqual(await list({ limit: 2 }), all.slice(0, 2));
    assert.deepEqual(await list({ limit: 2, after: "a@a.test" }), all.slice(2, 4));
    assert.deepEqual(await list({ domain: "a.test", after: "a@a.test" }), ["b@a.test", "é@a.test"]);
    const suspended = (await store.owner("b@a.test"))?.id ?? assert.fail();
    await done(store.suspend(suspended, NOW, entry()));
    const removed = (await store.owner("a@b.test"))?.id ?? assert.fail();
    await done(store.removeAccount(removed, NOW, entry()));
    assert.deepEqual(await list({ state: "suspended" }), ["b@a.test"]);
    assert.deepEqual(await list({ state: "removed" }), ["a@b.test"]);
    assert.deepEqual(await list({ state: "removed", domain: "a.test" }), []);
    assert.deepEqual(await list({ state: "active", domain: "b.test" }), []);
    assert.deepEqual(await list({}), ["C@a.test", "a@a.test", "b@a.test", "é@a.test"]);
    assert.equal(await store.countAccounts("b.test"), 0);
    assert.equal(await store.countAccounts("a.test"), 4);
    assert.equal(await store.countAccounts(null), 4);
    for (let again = 0; again < 3; again++) {
      const { id } = await withAccount(store, "a@b.test");
      await done(store.removeAccount(id, NOW, entry()));
    }
    assert.equal(
      (await list({ state: "removed", limit: 2 })).length,
      4,
      "no removed account falls between pages",
    );
  });

  test("addresses and grants come and go, and no grant survives its address", async () => {
    const store = await (await makePlace()).open();
    const boss = await withAccount(store, "boss@someisp.test");
    const agent = await withAccount(store, "agent@someisp.test");
    const onBehalf = (address: string) => ({ kind: "on-behalf", target: { address } }) as const;
    assert.equal(await store.addAddress("nobody", "x@someisp.test", entry()), "no-account");
    assert.equal(await store.addAddress(boss.id, "x@elsewhere.test", entry()), "not-hosted");
    assert.equal(await store.addAddress(boss.id, "agent@someisp.test", entry()), "address-taken");
    assert.equal(await store.addGrant("nobody", onBehalf("boss@someisp.test"), entry()), "no-account");
    assert.equal(await store.addGrant(agent.id, onBehalf("x@someisp.test"), entry()), "no-address");
    assert.equal(await store.addGrant(agent.id, onBehalf("x@elsewhere.test"), entry()), "not-hosted");
    for (let i = 0; i <= MAX_GRANTS; i++) {
      await done(store.addAddress(boss.id, `boss${i}@someisp.test`, entry()));
      const outcome = await store.addGrant(agent.id, onBehalf(`boss${i}@someisp.test`), entry());
      assert.equal(outcome, i < MAX_GRANTS ? "done" : "too-many");
    }
    const whole = { kind: "send-as", target: { domain: "someisp.test" } } as const;
    await done(store.addGrant(agent.id, whole, entry()));
    assert.equal(await store.addGrant(agent.id, whole, entry()), "exists");
    assert.equal(await store.addGrant(agent.id, onBehalf("boss0@someisp.test"), entry()), "exists");

    assert.equal(await store.removeAddress("boss@someisp.test", entry()), "primary");
    assert.equal(await store.removeAddress("x@someisp.test", entry()), "no-address");
    await done(store.removeAddress("boss0@someisp.test", entry()));
    const { grants } = (await store.rights(agent.id)) ?? assert.fail();
    assert.equal(grants.length, MAX_GRANTS);
    assert.deepEqual(grants[0], onBehalf("boss1@someisp.test"), "in the order they were given");
    assert.deepEqual(grants.at(-1), whole);
    await done(store.removeGrant(agent.id, whole, entry()));
    assert.equal(await store.removeGrant(agent.id, whole, entry()), "no-address");
    assert.equal(await store.removeGrant("nobody", whole, entry()), "no-account");

    const record = await store.publicRecord("agent@someisp.test");
    assert.deepEqual(
      [record?.account, record?.addresses, record?.grants.length],
      [agent, ["agent@someisp.test"], MAX_GRANTS - 1],
    );
    assert.equal(await store.publicRecord("boss0@someisp.test"), null);
  });

  test("LIF-10, LIF-16 a removed account leaves its history and nothing else", async () => {
    const store = await (await makePlace()).open();
    const boss = await withAccount(store, "boss@someisp.test", {
      aliases: ["b@someisp.test"],
      password: passwordRecord(),
    });
    const agent = await withAccount(store, "agent@someisp.test");
    const target = { address: "b@someisp.test" };
    await done(store.addGrant(agent.id, { kind: "send-as", target }, entry()));
    await done(store.suspend(boss.id, NOW + 1, entry()));
    assert.equal((await store.account(boss.id))?.stateSince, NOW + 1);
    assert.equal(await store.suspend(boss.id, NOW, entry()), "suspended");
    assert.equal(await store.suspend("nobody", NOW, entry()), "no-account");
    await done(store.removeAccount(boss.id, NOW + 2, entry()));
    const removed = await store.account(boss.id);
    assert.deepEqual(
      [removed?.state, removed?.stateSince, removed?.primaryAddress],
      ["removed", NOW + 2, "boss@someisp.test"],
    );
    assert.equal(await store.rights(boss.id), null);
    assert.equal(await store.owner("boss@someisp.test"), null);
    assert.equal(await store.credentials("b@someisp.test"), null);
    assert.equal(await store.activeKey(boss.id), null);
    const [key] = await store.keyHistory(boss.id);
    assert.deepEqual(
      [key?.state, key?.reason, key?.hasPrivateKey, key?.notAfter],
      ["revoked", "removal", false, NOW + 2],
    );
    assert.deepEqual((await store.rights(agent.id))?.grants, []);

    for (const outcome of [
      store.removeAccount(boss.id, NOW, entry()),
      store.suspend(boss.id, NOW, entry()),
      store.addAddress(boss.id, "c@someisp.test", entry()),
      store.setRecipientLimit(boss.id, 1, entry()),
      store.addGrant(boss.id, { kind: "send-as", target: { domain: "someisp.test" } }, entry()),
    ]) {
      assert.equal(await outcome, "removed");
    }
    await withAccount(store, "boss@someisp.test");
  });

  test("LIF-19 a reassigned address begins a new account with a new key", async () => {
    const store = await (await makePlace()).open();
    const old = await withAccount(store, "sales@someisp.test", { aliases: ["info@someisp.test"] });
    const agent = await withAccount(store, "agent@someisp.test");
    const grant = (address: string) => ({ kind: "send-as", target: { address } }) as const;
    await done(store.addGrant(agent.id, grant("info@someisp.test"), entry()));
    await done(store.addGrant(agent.id, grant("sales@someisp.test"), entry()));

    const alias = newAccount("info@someisp.test");
    await done(store.reassign(alias, entry()));
    assert.equal((await store.owner("info@someisp.test"))?.id, alias.id);
    assert.deepEqual((await store.rights(old.id))?.addresses, ["sales@someisp.test"]);
    assert.deepEqual((await store.rights(agent.id))?.grants, [grant("sales@someisp.test")]);

    const primary = newAccount("sales@someisp.test");
    await done(store.reassign(primary, entry()));
    assert.equal((await store.account(old.id))?.state, "removed");
    assert.equal((await store.owner("sales@someisp.test"))?.id, primary.id);
    assert.deepEqual((await store.rights(agent.id))?.grants, []);
    assert.equal(await store.reassign(newAccount("nobody@someisp.test"), entry()), "no-address");
    const taken = newAccount("sales@someisp.test", { key: alias.key });
    assert.equal(await store.reassign(taken, entry()), "key-taken");
    assert.equal((await store.account(primary.id))?.state, "active", "refused means unchanged");
  });

  test("LIF-16 the database itself keeps accounts as they are", async () => {
    const place = await makePlace();
    const store = await place.open();
    const gone = await withAccount(store, "gone@someisp.test");
    await done(store.removeAccount(gone.id, NOW, entry()));
    for (const sql of [
      "UPDATE account SET state = 'active' WHERE state = 'removed'",
      "UPDATE account SET id = 'another'",
      "UPDATE account SET primary_address = 'x@someisp.test'",
      "DELETE FROM account",
      "INSERT INTO address VALUES ('x@nowhere.test', 'nowhere.test', 'nobody', 1)",
    ]) {
      await assertRefused(place, sql);
    }
  });
}
