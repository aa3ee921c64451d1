import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, test } from "node:test";
import { createSecureContext, type SecureContext } from "node:tls";
import { MappingDialer } from "../src/dialer/index.ts";
import { type KeyConnection, openKeyConnection } from "../src/key-protocol/index.ts";
import { KeyServer, type KeyServerEvent } from "../src/key-server/index.ts";
import { auditKeyOf, Keyring, type KeyringStore, MasterKey, PublicKeyView } from "../src/keyring/index.ts";
import { openKeyringStore, openPublicKeyringStore } from "../src/store/index.ts";
import { createAuthority } from "./support/certificates.ts";

// The public interface when its store fails: what it answers, and that it recovers without a restart.

const folder = mkdtempSync(join(tmpdir(), "vsmtp-key-server-"));
after(() => rmSync(folder, { recursive: true }));
let secureContext: SecureContext;
let roots: SecureContext;
before(async () => {
  const authority = await createAuthority();
  secureContext = createSecureContext(await authority.issue(["mx1.someisp.test"]));
  roots = createSecureContext({ ca: authority.cert });
});

/** A key server for someisp.test with accounts a0, a1, … whose store another process administers. */
async function serve(
  location: string,
  t: { after(end: () => Promise<void>): void },
): Promise<{ ask: (n: number) => Promise<string>; store: KeyringStore; events: KeyServerEvent[] }> {
  const masterKey = MasterKey.generate();
  const store = await openKeyringStore({ location, auditKey: auditKeyOf(masterKey) });
  const keyring = await Keyring.open({ store, masterKey });
  assert.ok((await keyring.addDomain("someisp.test")).ok);
  const kids: string[] = [];
  for (let n = 0; n < 6; n++) {
    const made = await keyring.addAccount({ address: `a${n}@someisp.test` });
    assert.ok(made.ok);
    kids.push(made.kid);
  }
  const publicStore = await openPublicKeyringStore({ location });
  const events: KeyServerEvent[] = [];
  const server = new KeyServer({
    directory: new PublicKeyView(publicStore),
    secureContext: () => secureContext,
    exposure: "open",
    onEvent: (event) => events.push(event),
  });
  const { port } = await server.listen(0, "127.0.0.1");
  const target = { host: "mx1.someisp.test", address: "127.0.0.1", port };
  const opened = await openKeyConnection(target, {
    dialer: new MappingDialer(),
    secureContext: roots,
    signal: AbortSignal.timeout(60_000),
  });
  assert.ok(opened.kind === "open");
  const { connection }: { connection: KeyConnection } = opened;
  t.after(async () => {
    connection.close();
    await server.close(0);
    await publicStore.close();
    await store.close();
  });
  const ask = async (n: number): Promise<string> => {
    const address = { localPart: `a${n}`, domain: "someisp.test" };
    const answer = await connection.key(address, kids[n] ?? null, AbortSignal.timeout(10_000));
    return answer.kind === "error" ? answer.code : answer.kind;
  };
  return { ask, store, events };
}

test("a SQLite store that another process has locked is read all the same", async (t) => {
  const location = join(folder, "locked.sqlite");
  const { ask, events } = await serve(location, t);
  const other = new DatabaseSync(location);
  other.exec("BEGIN EXCLUSIVE; DELETE FROM change");
  assert.equal(await ask(0), "statements");
  other.exec("ROLLBACK");
  other.close();
  assert.deepEqual(events, []);
});

test("a SQLite store that is broken gives [TEMP], also for what was remembered, until it is whole again", async (t) => {
  const location = join(folder, "broken.sqlite");
  const { ask, events } = await serve(location, t);
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
