import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createPublicKey, sign, verify } from "node:crypto";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, test } from "node:test";
import { promisify } from "node:util";
import fc from "fast-check";
import { statementInput } from "../../key-protocol/index.ts";
import type { KeyDirectory, StatementSigner } from "../../key-server/index.ts";
import {
  KEY_TRANSITIONS,
  Keyring,
  type KeyringOptions,
  type KeyState,
  loadMasterKey,
  MasterKey,
  MasterKeyError,
  PublicKeyView,
  RETIREMENT_S,
  StatementSigning,
} from "../../keyring/index.ts";
import { type Address, parseAddress } from "../../message/index.ts";
import { grantHash, keyId } from "../../signature/index.ts";
import { SqliteKeyringStore, SqliteQueueStore } from "../index.ts";

const folder = mkdtempSync(join(tmpdir(), "vsmtp-keyring-"));
after(() => rmSync(folder, { recursive: true }));
const masterKey = new MasterKey(new Uint8Array(32).fill(7));
const opened: SqliteKeyringStore[] = [];
after(() => {
  for (const store of opened) store.close();
});
let files = 0;

function openStore(path = join(folder, `${files++}.db`)): SqliteKeyringStore {
  const store = new SqliteKeyringStore(path);
  opened.push(store);
  return store;
}

function openKeyring(options: Partial<KeyringOptions> = {}): Promise<Keyring> {
  return Keyring.open({ store: openStore(), masterKey, ...options });
}

function address(text: string): Address {
  const parsed = parseAddress(text);
  assert.ok(parsed.ok, text);
  return parsed.address;
}

function must<T extends { ok: boolean }>(outcome: T): T & { ok: true } {
  assert.ok(outcome.ok, JSON.stringify(outcome));
  return outcome as T & { ok: true };
}

function problemOf(outcome: { ok: boolean; problem?: string }): string | undefined {
  return outcome.ok ? "none" : outcome.problem;
}

/** An Argon2 hash takes 50 ms: tests that are not about passwords do without. */
async function withAccount(keyring: Keyring, name: string): Promise<string> {
  return must(await keyring.addAccount({ address: name })).account.id;
}

test("LIF-1, LIF-6, ADR-5 an account has its key pair from the beginning, and addresses belong to one account", async () => {
  const keyring = await openKeyring();
  must(await keyring.addDomain("SomeISP.test"));
  assert.equal(problemOf(await keyring.addDomain("someisp.test")), "exists");
  assert.equal(problemOf(await keyring.addDomain("not a domain")), "syntax");
  const allice = must(
    await keyring.addAccount({ address: "Allice@SomeISP.test", aliases: ["al@someisp.test"] }),
  );
  assert.equal(allice.account.primaryAddress, "allice@someisp.test");
  assert.equal(problemOf(await keyring.addAccount({ address: "ALLICE@someisp.test" })), "address-taken");
  assert.equal(
    problemOf(await keyring.addAccount({ address: "x@someisp.test", aliases: ["al@someisp.test"] })),
    "address-taken",
  );
  assert.equal(problemOf(await keyring.addAccount({ address: "bob@elsewhere.test" })), "not-hosted");
  assert.equal(problemOf(await keyring.addAccount({ address: "bob@[192.0.2.1]" })), "syntax");
  assert.deepEqual(
    (await keyring.accounts()).map((account) => account.primaryAddress),
    ["allice@someisp.test"],
    "a refused account leaves nothing behind",
  );
  const bob = await withAccount(keyring, "bob@someisp.test");
  assert.equal(problemOf(await keyring.addAlias(bob, "AL@someisp.test")), "address-taken");
  assert.equal(problemOf(await keyring.removeAlias("bob@someisp.test")), "primary");
  must(await keyring.removeAlias("al@someisp.test"));
  must(await keyring.addAlias(bob, "al@someisp.test"));
  assert.equal((await keyring.owner(address("al@someisp.test")))?.id, bob);
  const [key] = await keyring.keyHistory(allice.account.id);
  assert.equal(key?.kid, allice.kid);
  assert.equal(keyId(key?.spki ?? new Uint8Array()), allice.kid);
});

