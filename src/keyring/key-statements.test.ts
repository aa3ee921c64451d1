import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { judgeStatement, parseStatement } from "../key-protocol/index.ts";
import { openKeyringStore } from "../store/index.ts";
import {
  auditKeyOf,
  Keyring,
  KeyStatements,
  MasterKey,
  MasterKeyError,
  PublicKeyView,
  StatementSigning,
} from "./index.ts";
import { openStatementKey } from "./key-pair.ts";

const folder = mkdtempSync(join(tmpdir(), "vsmtp-statements-"));
after(() => rmSync(folder, { recursive: true }));

test("the statement of a key that signs, as a verifier wants it; otherwise none (STP-1)", async () => {
  const masterKey = MasterKey.generate();
  const location = join(folder, "keyring.sqlite");
  const store = await openKeyringStore({ location, auditKey: auditKeyOf(masterKey) });
  let nowMs = 1_800_000_000_500;
  const clock = { now: () => nowMs };
  const keyring = await Keyring.open({ store, masterKey, clock });
  const failures: unknown[] = [];
  const under = async (key: MasterKey) =>
    new KeyStatements({
      view: new PublicKeyView(store),
      signing: await StatementSigning.open({
        store,
        privateKey: async (name) => {
          const pair = (await store.domain(name))?.statementKey ?? null;
          return pair && openStatementKey(pair, name, key);
        },
      }),
      clock,
      onFailure: (cause) => failures.push(cause),
    });
  const statements = await under(masterKey);
  assert.ok((await keyring.addDomain("someisp.test", { signStatements: true })).ok);
  const made = await keyring.addAccount({ address: "allice@someisp.test" });
  assert.ok(made.ok);
  const identity = { localPart: "allice", domain: "someisp.test" };
  const [key] = await keyring.keyHistory(made.account.id);
  assert.ok(key);
  const { kid } = key;
  const now = 1_800_000_000;
  const line = await statements.statementOf(identity, kid);
  assert.ok(line);
  const dk = await keyring.statementKey("someisp.test");
  assert.ok(dk);
  const question = { identity, kid, algorithm: "ed25519-sha256", signedAt: now, now } as const;
  const judged = judgeStatement(parseStatement(line), { ...question, statementKeys: [dk.spki] });
  assert.ok(judged.kind === "usable" && judged.signed);

  assert.equal(await statements.statementOf({ localPart: "bob", domain: "someisp.test" }, kid), null);
  assert.equal(await statements.statementOf({ localPart: "allice", domain: "elsewhere.test" }, kid), null);
  assert.equal(await statements.statementOf(identity, "AAAAAAAAAAAAAAAAAAAAAA"), null);

  assert.equal(failures.length, 0);
  // The statement key cannot be opened: mail goes without a staple.
  assert.equal(await (await under(MasterKey.generate())).statementOf(identity, kid), null);
  assert.deepEqual(
    failures.map((cause) => cause instanceof MasterKeyError),
    [true],
  );
  assert.ok((await keyring.suspend(made.account.id)).ok);
  assert.equal(
    await statements.statementOf(identity, kid),
    line,
    "the vault asks for those who may sign only",
  );
  nowMs += 10_000;
  assert.equal(await statements.statementOf(identity, kid), null);
  await store.close();
});
