import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { openKeyringStore } from "../store/index.ts";
import type { AuditHead } from "./audit-verification.ts";
import { auditEntry, auditKeyOf, Keyring, MasterKey, type Outcome } from "./index.ts";
import { type Place, places, type Stage, stageAt } from "./test-stage.ts";

/** A log of nine entries. */
async function logAt(place: Place): Promise<Stage> {
  const stage = await stageAt(place);
  must(await stage.keyring.addDomain("home.test", { signStatements: true }));
  for (const name of ["a", "b", "c", "d"]) {
    const made = must(await stage.keyring.addAccount({ address: `${name}@home.test` }));
    must(await stage.keyring.suspend(made.account.id));
  }
  return stage;
}

for (const place of places) {
  test(`${place.name}: the log verifies, and a noted head is still in it later`, async () => {
    const stage = await logAt(place);
    const { keyring } = stage;
    const noted = await keyring.auditHead();
    const steps: number[] = [];
    const verified = await keyring.verifyAudit({ expect: noted, onProgress: (done) => steps.push(done) });
    assert.deepEqual(verified, { ok: true, count: 9, head: { sequence: 9, chain: noted.chain } });
    assert.deepEqual(steps, [9]);
    must(await keyring.addDomain("other.test"));
    assert.ok((await keyring.verifyAudit({ expect: noted })).ok);
    const stranger = await Keyring.open({ store: stage.store, masterKey: stage.masterKey });
    assert.equal((await stranger.verifyAudit()).ok, true);
    await stage.close();
  });

  test(`${place.name}: after a re-wrap everything opens under the new master key, and only there`, async () => {
    const stage = await logAt(place);
    const { keyring, location } = stage;
    const made = must(
      await keyring.addAccount({ address: "locked@home.test", password: "word", keyLock: true }),
    );
    must(await keyring.addAppPassword(made.account.id, { name: "phone", password: "word" }));
    const before = await keyring.auditHead();
    const kids = await activeKids(keyring);
    // Broken off in the middle, it is begun again.
    const next = MasterKey.generate();
    const breakOff = (): void => {
      throw new Error("broken off");
    };
    await assert.rejects(keyring.rewrap(next, breakOff), /broken off/);
    assert.deepEqual(await keyring.auditHead(), before, "not done, so not logged");
    const progress: [number, number][] = [];
    await keyring.rewrap(next, (done, of) => progress.push([done, of]));
    assert.deepEqual(progress.at(-1), [8, 8], "five keys, a statement key, two wrapped key locks");
    await stage.close();

    const wrong = await openKeyringStore({ location, auditKey: auditKeyOf(stage.masterKey) });
    await assert.rejects(Keyring.open({ store: wrong, masterKey: stage.masterKey }), {
      name: "MasterKeyError",
    });
    await wrong.close();
    const last = MasterKey.generate();
    const second = await stageAt(place, { location, masterKey: next });
    must(await second.keyring.addDomain("second.test"));
    await second.keyring.rewrap(last);
    await second.close();

    const third = await stageAt(place, { location, masterKey: last });
    must(await third.keyring.addDomain("third.test"));
    assert.ok((await third.keyring.statementKey("home.test"))?.privateKey);
    assert.deepEqual(await activeKids(third.keyring), kids);
    for await (const { id, primaryAddress, keyLock } of third.keyring.accounts({ state: "active" })) {
      const user = await third.logIn(id, keyLock ? "word" : null);
      const [localPart = "", domain = ""] = primaryAddress.split("@");
      assert.equal((await third.userKeys.privateKeys(user, { localPart, domain })).kind, "keys");
    }
    const verified = await third.keyring.verifyAudit({ expect: before });
    assert.ok(verified.ok, "over both changes of the key");
    await third.close();
  });
}

const [sqlite] = places as [Place];

/** @param brokenAt null: as it was */
async function tampered(brokenAt: number, statements: string, notedBefore = false): Promise<void> {
  const stage = await logAt(sqlite);
  const noted: AuditHead | null = notedBefore ? await stage.keyring.auditHead() : null;
  const database = new DatabaseSync(stage.location);
  // Whoever can write the file can take away what forbids it.
  database.exec(`DROP TRIGGER audit_unchanged; DROP TRIGGER audit_kept; ${statements}`);
  database.close();
  const verified = await stage.keyring.verifyAudit({ expect: noted });
  assert.deepEqual(verified.ok ? { ...verified, head: null } : verified.brokenAt, brokenAt, statements);
  await stage.close();
}

test("what was changed, removed, inserted or reordered in the log shows, and where", async () => {
  await tampered(4, "UPDATE audit SET actor = 'cli:other' WHERE sequence = 4");
  await tampered(4, "UPDATE audit SET at = at + 1 WHERE sequence = 4");
  await tampered(5, "UPDATE audit SET chain = zeroblob(32) WHERE sequence = 5");
  await tampered(6, "DELETE FROM audit WHERE sequence = 6");
  await tampered(1, "DELETE FROM audit WHERE sequence < 4");
  const renumber = "UPDATE audit SET sequence = sequence - 1 WHERE sequence";
  await tampered(
    6,
    `DELETE FROM audit WHERE sequence = 6; ${renumber} = 7; ${renumber} = 8; ${renumber} = 9`,
  );
  await tampered(
    3,
    `UPDATE audit SET sequence = 100 WHERE sequence = 3; UPDATE audit SET sequence = 3 WHERE sequence = 4;
     UPDATE audit SET sequence = 4 WHERE sequence = 100`,
  );
  await tampered(
    10,
    `INSERT INTO audit (sequence, at, actor, action, outcome, chain)
     VALUES (10, 0, 'cli:root', 'account.suspend', 'ok', zeroblob(32))`,
  );
  await tampered(9, "UPDATE audit SET action = 'master-key.rewrap', detail = 'AAAA' WHERE sequence = 9");
});

test("a log that was cut off shows by a head noted before", async () => {
  const cut = "DELETE FROM audit WHERE sequence > 7";
  await tampered(8, cut, true);
  const stage = await logAt(sqlite);
  const forged = { sequence: 5, chain: new Uint8Array(32) };
  const verified = await stage.keyring.verifyAudit({ expect: forged });
  assert.equal(verified.ok ? 0 : verified.brokenAt, 5);
  await stage.close();
});

test("texts from outside are recorded as any store keeps and any terminal shows them", () => {
  const { subject, detail, actor } = auditEntry({
    at: 0,
    actor: "cli:root",
    action: "x",
    subject: "a\u0000\ud800\u001b[31m\r\n",
    detail: "x".repeat(2000),
  });
  assert.equal(subject, "a\ufffd\ufffd\ufffd[31m\ufffd\ufffd");
  assert.equal(detail?.length, 500);
  assert.equal(actor, "cli:root");
});

async function activeKids(keyring: Keyring): Promise<readonly (string | undefined)[]> {
  const kids: (string | undefined)[] = [];
  for await (const { id } of keyring.accounts()) kids.push((await keyring.keyHistory(id))[0]?.kid);
  return kids;
}

function must<T extends object>(outcome: Outcome<T>): T {
  assert.ok(outcome.ok, outcome.ok ? "" : outcome.detail);
  return outcome;
}