test("LIF-2 the signing key fits its public half; send-as signs with the owner's key", async () => {
  const keyring = await openKeyring();
  must(await keyring.addDomain("someisp.test"));
  const boss = await withAccount(keyring, "boss@someisp.test");
  const secretary = await withAccount(keyring, "secretary@someisp.test");
  const own = await keyring.signingKey(secretary, address("secretary@someisp.test"));
  assert.ok(own.kind === "key");
  const [record] = await keyring.keyHistory(secretary);
  const publicKey = createPublicKey({ key: Buffer.from(record?.spki ?? []), format: "der", type: "spki" });
  assert.ok(verify(null, Buffer.from("M"), publicKey, sign(null, Buffer.from("M"), own.key.privateKey)));

  const asBoss = () => keyring.signingKey(secretary, address("boss@someisp.test"));
  assert.deepEqual(await asBoss(), { kind: "refused", reason: "not-granted" });
  must(await keyring.grant(secretary, { kind: "on-behalf", target: "boss@someisp.test" }));
  assert.deepEqual(await asBoss(), { kind: "refused", reason: "not-granted" });
  must(await keyring.grant(secretary, { kind: "send-as", target: "Boss@someisp.test" }));
  assert.equal(
    problemOf(await keyring.grant(secretary, { kind: "send-as", target: "boss@someisp.test" })),
    "exists",
  );
  const granted = await asBoss();
  assert.ok(granted.kind === "key");
  assert.equal(granted.key.kid, (await keyring.keyHistory(boss))[0]?.kid);
  must(await keyring.suspend(boss));
  assert.deepEqual(await asBoss(), { kind: "refused", reason: "suspended" });
  must(await keyring.resume(boss));
  must(await keyring.withdraw(secretary, { kind: "send-as", target: "boss@someisp.test" }));
  assert.deepEqual(await asBoss(), { kind: "refused", reason: "not-granted" });
});

test("IDY-10 grants: 32 for a domain, whole domains, and none survives its address", async () => {
  const store = openStore();
  const keyring = await openKeyring({ store });
  must(await keyring.addDomain("someisp.test"));
  const boss = await withAccount(keyring, "boss@someisp.test");
  const agent = await withAccount(keyring, "agent@someisp.test");
  const onBehalf = (target: string) => keyring.grant(agent, { kind: "on-behalf", target });
  assert.equal(problemOf(await onBehalf("nobody@someisp.test")), "no-address");
  assert.equal(problemOf(await onBehalf("boss@elsewhere.test")), "not-hosted");
  assert.equal(problemOf(await onBehalf("boss")), "syntax");
  for (let i = 0; i < 33; i++) {
    must(await keyring.addAlias(boss, `boss${i}@someisp.test`));
    assert.equal(problemOf(await onBehalf(`boss${i}@someisp.test`)), i < 32 ? "none" : "too-many");
  }
  must(await onBehalf("@someisp.test"));
  must(await keyring.removeAlias("boss0@someisp.test"));
  const grants = (await keyring.rights(agent))?.grants ?? [];
  assert.equal(grants.length, 32);
  assert.ok(grants.some(({ target }) => "domain" in target && target.domain === "someisp.test"));
  assert.ok(!grants.some(({ target }) => "address" in target && target.address === "boss0@someisp.test"));
  const record = await store.publicRecord("boss1@someisp.test");
  assert.deepEqual(
    [record?.account.id, record?.keys.length, record?.addresses[0]],
    [boss, 1, "boss@someisp.test"],
  );
  assert.equal(await store.publicRecord("boss0@someisp.test"), null);
});

test("LIF-10 logging in: aliases, unknown accounts, suspension, changed passwords, too many at once", async () => {
  const keyring = await openKeyring({ passwords: { maxConcurrent: 1, maxWaiting: 1 } });
  must(await keyring.addDomain("someisp.test"));
  const { account } = must(
    await keyring.addAccount({
      address: "allice@someisp.test",
      aliases: ["al@someisp.test"],
      password: "pass word",
    }),
  );
  await withAccount(keyring, "role@someisp.test");
  const logIn = async (login: string, password: string) => (await keyring.authenticate(login, password)).kind;
  assert.equal(await logIn("AL@SomeISP.test", "pass\u00a0word"), "authenticated");
  assert.equal(await logIn("allice@someisp.test", "password"), "rejected");
  assert.equal(await logIn("role@someisp.test", ""), "rejected");
  assert.equal(await logIn("nobody@someisp.test", "pass word"), "rejected");
  assert.equal(await logIn("not an address", "pass word"), "rejected");

  const started = performance.now();
  await logIn("nobody@someisp.test", "pass word");
  const unknownMs = performance.now() - started;
  assert.ok(unknownMs > 10, `an unknown account took ${unknownMs} ms: it must cost a hash`);

  const crowd = ["a", "b", "c", "d"].map((password) => logIn("allice@someisp.test", password));
  assert.deepEqual((await Promise.all(crowd)).sort(), ["busy", "busy", "rejected", "rejected"]);

  must(await keyring.suspend(account.id));
  assert.equal(await logIn("allice@someisp.test", "pass word"), "suspended");
  assert.equal(await logIn("allice@someisp.test", "wrong"), "rejected", "only who has the password hears it");
  must(await keyring.resume(account.id));
  assert.equal(await logIn("allice@someisp.test", "pass word"), "authenticated");
  must(await keyring.setPassword(account.id, "new"));
  assert.equal(await logIn("allice@someisp.test", "pass word"), "rejected");
  assert.equal(await logIn("allice@someisp.test", "new"), "authenticated");
  for (const bad of ["", "a\u0000b", "x".repeat(1025)]) {
    assert.equal(problemOf(await keyring.setPassword(account.id, bad)), "password");
  }
});

