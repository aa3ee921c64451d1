import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { AUDIT_CHAIN_START, auditChain, type KeyringStore, type Use } from "../../keyring/index.ts";
import {
  AUDIT_KEY,
  appPassword,
  assertRefused,
  domainRecord,
  done,
  elsewhere,
  entry,
  type MakePlace,
  NOW,
  startElsewhere,
  withAccount,
} from "./test-place.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

function taking(accountId: string, recipients: number, limit: number, at = NOW * 1000): Use {
  return {
    entry: entry("sign", { at, account: accountId, recipients }),
    take: { accountId, recipients, limit, periodMs: DAY_MS },
    touch: null,
  };
}

async function assertChain(store: KeyringStore): Promise<void> {
  let chain = AUDIT_CHAIN_START;
  let sequence = 0;
  for (const record of await store.audit({ limit: 1_000_000 })) {
    chain = auditChain(AUDIT_KEY, chain, record);
    assert.equal(record.sequence, ++sequence);
    assert.deepEqual(new Uint8Array(chain), new Uint8Array(record.chain));
  }
}

export function logContract(makePlace: MakePlace): void {
  test("PRV-20 the audit log keeps every field, in one chain, and is asked in many ways", async () => {
    const place = await makePlace();
    const store = await place.open();
    const { id } = await withAccount(store, "allice@someisp.test");
    const full = entry("key.rotate", {
      account: id,
      subject: "ällice@someisp.test",
      kid: "k",
      messageIdHash: "h",
      recipients: 3,
      client: "192.0.2.1",
      detail: 'a "detail"',
      outcome: "policy",
    });
    await store.use([
      { entry: full, take: null, touch: null },
      { entry: entry("keygen", { at: NOW * 1000 + 5 }), take: null, touch: null },
      { entry: entry("key", { at: NOW * 1000 + 6 }), take: null, touch: null },
    ]);
    const ask = async (filter: Omit<Parameters<typeof store.audit>[0], "limit">) =>
      (await store.audit({ limit: 100, ...filter })).map(({ sequence }) => sequence);
    const { sequence, chain, ...fields } = (await store.audit({ after: 2, limit: 1 }))[0] ?? assert.fail();
    assert.deepEqual([sequence, fields, chain.length], [3, full, 32]);
    assert.deepEqual(await ask({}), [1, 2, 3, 4, 5]);
    assert.deepEqual(await ask({ action: "key" }), [3, 5], "not keygen");
    assert.deepEqual(await ask({ account: id }), [2, 3]);
    assert.deepEqual(await ask({ outcome: "policy" }), [3]);
    assert.deepEqual(await ask({ since: NOW * 1000 + 5, until: NOW * 1000 + 5 }), [4]);
    assert.deepEqual(await ask({ after: 3 }), [4, 5]);
    assert.deepEqual(
      (await store.audit({ newest: true, limit: 2 })).map((record) => record.sequence),
      [4, 5],
    );
    await assertChain(store);
    for (const sql of ["UPDATE audit SET outcome = 'ok'", "DELETE FROM audit WHERE sequence = 5"]) {
      await assertRefused(place, sql);
    }
  });

  test("LIF-14 never more than the limit in any window, and freeAt is when it fits", async () => {
    const store = await (await makePlace()).open();
    const { id } = await withAccount(store, "allice@someisp.test");
    const at = (hours: number) => NOW * 1000 + hours * HOUR_MS;
    const use = async (recipients: number, hours: number) =>
      (await store.use([taking(id, recipients, 10, at(hours))]))[0] ?? assert.fail();
    assert.deepEqual(await use(6, 0), { kind: "taken" });
    assert.deepEqual(await use(4, 5), { kind: "taken" });
    assert.equal(await store.recipientsUsed(id, DAY_MS, at(5)), 10);
    assert.deepEqual(await use(11, 5), { kind: "limited", limit: 10, freeAt: null });
    const limited = await use(1, 23.5);
    assert.ok(limited.kind === "limited" && limited.freeAt !== null);
    assert.ok(limited.freeAt >= at(24) && limited.freeAt <= at(25));
    const hoursOfFree = (limited.freeAt - at(0)) / HOUR_MS;
    assert.equal((await use(1, hoursOfFree - 0.001)).kind, "limited");
    assert.equal((await use(6, hoursOfFree)).kind, "taken");
    assert.equal(await store.recipientsUsed(id, DAY_MS, at(hoursOfFree)), 10);
    assert.equal(await store.recipientsUsed(id, DAY_MS, at(100)), 0);

    const outcomes = (await store.audit({ action: "sign", limit: 100 })).map(({ outcome }) => outcome);
    assert.deepEqual(outcomes, ["ok", "ok", "limit", "limit", "limit", "ok"]);
    await done(store.setRecipientLimit(id, 2, entry()));
    assert.deepEqual(await use(3, 200), { kind: "limited", limit: 2, freeAt: null });
    assert.equal((await use(2, 200)).kind, "taken");
    await done(store.setRecipientLimit(id, null, entry()));
    assert.equal((await use(8, 200)).kind, "taken");
    assert.equal((await store.account(id))?.recipientLimit, null);
    assert.equal(await store.setRecipientLimit("nobody", 1, entry()), "no-account");
    assert.deepEqual(await store.use([taking("nobody", 1, 10)]), [
      { kind: "limited", limit: 0, freeAt: null },
    ]);
    assert.deepEqual(await store.use([]), []);
  });

  test("a batch is counted in its order, and last use is noted once an hour", async () => {
    const store = await (await makePlace()).open();
    const { id } = await withAccount(store, "allice@someisp.test");
    const bob = await withAccount(store, "bob@someisp.test");
    await done(store.addCredential(id, appPassword("aaaaaaaa"), null, entry()));
    const answers = await store.use([
      taking(id, 3, 5),
      taking(id, 3, 5),
      taking(bob.id, 3, 5),
      taking(id, 2, 5),
      taking(id, 1, 5),
    ]);
    assert.deepEqual(
      answers.map(({ kind }) => kind),
      ["taken", "limited", "taken", "taken", "limited"],
    );
    const lastUse = async () => (await store.credentials("allice@someisp.test"))?.credentials[0]?.lastUsedAt;
    const touch = { accountId: id, credentialId: "aaaaaaaa" };
    const auth = (at: number): Use => ({ entry: entry("auth", { at: at * 1000 }), take: null, touch });
    await store.use([auth(NOW), auth(NOW)]);
    assert.equal(await lastUse(), NOW);
    await store.use([auth(NOW + 3599)]);
    assert.equal(await lastUse(), NOW);
    await store.use([auth(NOW + 3600)]);
    assert.equal(await lastUse(), NOW + 3600);
    await assertChain(store);
  });

  test("PRV-20 a process that is killed leaves whole changes only, and each with its entry", async () => {
    const place = await makePlace();
    const store = await place.open();
    await done(store.addDomain(domainRecord("someisp.test"), entry()));
    const child = startElsewhere(
      place.location,
      `for (let batch = 0; ; batch++) {
        const accounts = Array.from({ length: 20 }, (_, i) => newAccount("u" + batch + "-" + i + "@someisp.test"));
        await done(store.addAccounts(accounts.map((account) => [account, entry("account.add")])));
      }`,
    );
    const gone = once(child, "exit");
    while ((await store.countAccounts(null)) < 100) await delay(3);
    child.kill("SIGKILL");
    await gone;
    // The other side of a connection notices a little later.
    await done(store.addDomain(domainRecord("other.test"), entry()));
    const count = await store.countAccounts(null);
    assert.equal(count % 20, 0);
    assert.equal((await store.audit({ action: "account.add", limit: 1_000_000 })).length, count);
    await assertChain(store);
  });

  test("LIF-14, PRV-20 limits and chain are exact while four processes sign at once", async () => {
    const place = await makePlace();
    const store = await place.open();
    const { id } = await withAccount(store, "allice@someisp.test");
    const work = `
      let taken = 0;
      for (let round = 0; round < 25; round++) {
        const uses = Array.from({ length: 3 }, (_, i) => ({
          entry: entry("sign", { account: "${id}", recipients: i + 1 }),
          take: { accountId: "${id}", recipients: i + 1, limit: 250, periodMs: ${DAY_MS} },
          touch: null,
        }));
        const answers = await store.use(uses);
        answers.forEach((answer, i) => { if (answer.kind === "taken") taken += i + 1; });
      }
      console.log(taken);`;
    const counts = await Promise.all(Array.from({ length: 4 }, () => elsewhere(place, work)));
    assert.equal(
      counts.reduce((sum, count) => sum + Number(count), 0),
      250,
    );
    assert.equal(await store.recipientsUsed(id, DAY_MS, NOW * 1000), 250);
    assert.equal((await store.audit({ action: "sign", limit: 1000 })).length, 300);
    await assertChain(store);
  });
}
