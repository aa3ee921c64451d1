import assert from "node:assert/strict";
import { type ChildProcess, execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import pg from "pg";
import type { KeyringStore } from "../keyring/index.ts";
import { accountContract } from "./contract/test-accounts.ts";
import { administrationContract } from "./contract/test-administration.ts";
import { auditArchiveContract } from "./contract/test-audit-archive.ts";
import { auditChainContract } from "./contract/test-audit-chain.ts";
import { changesAfter, changesContract } from "./contract/test-changes.ts";
import { credentialContract } from "./contract/test-credentials.ts";
import { keyContract } from "./contract/test-keys.ts";
import { lifecycleContract } from "./contract/test-lifecycle.ts";
import { logContract } from "./contract/test-log.ts";
import {
  AUDIT_KEY,
  domainRecord,
  done,
  elsewhere,
  entry,
  NOW,
  type Place,
  replacement,
  startElsewhere,
  withAccount,
} from "./contract/test-place.ts";
import { SqlitePlaces } from "./contract/test-sqlite-place.ts";
import { transferContract } from "./contract/test-transfer.ts";
import { userContract } from "./contract/test-users.ts";
import { openKeyringStore } from "./index.ts";
import { FaultyProxy } from "./test-faulty-proxy.ts";
import { TestPostgresql } from "./test-postgresql.ts";

const server = await TestPostgresql.start();
if (typeof server === "string") test("the keyring on PostgreSQL", { skip: server }, () => {});
else tryPostgresql(server);

function tryPostgresql(postgresql: TestPostgresql): void {
  const opened: KeyringStore[] = [];
  after(async () => {
    for (const store of opened) await store.close();
    await postgresql.stop();
  });

  async function makePlace(): Promise<Place> {
    const location = await postgresql.makeDatabase();
    return {
      location,
      open: async () => {
        const store = await openKeyringStore({ location, auditKey: AUDIT_KEY });
        opened.push(store);
        return store;
      },
      sql: async (text) => void (await postgresql.sql(location, text)),
      // Class 23: integrity constraint violation.
      isRefusal: (error) => (error as { code?: string }).code?.startsWith("23") === true,
    };
  }

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

  const { make } = new SqlitePlaces();
  transferContract("SQLite to PostgreSQL", () => make(), makePlace);
  transferContract("PostgreSQL to SQLite", makePlace, () => make());

  test("LIF-7, LIF-10 several processes see a suspension and a new key within a second, however the news fares", async () => {
    const place = await makePlace();
    const store = await place.open();
    const { id } = await withAccount(store, "allice@someisp.test");
    const proxy = await FaultyProxy.start(postgresql.port);
    const throughProxy = place.location.replace(`:${postgresql.port}/`, `:${proxy.port}/`);
    const watchers = [place.location, place.location, throughProxy].map((location) => new Watcher(location));
    try {
      await Promise.all(watchers.map((watcher) => watcher.sees("active")));
      const changeAndSee = async (watching: readonly Watcher[]): Promise<void> => {
        await done(store.suspend(id, NOW, entry()));
        const suspended = performance.now();
        await Promise.all(watching.map((watcher) => watcher.sees("suspended")));
        assert.ok(performance.now() - suspended < 1000);
        const resume = replacement(id, { requiredState: "suspended" });
        await done(store.replaceKeys(resume, entry()));
        const resumed = performance.now();
        await Promise.all(watching.map((watcher) => watcher.sees(resume.newKey.kid)));
        assert.ok(performance.now() - resumed < 1000);
      };
      await changeAndSee(watchers);

      await place.sql("ALTER TABLE change DISABLE TRIGGER change_announced");
      await changeAndSee(watchers);
      await place.sql("ALTER TABLE change ENABLE TRIGGER change_announced");

      const cut = setInterval(() => {
        void place.sql(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
           WHERE application_name = 'vsmtp changes' AND datname = current_database()`,
        );
      }, 50);
      await changeAndSee(watchers).finally(() => clearInterval(cut));

      proxy.freeze((octets) => octets.includes("vsmtp changes"));
      await changeAndSee(watchers);
    } finally {
      for (const watcher of watchers) watcher.stop();
      proxy.stop();
    }
  });

  test("the commands work on PostgreSQL, where the settings or the environment say", async () => {
    const folder = await mkdtemp(join(tmpdir(), "vsmtp-move-"));
    const url = await postgresql.makeDatabase();
    const settings = async (name: string, keyring: string): Promise<string> => {
      const file = join(folder, `${name}.toml`);
      const tls = `[tls]\ncertificate = "c"\nkey = "k"\n`;
      const store = `[store]\nkeyring = "${keyring}"\nmaster_key = "../master.key"\n`;
      const start = `roles = ["key-server"]\nhostname = "mx.test"\ndata_directory = "${name}"\n`;
      await writeFile(file, `${start}${tls}${store}`);
      return file;
    };
    const file = await settings("file", "keyring.sqlite");
    const moved = await settings("moved", url);
    const named = await settings("named", "env:KEYRING_URL");
    const vsmtp = async (line: string, config: string): Promise<string> => {
      const main = join(import.meta.dirname, "../cli/main.ts");
      const env = { ...process.env, KEYRING_URL: url };
      const args = [main, ...line.split(" "), "--config", config];
      return (await promisify(execFile)(process.execPath, args, { env })).stdout;
    };
    try {
      await vsmtp("domain add someisp.test", file);
      await vsmtp("account add allice@someisp.test --no-password", file);
      await vsmtp(`export ${folder}/export`, file);
      assert.match(
        await vsmtp(`import ${folder}/export`, moved),
        /^1 account and 3 entries .* the log is whole/,
      );
      await vsmtp("account suspend allice@someisp.test", moved);
      assert.match(await vsmtp("account list", named), /allice@someisp.test +suspended/);
      assert.equal(
        await vsmtp("key list allice@someisp.test --json", moved),
        await vsmtp("key list allice@someisp.test --json", file),
      );
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test("many processes that start at once migrate once, and a newer schema is refused", async () => {
    const place = await makePlace();
    const add = `await done(store.addDomain(domainRecord("d" + process.pid + ".test"), entry()));`;
    await Promise.all(Array.from({ length: 6 }, () => elsewhere(place, add)));
    const store = await place.open();
    assert.equal((await store.domains()).length, 6);
    await place.sql("INSERT INTO schema_version VALUES (99, now())");
    await assert.rejects(place.open(), /newer vsmtp/);
  });

  test("another's change that takes too long is busy, and nothing is half done", async () => {
    const place = await makePlace();
    const store = await place.open();
    const { id } = await withAccount(store, "allice@someisp.test");
    const other = new pg.Client({ connectionString: place.location });
    await other.connect();
    await other.query("BEGIN; SELECT FROM head FOR UPDATE");
    const busy = { name: "KeyringStoreError", kind: "busy" };
    await assert.rejects(store.suspend(id, NOW, entry()), busy);
    assert.equal((await store.account(id))?.state, "active", "reading goes on");
    await other.query("ROLLBACK");
    await other.end();
    await done(store.suspend(id, NOW, entry()));
  });

  test("a connection that ends at the commit leaves open what became of it, and says so", async () => {
    const place = await makePlace();
    const proxy = await FaultyProxy.start(postgresql.port);
    const location = place.location.replace(`:${postgresql.port}/`, `:${proxy.port}/`);
    const store = await openKeyringStore({ location, auditKey: AUDIT_KEY });
    const { id } = await withAccount(store, "allice@someisp.test");
    const unknown = { name: "KeyringStoreError", kind: "busy", message: /not known/ };
    for (const delivered of [false, true]) {
      proxy.cutAt("COMMIT", delivered);
      await assert.rejects(store.setRecipientLimit(id, delivered ? 2 : 1, entry("limit")), unknown);
      await done(store.addDomain(domainRecord(`${delivered}.test`), entry()));
      assert.equal((await store.account(id))?.recipientLimit, delivered ? 2 : null);
      assert.equal((await store.audit({ action: "limit", limit: 9 })).length, delivered ? 1 : 0);
    }
    await store.close();
    proxy.stop();
  });

  test("a server that dies is busy, and is used again once it is back", async () => {
    const place = await makePlace();
    const store = await place.open();
    const { id } = await withAccount(store, "allice@someisp.test");
    const busy = { name: "KeyringStoreError", kind: "busy" };
    const uses = Array.from({ length: 20 }, () => ({ entry: entry("sign"), take: null, touch: null }));
    // Changes and reads that are under way when it dies.
    let acknowledged = 0;
    const underWay = Array.from({ length: 50 }, () =>
      store.use(uses).then(
        () => acknowledged++,
        (error) => assert.ok(error.kind === "busy"),
      ),
    );
    await store.account(id);
    await postgresql.kill();
    await Promise.all(underWay);
    await assert.rejects(store.publicRecord("allice@someisp.test"), busy);
    await assert.rejects(store.suspend(id, NOW, entry()), busy);
    await assert.rejects(place.open(), busy);
    const remembered = await changesAfter(store, store.changeCount());
    assert.equal(remembered, null, "what is remembered is not used while nobody can say that it holds");
    await postgresql.startAgain();
    assert.equal((await store.account(id))?.state, "active");
    const logged = (await store.audit({ action: "sign", limit: 10_000 })).length;
    assert.ok(logged >= acknowledged * 20, "whatever was acknowledged is there");
    assert.equal(logged % 20, 0, "and nothing is half done");
    await done(store.suspend(id, NOW, entry()));
    await assert.rejects(openKeyringStore({ location: postgresql.url("nowhere"), auditKey: AUDIT_KEY }), {
      name: "KeyringStoreError",
      kind: "broken",
    });
  });
}

/** A process that remembers an account as a key server does, and tells what it knows of it. */
class Watcher {
  readonly #child: ChildProcess;
  #known = "";

  constructor(location: string) {
    this.#child = startElsewhere(
      location,
      `
      let count = -1;
      for (;;) {
        const now = store.changeCount();
        if (now !== count) {
          const changed = count === -1 ? null : store.changedSince(count);
          count = now;
          if (changed === null || changed.size > 0) {
            const { account, keys } = await store.publicRecord("allice@someisp.test");
            console.log(account.state + " " + keys[0].kid);
          }
        }
        await new Promise((resolve) => setTimeout(resolve, 10));
      }`,
    );
    this.#child.stdout?.on("data", (octets) => {
      this.#known = String(octets).trim().split("\n").at(-1) ?? "";
    });
  }

  async sees(word: string): Promise<void> {
    for (const end = performance.now() + 5000; performance.now() < end; ) {
      if (this.#known.split(" ").includes(word)) return;
      await delay(5);
    }
    assert.fail(`it knows "${this.#known}", not "${word}"`);
  }

  stop(): void {
    this.#child.kill("SIGKILL");
  }
}
