import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { createSecureContext, type SecureContext } from "node:tls";
import { generate } from "selfsigned";
import { MappingDialer } from "../dialer/index.ts";
import { openKeyConnection } from "../key-protocol/index.ts";
import { KeyServer, type KeyServerEvent } from "../key-server/index.ts";
import { auditKeyOf, Keyring, MasterKey, PublicKeyView } from "../keyring/index.ts";
import { openKeyringStore, openPublicKeyringStore } from "./index.ts";
import { FaultyProxy } from "./test-faulty-proxy.ts";
import { TestPostgresql } from "./test-postgresql.ts";

// The public interface of the key server when its store fails: what it answers, and that it recovers without a restart.

const folder = mkdtempSync(join(tmpdir(), "vsmtp-key-server-"));
after(() => rmSync(folder, { recursive: true }));
let secureContext: SecureContext;
before(async () => {
  const { cert, private: key } = await generate([{ name: "commonName", value: "mx1.someisp.test" }]);
  secureContext = createSecureContext({ cert, key });
});

interface Served {
  /** What the server says of an account: `statements`, or the code of its error. */
  ask(n: number): Promise<string>;
  readonly events: readonly KeyServerEvent[];
}

/** A key server for a0@someisp.test, a1@…, whose store is administered elsewhere. */
async function serve(t: TestContext, location: string, publicLocation = location): Promise<Served> {
  const masterKey = MasterKey.generate();
  const store = await openKeyringStore({ location, auditKey: auditKeyOf(masterKey) });
  const keyring = await Keyring.open({ store, masterKey });
  assert.ok((await keyring.addDomain("someisp.test")).ok);
  const kids: string[] = [];
  for (let n = 0; n < 5; n++) {
    const made = await keyring.addAccount({ address: `a${n}@someisp.test` });
    assert.ok(made.ok);
    kids.push(made.kid);
  }
  await store.close();
  const publicStore = await openPublicKeyringStore({ location: publicLocation });
  const events: KeyServerEvent[] = [];
  const server = new KeyServer({
    directory: new PublicKeyView(publicStore),
    secureContext: () => secureContext,
    exposure: "open",
    limits: { answerMs: 500 },
    onEvent: (event) => events.push(event),
  });
  const { port } = await server.listen(0, "127.0.0.1");
  const opened = await openKeyConnection(
    { host: "mx1.someisp.test", address: "127.0.0.1", port },
    {
      dialer: new MappingDialer(),
      secureContext: createSecureContext(),
      signal: AbortSignal.timeout(60_000),
    },
  );
  assert.ok(opened.kind === "open");
  const { connection } = opened;
  t.after(async () => {
    connection.close();
    await server.close(0);
    await publicStore.close();
  });
  const ask = async (n: number): Promise<string> => {
    const address = { localPart: `a${n}`, domain: "someisp.test" };
    const answer = await connection.key(address, kids[n] ?? null, AbortSignal.timeout(10_000));
    return answer.kind === "error" ? answer.code : answer.kind;
  };
  return { ask, events };
}

test("a SQLite store that another process has locked is read all the same", async (t) => {
  const location = join(folder, "locked.sqlite");
  const { ask, events } = await serve(t, location);
  const other = new DatabaseSync(location);
  other.exec("BEGIN EXCLUSIVE; DELETE FROM change");
  assert.equal(await ask(0), "statements");
  other.exec("ROLLBACK");
  other.close();
  assert.deepEqual(events, []);
});

test("a SQLite store that is broken gives [TEMP], also for what was remembered, until it is whole again", async (t) => {
  const location = join(folder, "broken.sqlite");
  const { ask, events } = await serve(t, location);
  assert.equal(await ask(0), "statements");
  const other = new DatabaseSync(location);
  other.exec("ALTER TABLE address RENAME TO elsewhere; ALTER TABLE change RENAME TO nowhere");
  // A key that was remembered may have been revoked meanwhile: nobody can tell.
  assert.equal(await ask(0), "TEMP");
  assert.equal(await ask(1), "TEMP");
  assert.ok(events.length >= 2 && events.every(({ kind }) => kind === "directory-failed"));
  other.exec("ALTER TABLE elsewhere RENAME TO address; ALTER TABLE nowhere RENAME TO change");
  other.close();
  assert.equal(await ask(0), "statements");
  assert.equal(await ask(2), "statements");
});

const postgresql = await TestPostgresql.start();
if (typeof postgresql === "string") test("PostgreSQL fails", { skip: postgresql }, () => {});
else tryPostgresql(postgresql);

function tryPostgresql(server: TestPostgresql): void {
  after(() => server.stop());

  test("PostgreSQL is killed: [TEMP], and answers again once it is back", async (t) => {
    const { ask, events } = await serve(t, await server.makeDatabase());
    assert.equal(await ask(0), "statements");
    await server.kill();
    assert.equal(await ask(1), "TEMP");
    assert.ok(events.every(({ kind }) => kind === "directory-failed"));
    // What was remembered may have been revoked meanwhile: within the bound for news (LIF-10) nobody is told it any more.
    for (let tries = 0; (await ask(0)) !== "TEMP"; tries++) {
      assert.ok(tries < 20, "what was remembered is still told");
      await delay(100);
    }
    await server.startAgain();
    for (let tries = 0; (await ask(1)) !== "statements"; tries++) {
      assert.ok(tries < 50, "it is not found again");
      await delay(100);
    }
    assert.equal(await ask(0), "statements");
  });

  test("PostgreSQL hangs: [TEMP] before the asker gives up", async (t) => {
    const location = await server.makeDatabase();
    const proxy = await FaultyProxy.start(server.port);
    t.after(() => proxy.stop());
    const through = location.replace(`:${server.port}/`, `:${proxy.port}/`);
    const { ask } = await serve(t, location, through);
    assert.equal(await ask(0), "statements");
    proxy.freeze(() => true);
    const asked = performance.now();
    assert.equal(await ask(1), "TEMP");
    assert.ok(performance.now() - asked < 2000);
  });
}
