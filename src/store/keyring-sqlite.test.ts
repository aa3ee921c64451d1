import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { Spool } from "../spool/index.ts";
import { accountContract } from "./contract/test-accounts.ts";
import { administrationContract } from "./contract/test-administration.ts";
import { auditArchiveContract } from "./contract/test-audit-archive.ts";
import { auditChainContract } from "./contract/test-audit-chain.ts";
import { changesContract } from "./contract/test-changes.ts";
import { credentialContract } from "./contract/test-credentials.ts";
import { keyContract } from "./contract/test-keys.ts";
import { lifecycleContract } from "./contract/test-lifecycle.ts";
import { logContract } from "./contract/test-log.ts";
import { AUDIT_KEY, domainRecord, done, elsewhere, entry, withAccount } from "./contract/test-place.ts";
import { SqlitePlaces } from "./contract/test-sqlite-place.ts";
import { transferContract } from "./contract/test-transfer.ts";
import { userContract } from "./contract/test-users.ts";
import { keyringLocation, openKeyringStore, openQueueStore } from "./index.ts";

const places = new SqlitePlaces();
const { folder, make } = places;
const makePlace = () => make();

accountContract(makePlace);
credentialContract(makePlace);
keyContract(makePlace);
logContract(makePlace);
changesContract(makePlace);
lifecycleContract(makePlace);
administrationContract(makePlace);
userContract(makePlace);
auditChainContract(makePlace);
auditArchiveContract(makePlace);
transferContract("SQLite to SQLite", makePlace, makePlace);

test("files: private modes, no mix-ups, several processes may make one at once, newer schemas are refused", async () => {
  const place = await make(join(folder, "deep", "er", "keyring.db"));
  const add = `for (let i = 0; i < 20; i++) await done(store.addDomain(domainRecord("d" + process.pid + "-" + i + ".test"), entry()));`;
  await Promise.all([elsewhere(place, add), elsewhere(place, add), elsewhere(place, add)]);
  const store = await place.open();
  assert.equal((await store.domains()).length, 60);
  assert.equal(statSync(join(folder, "deep", "er")).mode & 0o777, 0o700);
  for (const file of readdirSync(join(folder, "deep", "er"))) {
    assert.equal(statSync(join(folder, "deep", "er", file)).mode & 0o777, 0o600, file);
  }
  const spool = await Spool.open(join(folder, "spool"));
  await assert.rejects(openQueueStore(place.location, spool), /another kind/);
  await place.sql("INSERT INTO schema_version (version, applied_at) VALUES (99, '')");
  await assert.rejects(place.open(), /newer vsmtp/);
});

test("a locked file is busy, a full one full, a broken one broken; nothing is half done", async () => {
  const place = await makePlace();
  const { location } = place;
  const store = await place.open({ busyTimeoutMs: 50, maxOctets: 400_000 });
  const account = await withAccount(store, "allice@someisp.test");
  const other = new DatabaseSync(location);
  other.exec("BEGIN IMMEDIATE");
  const busy = { name: "KeyringStoreError", kind: "busy" };
  await assert.rejects(store.suspend(account.id, 1, entry()), busy);
  assert.equal((await store.account(account.id))?.state, "active", "reading goes on");
  other.exec("ROLLBACK");
  other.close();
  await done(store.suspend(account.id, 1, entry()));

  let added = 1;
  await assert.rejects(
    async () => {
      for (; ; added++) await withAccount(store, `u${added}@someisp.test`);
    },
    { name: "KeyringStoreError", kind: "full" },
  );
  assert.equal(await store.countAccounts(null), added);
  const logged = await store.audit({ action: "account.add", limit: 10_000 });
  assert.equal(logged.length, added);
  assert.equal(await store.owner(`u${added}@someisp.test`), null);
  assert.notEqual(await store.publicRecord(`u${added - 1}@someisp.test`), null);
  await assert.rejects(store.addDomain(domainRecord("x".repeat(200_000)), entry()), { kind: "full" });
  await place.sql("PRAGMA wal_checkpoint(TRUNCATE)");

  const text = readFileSync(location);
  text.fill(0x55, 4096, 60_000);
  const broken = join(folder, "broken.db");
  writeFileSync(broken, text);
  await assert.rejects(openKeyringStore({ location: broken, auditKey: AUDIT_KEY }), {
    name: "KeyringStoreError",
    kind: "broken",
  });
});

test("the keyring's URL comes from a systemd credential or the environment, and is not shown when it is wrong", async () => {
  const url = "postgresql://vsmtp:s3cret@db.test/vsmtp";
  const environment = { CREDENTIALS_DIRECTORY: folder, KEYRING_URL: `${url}\n`, WRONG: "mysql://s3cret" };
  writeFileSync(join(folder, "keyring-url"), url);
  const find = (kind: "credential" | "variable", name: string) =>
    keyringLocation({ kind, name }, environment);
  assert.equal(await find("credential", "keyring-url"), url);
  assert.equal(await find("variable", "KEYRING_URL"), url);
  assert.equal(await keyringLocation({ kind: "postgresql", url }), url);
  assert.equal(await keyringLocation({ kind: "file", path: "/k.db" }), "/k.db");
  await assert.rejects(find("credential", "nothing"), /credential "nothing" is not there/);
  await assert.rejects(find("variable", "NOTHING"), /variable NOTHING is not there/);
  await assert.rejects(find("variable", "WRONG"), (error: Error) => !error.message.includes("s3cret"));
});