test("LIF-8, LIF-9, LIF-13, LIF-17 any sequence of operations keeps to the table of key-lifecycle.ts", async () => {
  const operations = fc.array(
    fc.record({
      who: fc.nat({ max: 1 }),
      what: fc.constantFrom("rotate", "re-key", "suspend", "resume"),
      waitS: fc.nat({ max: 2 * RETIREMENT_S }),
    }),
    { maxLength: 12 },
  );
  let nowS = 1_073_304_000;
  const store = openStore();
  const keyring = await openKeyring({ store, clock: { now: () => nowS * 1000 } });
  must(await keyring.addDomain("someisp.test"));
  let run = 0;
  const check = async (steps: readonly { who: number; what: string; waitS: number }[]): Promise<void> => {
    run++;
    const names = [`a${run}@someisp.test`, `b${run}@someisp.test`];
    const ids = [
      await withAccount(keyring, names[0] as string),
      await withAccount(keyring, names[1] as string),
    ];
    const model = await Promise.all(
      ids.map(async (id) => ({
        suspended: false,
        keys: (await keyring.keyHistory(id)).map(({ kid }) => ({ kid, state: "active" as KeyState, end: 0 })),
      })),
    );
    for (const { who, what, waitS } of steps) {
      nowS += waitS;
      const id = ids[who] as string;
      const account = model[who] as (typeof model)[0];
      const allowed = (what === "resume") === account.suspended;
      const outcome = await (what === "rotate"
        ? keyring.rotate(id)
        : what === "re-key"
          ? keyring.rekey(id)
          : what === "suspend"
            ? keyring.suspend(id)
            : keyring.resume(id));
      assert.equal(
        outcome.ok,
        allowed,
        `${what} of a${account.suspended ? " suspended" : "n active"} account`,
      );
      if (outcome.ok && what === "suspend") account.suspended = true;
      if (outcome.ok && "kid" in outcome) {
        account.suspended = false;
        for (const key of account.keys) {
          const become: KeyState = what === "rotate" ? "retired" : "revoked";
          if (key.state === "active" || (become === "revoked" && key.state === "retired")) {
            assert.ok(KEY_TRANSITIONS[key.state].includes(become));
            key.state = become;
            key.end = become === "retired" ? nowS + RETIREMENT_S : Math.min(key.end || nowS, nowS);
          }
        }
        account.keys.unshift({ kid: String(outcome.kid), state: "active", end: 0 });
      }
      for (const [index, accountId] of ids.entries()) {
        const expected = model[index] as (typeof model)[0];
        const history = await keyring.keyHistory(accountId);
        assert.deepEqual(
          history.map(({ kid, state, notAfter }) => ({ kid, state, end: notAfter ?? 0 })),
          expected.keys,
        );
        const signing = await keyring.signingKey(accountId, address(names[index] as string));
        if (expected.suspended) assert.deepEqual(signing, { kind: "refused", reason: "suspended" });
        else assert.equal(signing.kind === "key" && signing.key.kid, expected.keys[0]?.kid);
      }
    }
  };
  await fc.assert(fc.asyncProperty(operations, check), { numRuns: 25 });
});

test("LIF-3, LIF-16 the store itself forbids what the table does not have", async () => {
  const path = join(folder, "triggers.db");
  const keyring = await openKeyring({ store: openStore(path) });
  must(await keyring.addDomain("someisp.test"));
  const id = await withAccount(keyring, "allice@someisp.test");
  must(await keyring.rekey(id));
  const raw = new DatabaseSync(path);
  const forbidden = [
    "UPDATE key_pair SET state = 'active', not_after = NULL, sealed = x'00' WHERE state = 'revoked'",
    "UPDATE key_pair SET state = 'retired' WHERE state = 'revoked'",
    "UPDATE key_pair SET state = 'retired' WHERE state = 'active'",
    "UPDATE key_pair SET account = 'another'",
    "UPDATE key_pair SET sealed = x'00' WHERE state = 'revoked'",
    "INSERT INTO key_pair SELECT NULL, kid || 'x', account, algorithm, 'revoked', spki, NULL, 0, 0, 0, '' FROM key_pair",
    "DELETE FROM account",
  ];
  for (const sql of forbidden) assert.throws(() => raw.exec(sql), /constraint|transition|key id names/i, sql);
  raw.close();
});

