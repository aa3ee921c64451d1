import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { type AuditVerification, auditKeyOf, MasterKey } from "../../keyring/index.ts";
import { exportKeyring, importKeyring } from "../index.ts";
import { assertRefused, entry, type MakePlace, type Place, startElsewhere } from "./test-place.ts";
import { type Stage, stageAt } from "./test-stage.ts";

/** A log of so many entries, one a second. */
async function logAt(place: Place, count: number, masterKey = MasterKey.generate()): Promise<Stage> {
  const stage = await stageAt(place, { masterKey });
  await grow(stage, count);
  return stage;
}

async function grow(stage: Stage, count: number): Promise<void> {
  const uses = Array.from({ length: count }, (_, index) => {
    stage.wait(1);
    const details = { at: stage.now * 1000, account: `a${index % 7}`, detail: `ü${index}` };
    return { entry: entry("sign", details), take: null, touch: null };
  });
  await stage.store.use(uses);
}

/** Everything but the newest entries. */
async function archived(stage: Stage, file: string, kept: number): Promise<void> {
  const before = (stage.now - kept + 1) * 1000;
  assert.equal((await stage.keyring.archiveAudit({ before, file })).kind, "archived");
}

function brokenAt(verified: AuditVerification): number | null {
  return verified.ok ? null : verified.brokenAt;
}

/** Whoever has the database can take away what forbids it. */
async function tamper({ location, sql }: Place, statements: string): Promise<void> {
  const on = (table: string): string => (location.startsWith("postgresql:") ? ` ON ${table}` : "");
  const rules = ["audit_unchanged", "audit_kept"].map((rule) => `DROP TRIGGER ${rule}${on("audit")};`);
  await sql(`${rules.join("")} DROP TRIGGER audit_archived${on("head")}; ${statements}`);
}

