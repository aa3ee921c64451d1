import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, test } from "node:test";
import type { MailLogStore } from "../mail-log/index.ts";
import { received } from "../mail-log/test-entries.ts";
import { Spool } from "../spool/index.ts";
import { type LogPlace, mailLogContract, START } from "./contract/test-mail-log.ts";
import { mailLogRandomContract } from "./contract/test-mail-log-random.ts";
import { mailLogLocation, openMailLogStore, openQueueStore } from "./index.ts";
import type { SqliteOptions } from "./sqlite/sqlite-driver.ts";

const folder = mkdtempSync(join(tmpdir(), "vsmtp-log-"));
const opened: MailLogStore[] = [];
let files = 0;
after(async () => {
  for (const store of opened) await store.close();
  rmSync(folder, { recursive: true });
});

const newPath = (): string => join(folder, `${files++}.sqlite`);

async function open(path: string, options?: SqliteOptions): Promise<MailLogStore> {
  const store = await openMailLogStore(path, options);
  opened.push(store);
  return store;
}

const makePlace = async (): Promise<LogPlace> => {
  const path = newPath();
  return {
    open: () => open(path),
    sql: async (text) => {
      const db = new DatabaseSync(path);
      const rows = db.prepare(text).all();
      db.close();
      return rows;
    },
  };
};

mailLogContract(makePlace);
mailLogRandomContract(makePlace, 40);

test("a mail log's file is private, and no queue; a newer one is refused", async () => {
  const path = newPath();
  await open(path);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const spool = await Spool.open(join(folder, "spool"));
  await assert.rejects(openQueueStore(path, spool), { name: "StoreMismatchError" });
  const db = new DatabaseSync(path);
  db.exec("INSERT INTO schema_version (version, applied_at) VALUES (99, '')");
  db.close();
  await assert.rejects(open(path), { name: "StoreMismatchError", message: /newer vsmtp/ });
});

test("a mail log that is locked, full or broken says so, and goes on when it can", async () => {
  const path = newPath();
  const store = await open(path, { busyTimeoutMs: 10, maxOctets: 300_000 });
  const batch = (count: number) => ({
    received: Array.from({ length: count }, () => received(START)),
    delivered: [],
  });
  const other = new DatabaseSync(path);
  other.exec("BEGIN IMMEDIATE");
  await assert.rejects(store.add(batch(1)), { name: "MailLogStoreError", kind: "busy" });
  other.exec("ROLLBACK");
  other.close();
  await store.add(batch(1));
  await assert.rejects(
    async () => {
      for (;;) await store.add(batch(50));
    },
    { name: "MailLogStoreError", kind: "full" },
  );
  while (await store.forget(START + 1_100_000, 50));
  await store.add(batch(50));
  await store.close();
  opened.splice(opened.indexOf(store), 1);
  const octets = readFileSync(path);
  octets.fill(0x55, 4096, 60_000);
  const broken = newPath();
  writeFileSync(broken, octets);
  await assert.rejects(async () => (await open(broken)).add(batch(500)), {
    name: "MailLogStoreError",
    kind: "broken",
  });
});

test("the mail log's URL comes from where the settings say", async () => {
  const environment = { LOG_URL: "postgresql://vsmtp:s3cret@db.test/vsmtp\n" };
  const find = (name: string) => mailLogLocation({ kind: "variable", name }, environment);
  assert.equal(await find("LOG_URL"), "postgresql://vsmtp:s3cret@db.test/vsmtp");
  await assert.rejects(find("NOTHING"), { name: "MailLogStoreError", message: /which log in \[store\]/ });
});