test("LIF-4 private keys are sealed: bound to account and key, useless with another master key or moved", async () => {
  const path = join(folder, "sealed.db");
  const store = openStore(path);
  const keyring = await openKeyring({ store });
  must(await keyring.addDomain("someisp.test", { signStatements: true }));
  const allice = await withAccount(keyring, "allice@someisp.test");
  const bob = await withAccount(keyring, "bob@someisp.test");
  const key = await keyring.signingKey(allice, address("allice@someisp.test"));
  assert.ok(key.kind === "key");
  const statement = await keyring.statementKey("someisp.test");
  assert.ok(statement);
  assert.equal(await keyring.statementKey("elsewhere.test"), null);
  const disk = Buffer.concat(["", "-wal"].map((suffix) => readFileSync(`${path}${suffix}`)));
  for (const privateKey of [key.key.privateKey, statement.privateKey]) {
    const seed = privateKey.export({ format: "der", type: "pkcs8" }).subarray(-32);
    assert.ok(!disk.includes(seed), "a private key lies in the clear on the disk");
  }
  const signed = sign(null, Buffer.from("x"), statement.privateKey);
  const dk = createPublicKey({ key: Buffer.from(statement.spki), format: "der", type: "spki" });
  assert.ok(verify(null, Buffer.from("x"), dk, signed));

  await assert.rejects(openKeyring({ store, masterKey: MasterKey.generate() }), MasterKeyError);
  const raw = new DatabaseSync(path);
  raw
    .prepare("UPDATE key_pair SET sealed = (SELECT sealed FROM key_pair WHERE account = ?) WHERE account = ?")
    .run(allice, bob);
  raw.close();
  const fresh = await openKeyring({ store: openStore(path) });
  await assert.rejects(fresh.signingKey(bob, address("bob@someisp.test")), MasterKeyError);
});

test("LIF-11, STA-2, STA-3, IDY-13, IDY-14 the public view says what statements need and follows every change", async () => {
  const store = openStore();
  const keyring = await openKeyring({ store });
  const view: KeyDirectory = new PublicKeyView(store);
  const now = Math.floor(Date.now() / 1000);
  const shown = async (name: string) =>
    (await view.keys(address(name), now)).map(({ state, grants }) => [state, ...grants]);
  assert.equal(await view.domain("someisp.test"), null);
  must(await keyring.addDomain("someisp.test", { signStatements: true }));
  assert.notEqual(await view.domain("someisp.test"), null);
  const signing = await StatementSigning.open(keyring);
  const fitsTheKeyServer: StatementSigner = signing;
  assert.ok(fitsTheKeyServer);
  assert.equal(signing.everyDomain, true);
  const dk = (await keyring.statementKey("someisp.test"))?.spki ?? assert.fail();
  const key = createPublicKey({ key: Buffer.from(dk), format: "der", type: "spki" });
  assert.ok(verify(null, statementInput("v=1"), key, signing.sign("someisp.test", "v=1") ?? Buffer.of()));
  must(await keyring.addDomain("other.test"));
  await signing.current();
  assert.equal(signing.sign("other.test", "v=1"), null);
  assert.equal(signing.everyDomain, false);
  must(await keyring.addDomain("third.test", { signStatements: true }));
  await signing.current();
  assert.notEqual(signing.sign("third.test", "v=1"), null, "signed from its first statement on");

  const boss = await withAccount(keyring, "boss@someisp.test");
  const agent = await withAccount(keyring, "agent@someisp.test");
  const counts = new Set([view.changeCount()]);
  assert.deepEqual(await shown("agent@someisp.test"), [["active"]]);
  const [{ kid = "", notBefore, notAfter } = {}] = await view.keys(address("agent@someisp.test"), now);
  assert.ok(notBefore !== undefined && notBefore <= now && (notAfter ?? 0) > now + 29 * 86_400);
  must(await keyring.grant(agent, { kind: "on-behalf", target: "boss@someisp.test" }));
  must(await keyring.addAlias(agent, "a@someisp.test"));
  must(await keyring.addAlias(agent, "a@other.test"));
  const hash = (name: string) => grantHash(kid, address(name));
  assert.deepEqual(await shown("agent@someisp.test"), [
    ["active", hash("boss@someisp.test"), hash("a@someisp.test")],
  ]);
  assert.deepEqual(await shown("a@other.test"), [["active"]], "no grant reaches across domains");
  must(await keyring.grant(agent, { kind: "on-behalf", target: "@someisp.test" }));
  assert.deepEqual(await shown("agent@someisp.test"), [["active", "*"]]);
  must(await keyring.rotate(boss));
  assert.deepEqual(await shown("boss@someisp.test"), [["active"], ["retired"]]);
  must(await keyring.suspend(boss));
  assert.deepEqual(await shown("boss@someisp.test"), [["suspended"], ["suspended"]]);
  must(await keyring.resume(boss));
  assert.deepEqual(await shown("boss@someisp.test"), [["active"], ["revoked"], ["revoked"]]);
  assert.deepEqual(await shown("nobody@someisp.test"), []);
  counts.add(view.changeCount());
  assert.equal(counts.size, 2);
  assert.notDeepEqual(masterKey.derive("decoys"), masterKey.derive("another purpose"));
  assert.deepEqual(masterKey.derive("decoys"), new MasterKey(new Uint8Array(32).fill(7)).derive("decoys"));
});

