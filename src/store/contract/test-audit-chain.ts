import assert from "node:assert/strict";
import { test } from "node:test";
import { type AuditHead, auditKeyOf, Keyring, MasterKey } from "../../keyring/index.ts";
import { openKeyringStore } from "../index.ts";
import type { MakePlace, Place } from "./test-place.ts";
import { addressOf, must, type Stage, stageAt } from "./test-stage.ts";

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

export function auditChainContract(makePlace: MakePlace): void {
  test("the log verifies, and a noted head is still in it later", async () => {
    const stage = await logAt(await makePlace());
    const { keyring } = stage;
    const noted = await keyring.auditHead();
    const steps: number[] = [];
    const verified = await keyring.verifyAudit({ expect: noted, onProgress: (done) => steps.push(done) });
    assert.deepEqual(verified, { ok: true, first: 1, count: 9, head: { sequence: 9, chain: noted.chain } });
    assert.deepEqual(steps, [9]);
    must(await keyring.addDomain("other.test"));
    assert.ok((await keyring.verifyAudit({ expect: noted })).ok);
    const stranger = await Keyring.open({ store: stage.store, masterKey: stage.masterKey });
    assert.equal((await stranger.verifyAudit()).ok, true);
    await stage.close();
  });

  test("after a re-wrap everything opens under the new master key, and only there", async () => {
    const stage = await logAt(await makePlace());
    const { keyring, place } = stage;
    const made = must(
      await keyring.addAccount({ address: "locked@home.test", password: "word", keyLock: true }),
    );
    must(await keyring.addAppPassword(made.account.id, { name: "phone", password: "word" }));
    const before = await keyring.auditHead();
    const kids = await activeKids(keyring);
    const decoys = await keyring.decoySecret();
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

    const wrong = await openKeyringStore({ location: place.location, auditKey: auditKeyOf(stage.masterKey) });
    await assert.rejects(Keyring.open({ store: wrong, masterKey: stage.masterKey }), {
      name: "MasterKeyError",
    });
    await wrong.close();
    const last = MasterKey.generate();
    const second = await stageAt(place, { masterKey: next });
    must(await second.keyring.addDomain("second.test"));
    await second.keyring.rewrap(last);
    await second.close();

    const third = await stageAt(place, { masterKey: last });
    must(await third.keyring.addDomain("third.test"));
    assert.ok((await third.keyring.statementKey("home.test"))?.privateKey);
    assert.deepEqual(await activeKids(third.keyring), kids);
    assert.deepEqual(
      await third.keyring.decoySecret(),
      decoys,
      "or all decoys would change, and be known by it",
    );
    for await (const { id, primaryAddress, keyLock } of third.keyring.accounts({ state: "active" })) {
      const user = keyLock ? await third.logIn(primaryAddress, "word") : await third.userOf(id);
      assert.equal((await third.userKeys.privateKeys(user, addressOf(primaryAddress))).kind, "keys");
    }
    const verified = await third.keyring.verifyAudit({ expect: before });
    assert.ok(verified.ok, "over both changes of the key");
    await third.close();
  });

  test("what was changed, removed, inserted or reordered in the log shows, and where", async () => {
    const renumber = "UPDATE audit SET sequence = sequence - 1 WHERE sequence";
    const changes: readonly (readonly [brokenAt: number, sql: string])[] = [
      [4, "UPDATE audit SET actor = 'cli:other' WHERE sequence = 4"],
      [4, "UPDATE audit SET at = at + 1 WHERE sequence = 4"],
      [5, "UPDATE audit SET chain = (SELECT chain FROM audit WHERE sequence = 4) WHERE sequence = 5"],
      [6, "DELETE FROM audit WHERE sequence = 6"],
      [1, "DELETE FROM audit WHERE sequence < 4"],
      [6, `DELETE FROM audit WHERE sequence = 6; ${renumber} = 7; ${renumber} = 8; ${renumber} = 9`],
      [
        3,
        `UPDATE audit SET sequence = 100 WHERE sequence = 3; UPDATE audit SET sequence = 3 WHERE sequence = 4;
         UPDATE audit SET sequence = 4 WHERE sequence = 100`,
      ],
      [
        10,
        `INSERT INTO audit (sequence, at, actor, action, outcome, chain)
         SELECT 10, 0, 'cli:root', 'account.suspend', 'ok', chain FROM audit WHERE sequence = 9`,
      ],
      [9, "UPDATE audit SET action = 'master-key.rewrap', detail = 'AAAA' WHERE sequence = 9"],
    ];
    for (const [brokenAt, sql] of changes) {
      const stage = await logAt(await makePlace());
      await tamper(stage.place, sql);
      const verified = await stage.keyring.verifyAudit();
      assert.equal(verified.ok ? null : verified.brokenAt, brokenAt, sql);
      await stage.close();
    }
  });

  test("a log that was cut off shows by a head noted before", async () => {
    const stage = await logAt(await makePlace());
    const noted = await stage.keyring.auditHead();
    const brokenAt = async (expect: AuditHead | null) => {
      const verified = await stage.keyring.verifyAudit({ expect });
      return verified.ok ? null : verified.brokenAt;
    };
    assert.equal(await brokenAt({ sequence: 5, chain: noted.chain }), 5, "another entry was noted");
    await tamper(stage.place, "DELETE FROM audit WHERE sequence > 7");
    assert.equal(await brokenAt(noted), 8);
    assert.equal(await brokenAt(null), null, "not by itself");
    await stage.close();
  });
}

/** Whoever has the database can take away what forbids it. */
async function tamper({ location, sql }: Place, statements: string): Promise<void> {
  const table = location.startsWith("postgresql:") ? " ON audit" : "";
  await sql(`DROP TRIGGER audit_unchanged${table}; DROP TRIGGER audit_kept${table}; ${statements}`);
}

async function activeKids(keyring: Keyring): Promise<readonly (string | undefined)[]> {
  const kids: (string | undefined)[] = [];
  for await (const { id } of keyring.accounts()) kids.push((await keyring.keyHistory(id))[0]?.kid);
  return kids;
}