export function auditArchiveContract(makePlace: MakePlace): void {
  const folder = mkdtempSync(join(tmpdir(), "vsmtp-archive-"));
  after(() => rmSync(folder, { recursive: true }));
  let files = 0;
  const newFile = (): string => join(folder, `${files++}.jsonl`);

  test("the log's beginning goes to a file, and both verify, alone and together", async () => {
    const stage = await logAt(await makePlace(), 10);
    const { keyring } = stage;
    const all = await keyring.audit({ limit: 100 });
    const noted = { sequence: 4, chain: all[3]?.chain ?? assert.fail() };
    const file = newFile();
    const steps: unknown[] = [];
    const outcome = await keyring.archiveAudit({
      before: (stage.now - 3) * 1000,
      file,
      onProgress: (...step) => steps.push(step),
    });
    assert.ok(outcome.kind === "archived");
    assert.deepEqual([outcome.first, outcome.last.sequence, outcome.removed], [1, 6, 6]);
    assert.deepEqual(steps, [
      ["writing", 6],
      ["removing", 6],
    ]);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const [header, ...lines] = readFileSync(file, "utf8").trimEnd().split("\n");
    assert.equal(header, `{"vsmtp-audit-archive":1,"after":"0:${"00".repeat(32)}"}`);
    assert.deepEqual(
      lines.map((line) => JSON.parse(line).detail),
      all.slice(0, 6).map(({ detail }) => detail),
    );
    const kept = await keyring.audit({ limit: 100 });
    assert.deepEqual(kept.slice(0, -1), all.slice(6));
    const told = kept.at(-1) ?? assert.fail();
    assert.deepEqual(
      [told.sequence, told.actor, told.action, told.subject],
      [11, "cli:test", "audit.archive", file],
    );
    assert.match(told.detail ?? "", new RegExp(`^entries 1 to 6, chain .{64}, SHA-256 ${outcome.sha256}$`));

    const alone = await keyring.verifyAudit();
    assert.ok(alone.ok);
    assert.deepEqual([alone.first, alone.count, alone.head.sequence], [7, 5, 11]);
    assert.equal(brokenAt(await keyring.verifyAudit({ expect: noted })), 4, "it takes the file to tell");
    assert.ok((await keyring.verifyAudit({ expect: noted, archives: [file] })).ok);
    assert.ok((await keyring.verifyAudit({ expect: outcome.last })).ok);

    const before = (stage.now - 3) * 1000;
    assert.equal((await keyring.archiveAudit({ before, file })).kind, "exists");
    assert.deepEqual(await keyring.archiveAudit({ before, file: newFile() }), {
      kind: "nothing",
      removed: 0,
    });

    await grow(stage, 5);
    const second = newFile();
    await archived(stage, second, 2);
    const third = newFile();
    await archived(stage, third, 1);
    const files = [third, file, second];
    const together = await keyring.verifyAudit({ archives: files, expect: noted });
    assert.ok(together.ok);
    assert.deepEqual([together.first, together.count], [1, 18]);
    const without = await keyring.verifyAudit({ archives: [second, third] });
    assert.ok(without.ok && without.first === 7, "old archives may be gone");
    assert.equal(brokenAt(await keyring.verifyAudit({ archives: [file, third] })), 7);
    assert.equal(brokenAt(await keyring.verifyAudit({ archives: [file, second] })), 15);
    await stage.close();
  });

  test("the database keeps what was not archived, and believes no other tale", async () => {
    const place = await makePlace();
    const stage = await logAt(place, 10);
    await assertRefused(place, "UPDATE head SET archived_sequence = 3");
    await archived(stage, newFile(), 5);
    for (const sql of [
      "DELETE FROM audit WHERE sequence = 6",
      "DELETE FROM audit",
      "UPDATE head SET archived_sequence = 6",
      "UPDATE head SET archived_sequence = 4",
      "DELETE FROM head",
    ]) {
      await assertRefused(place, sql);
    }
    assert.equal((await stage.keyring.audit({ limit: 100 })).length, 6);
    await stage.close();
  });

  test("what is removed in any other way shows, and where, whatever is forged with it", async () => {
    const note = (text: string): string => `UPDATE audit SET detail = ${text} WHERE action = 'audit.archive'`;
    const changes: readonly (readonly [brokenAt: number, sql: string])[] = [
      [6, "DELETE FROM audit WHERE sequence <= 7"],
      [8, "DELETE FROM audit WHERE sequence = 8"],
      [6, "DELETE FROM audit WHERE sequence <= 7; UPDATE head SET archived_sequence = 7"],
      [6, "UPDATE head SET archived_sequence = 7"],
      [1, "UPDATE head SET archived_sequence = 0"],
      [11, note("replace(detail, 'SHA-256 ', 'SHA-256  ')")],
      [11, note("replace(detail, 'entries 1 ', 'entries 2 ')")],
      [1, "DELETE FROM audit WHERE action = 'audit.archive'"],
      [1, "DELETE FROM audit WHERE action = 'audit.archive'; UPDATE head SET archived_sequence = 0"],
    ];
    for (const [expected, sql] of changes) {
      const stage = await logAt(await makePlace(), 10);
      await archived(stage, newFile(), 5);
      await tamper(stage.place, sql);
      assert.equal(brokenAt(await stage.keyring.verifyAudit()), expected, sql);
      await stage.close();
    }
  });

  test("a forged anchor shows, even one with a true chain value", async () => {
    const stage = await logAt(await makePlace(), 10);
    const all = await stage.keyring.audit({ limit: 100 });
    const file = newFile();
    await archived(stage, file, 5);
    const chain = Buffer.from(all[6]?.chain ?? assert.fail()).toString("hex");
    const forged = `entries 1 to 7, chain ${chain}, SHA-256 ${"0".repeat(64)}`;
    await tamper(
      stage.place,
      `UPDATE audit SET detail = '${forged}' WHERE sequence = 11; UPDATE head SET archived_sequence = 7;
       DELETE FROM audit WHERE sequence <= 7`,
    );
    assert.equal(brokenAt(await stage.keyring.verifyAudit()), 11);
    await stage.place.sql(`UPDATE audit SET detail = replace(detail, '${chain}', '${"0".repeat(64)}')`);
    assert.equal(brokenAt(await stage.keyring.verifyAudit()), 8);
    assert.equal(
      (await stage.keyring.archiveAudit({ before: stage.now * 1000, file: newFile() })).kind,
      "broken",
    );
    await stage.close();
  });

  test("nothing leaves a log that is not whole", async () => {
    const stage = await logAt(await makePlace(), 10);
    await tamper(stage.place, "UPDATE audit SET actor = 'x' WHERE sequence = 3");
    const file = newFile();
    const outcome = await stage.keyring.archiveAudit({ before: stage.now * 1000, file });
    assert.ok(outcome.kind === "broken" && outcome.broken.brokenAt === 3);
    assert.throws(() => statSync(file), /ENOENT/);
    assert.throws(() => statSync(`${file}.part`), /ENOENT/);
    assert.equal((await stage.keyring.audit({ limit: 100 })).length, 10);
    await stage.close();
  });

  test("an archive that was altered shows, and where", async () => {
    const stage = await logAt(await makePlace(), 10);
    const [first, second] = [newFile(), newFile()];
    await archived(stage, first, 5);
    await grow(stage, 5);
    await archived(stage, second, 5);
    const text = readFileSync(first, "utf8");
    const lines = text.split("\n");
    const verified = async (altered: string) => {
      writeFileSync(first, altered);
      return brokenAt(await stage.keyring.verifyAudit({ archives: [first, second] }));
    };
    assert.equal(await verified(text), null);
    assert.equal(await verified(text.replace('"detail":"ü2"', '"detail":"ü3"')), 3);
    assert.equal(await verified(text.replace('{"seq', '{ "seq')), 1, "by the file's hash");
    assert.equal(await verified(`${text} `), 6, "a damaged line");
    assert.equal(await verified(`${text}\n`), 6);
    assert.equal(await verified(lines.with(3, "{}").join("\n")), 3);
    assert.equal(await verified(lines.toSpliced(5, 1).join("\n")), 5, "cut off");
    assert.equal(await verified(lines.slice(1).join("\n")), 1, "no first line");
    assert.equal(await verified(""), 1);
    assert.equal(await verified(text.replace(/":"0:0/, '":"0:1')), 1);
    await stage.close();
  });

  test("broken off while it writes or removes, it goes on", async () => {
    const stage = await logAt(await makePlace(), 2500);
    const { keyring } = stage;
    const file = newFile();
    const before = (stage.now - 99) * 1000;
    const breakOff = (at: "writing" | "removing") => (work: string) => {
      if (work === at) throw new Error("broken off");
    };
    await assert.rejects(
      keyring.archiveAudit({ before, file, onProgress: breakOff("writing") }),
      /broken off/,
    );
    assert.equal((await keyring.audit({ limit: 10_000 })).length, 2500);
    await assert.rejects(
      keyring.archiveAudit({ before, file, onProgress: breakOff("removing") }),
      /broken off/,
    );
    const left = await keyring.audit({ limit: 10_000 });
    assert.equal(left.length, 1501);
    const verified = await keyring.verifyAudit({ archives: [file] });
    assert.ok(verified.ok && verified.count === 2501);
    const again = await keyring.archiveAudit({ before, file });
    assert.ok(again.kind === "archived");
    assert.deepEqual([again.first, again.last.sequence, again.removed], [1, 2400, 1400]);
    const rest = await keyring.verifyAudit();
    assert.ok(rest.ok && rest.first === 2401);
    await stage.close();
  });

  test("a file that was written and not logged is taken; the log goes with export and import", async () => {
    const [source, target, last] = [await makePlace(), await makePlace(), await makePlace()];
    const stage = await logAt(source, 10);
    const { masterKey } = stage;
    const file = newFile();
    const move = async (from: Place, to: Place): Promise<Stage> => {
      let text = "";
      const write = (lines: string): void => {
        text += lines;
      };
      const onProgress = (): void => {};
      await exportKeyring({ location: from.location, write, onProgress });
      await importKeyring({
        location: to.location,
        auditKey: auditKeyOf(masterKey),
        masterKeyCheck: masterKey.check,
        lines: text.trimEnd().split("\n"),
        entry: entry("store.import"),
        onProgress,
      });
      const moved = await stageAt(to, { masterKey });
      moved.wait(stage.now - moved.now);
      return moved;
    };
    const copy = await move(source, target);
    await archived(stage, file, 5);
    const octets = readFileSync(file);
    const wrongDate = { before: (stage.now - 6) * 1000, file };
    assert.equal((await copy.keyring.archiveAudit(wrongDate)).kind, "exists", "it has younger entries");
    await archived(copy, file, 5);
    assert.deepEqual(readFileSync(file), octets);
    assert.ok((await copy.keyring.verifyAudit({ archives: [file] })).ok);
    const again = await move(target, last);
    const verified = await again.keyring.verifyAudit({ archives: [file] });
    assert.ok(verified.ok && verified.count === 13, "ten, an import, an archive, an import");
    await assertRefused(last, "DELETE FROM audit WHERE sequence = 6");
    for (const one of [stage, copy, again]) await one.close();
  });

  test("after a re-wrap, archives of both master keys verify under the new one", async () => {
    const place = await makePlace();
    const stage = await logAt(place, 10);
    const files = [newFile(), newFile(), newFile()] as const;
    await archived(stage, files[0], 5);
    const next = MasterKey.generate();
    await stage.keyring.rewrap(next);
    await stage.close();
    const second = await stageAt(place, { masterKey: next });
    second.wait(stage.now - second.now);
    assert.ok((await second.keyring.verifyAudit({ archives: [files[0]] })).ok);
    await grow(second, 5);
    await archived(second, files[1], 1);
    await grow(second, 1);
    await archived(second, files[2], 0);
    const verified = await second.keyring.verifyAudit({ archives: files });
    assert.ok(verified.ok && verified.first === 1);
    assert.ok((await second.keyring.verifyAudit()).ok);
    await second.close();
  });

  test("it may be killed at any moment, while others sign and verify", async () => {
    const place = await makePlace();
    const octets = Buffer.alloc(32, 7);
    const stage = await logAt(place, 3000, new MasterKey(octets));
    const file = newFile();
    const options = { before: (stage.now - 9) * 1000, file };
    const program = `
      const { Keyring, MasterKey, auditKeyOf } = await import(${JSON.stringify(new URL("../../keyring/index.ts", import.meta.url))});
      const masterKey = new MasterKey(Buffer.from("${octets.toString("hex")}", "hex"));
      const open = { location: ${JSON.stringify(place.location)}, auditKey: auditKeyOf(masterKey) };
      const own = await openKeyringStore(open);
      const keyring = await Keyring.open({ store: own, masterKey });
      const onProgress = () => console.log("step");
      await keyring.archiveAudit({ ...${JSON.stringify(options)}, onProgress });
      await own.close();`;
    let count = 3000;
    for (const last of [1, 3, 4, 5, 2]) {
      const child = startElsewhere(place.location, program);
      const exited = once(child, "exit").then(() => true);
      let steps = 0;
      child.stdout?.on("data", (text) => {
        steps += String(text).trim().split("\n").length;
        if (steps >= last) child.kill("SIGKILL");
      });
      for (let gone = false; !gone; ) {
        gone = await Promise.race([exited, delay(100).then(() => false)]);
        await grow(stage, 1);
        count++;
        const verified = await stage.keyring.verifyAudit();
        assert.ok(verified.ok, JSON.stringify(verified));
      }
    }
    await stage.keyring.archiveAudit(options);
    const [rest, together] = [
      await stage.keyring.verifyAudit(),
      await stage.keyring.verifyAudit({ archives: [file] }),
    ];
    assert.ok(rest.ok && together.ok);
    assert.deepEqual([rest.first, together.first, together.count], [2991, 1, count + 1]);
    assert.equal((await stage.store.audit({ limit: 10_000 })).length, count + 1 - 2990);
    await stage.close();
  });
}