test("the master key file is made once with mode 0600, and refused when others can read it", async () => {
  const path = join(folder, "secrets", "master.key");
  const keys = await Promise.all(Array.from({ length: 5 }, () => loadMasterKey(path)));
  assert.equal(new Set(keys.map((key) => key.check)).size, 1);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(join(folder, "secrets")), ["master.key"]);
  chmodSync(path, 0o640);
  await assert.rejects(loadMasterKey(path), /chmod 600/);
  chmodSync(path, 0o600);
  writeFileSync(path, "something else\n");
  await assert.rejects(loadMasterKey(path), /not a master key file/);
});

test("changes made by another process are seen at once", async () => {
  const path = join(folder, "shared.db");
  const here = await openKeyring({ store: openStore(path) });
  must(await here.addDomain("someisp.test"));
  const id = await withAccount(here, "allice@someisp.test");
  const identity = address("allice@someisp.test");
  const first = await here.signingKey(id, identity);
  assert.equal(first.kind, "key");
  const there = async (code: string): Promise<void> => {
    const program = `
      import { Keyring, MasterKey } from "${new URL("../../keyring/index.ts", import.meta.url)}";
      import { SqliteKeyringStore } from "${new URL("../index.ts", import.meta.url)}";
      const store = new SqliteKeyringStore(${JSON.stringify(path)});
      const keyring = await Keyring.open({ store, masterKey: new MasterKey(new Uint8Array(32).fill(7)) });
      const outcome = await keyring.${code};
      if (!outcome.ok) throw new Error(outcome.detail);
      store.close();`;
    await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", program]);
  };
  await there(`suspend("${id}")`);
  assert.deepEqual(await here.signingKey(id, identity), { kind: "refused", reason: "suspended" });
  await there(`resume("${id}")`);
  const second = await here.signingKey(id, identity);
  assert.ok(first.kind === "key" && second.kind === "key");
  assert.notEqual(second.key.kid, first.key.kid);
});

test("files: private modes, no mix-ups, several processes may make one at once, newer schemas are refused", async () => {
  const path = join(folder, "deep", "er", "keyring.db");
  const program = `
    import { SqliteKeyringStore } from "${new URL("../index.ts", import.meta.url)}";
    const store = new SqliteKeyringStore(${JSON.stringify(path)});
    const now = 1;
    for (let i = 0; i < 20; i++) {
      const name = "d" + process.pid + "-" + i + ".test";
      if (await store.addDomain({ name, epoch: null, statementKey: null, createdAt: now }) !== "done") throw new Error(name);
    }
    store.close();`;
  const run = () => promisify(execFile)(process.execPath, ["--input-type=module", "--eval", program]);
  await Promise.all([run(), run(), run()]);
  const store = openStore(path);
  assert.equal((await store.domains()).length, 60);
  assert.equal(statSync(join(folder, "deep", "er")).mode & 0o777, 0o700);
  for (const file of readdirSync(join(folder, "deep", "er"))) {
    assert.equal(statSync(join(folder, "deep", "er", file)).mode & 0o777, 0o600, file);
  }
  assert.throws(() => new SqliteQueueStore(path), /another kind/);
  const raw = new DatabaseSync(path);
  raw.exec("INSERT INTO schema_version (version, applied_at) VALUES (99, '')");
  raw.close();
  assert.throws(() => new SqliteKeyringStore(path), /newer vsmtp/);
});
