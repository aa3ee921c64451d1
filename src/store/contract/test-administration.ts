import assert from "node:assert/strict";
import { createPrivateKey, createPublicKey } from "node:crypto";
import { test } from "node:test";
import type { RefusedAccount, ReleasedKey } from "../../keyring/index.ts";
import { keyId } from "../../signature/index.ts";
import type { MakePlace, Place } from "./test-place.ts";
import { must, problem, type Stage, stageAt } from "./test-stage.ts";

async function homeAt(place: Place): Promise<Stage> {
  const stage = await stageAt(place);
  must(await stage.keyring.addDomain("home.test", { signStatements: true }));
  return stage;
}

export function administrationContract(makePlace: MakePlace): void {
  test("many accounts are loaded in pages; those that are refused are told one by one", async () => {
    const { keyring, close } = await homeAt(await makePlace());
    must(await keyring.addAccount({ address: "user700@home.test" }));
    const refused: RefusedAccount[] = [];
    const progress: number[] = [];
    async function* accounts() {
      for (let number = 0; number < 1200; number++) yield { address: `user${number}@home.test` };
      yield { address: "no address" };
      yield { address: "x@elsewhere.test" };
      yield { address: "user3@home.test" };
    }
    const loaded = await keyring.addAccounts(accounts(), {
      onProgress: (done) => progress.push(done),
      onRefused: (one) => refused.push(one),
    });
    assert.deepEqual(loaded, { added: 1199, refused: 4 });
    assert.deepEqual(progress, [500, 1000, 1203]);
    assert.deepEqual(
      refused.map(({ address, failure }) => [address, failure.problem]),
      [
        ["user700@home.test", "address-taken"],
        ["no address", "syntax"],
        ["x@elsewhere.test", "not-hosted"],
        ["user3@home.test", "address-taken"],
      ],
    );
    assert.equal(await keyring.countAccounts("home.test"), 1200);
    const listed: string[] = [];
    for await (const { primaryAddress } of keyring.accounts()) listed.push(primaryAddress);
    assert.equal(listed.length, 1200);
    assert.deepEqual(listed, [...new Set(listed)].sort());
    const log = await keyring.audit({ action: "account.add", limit: 2000 });
    assert.equal(log.length, 1200);
    await close();
  });

  test("a re-key of everything that was broken off goes on where it was (LIF-15)", async () => {
    const stage = await homeAt(await makePlace());
    const { keyring } = stage;
    must(await keyring.addDomain("other.test"));
    const many = Array.from({ length: 450 }, (_, index) => ({ address: `u${index}@home.test` }));
    await keyring.addAccounts([...many, { address: "a@other.test" }, { address: "s@other.test" }]);
    const suspended = await keyring.account("s@other.test");
    must(await keyring.suspend(suspended?.id ?? ""));
    const statementKeys = async () => (await keyring.domains()).map(({ statementKey }) => statementKey?.spki);
    const [before] = await statementKeys();
    stage.wait(3600);
    const start = stage.now;
    const breakOff = (done: number): void => {
      stage.wait(60);
      if (done === 400) throw new Error("broken off");
    };
    await assert.rejects(keyring.rekeyAll({ domain: null, onProgress: breakOff }), /broken off/);
    const [changed, none] = await statementKeys();
    assert.notDeepEqual(changed, before);
    assert.equal(none, undefined, "a domain that does not sign its statements does not begin to");
    const progress: [number, number][] = [];
    const outcome = must(
      await keyring.rekeyAll({ domain: null, resume: true, onProgress: (...step) => progress.push(step) }),
    );
    assert.equal(
      outcome.replaced,
      251,
      "not the second page; the first is of the second in which the epoch began",
    );
    assert.deepEqual(
      outcome.domains.map(({ epoch }) => epoch),
      [start, start],
    );
    assert.deepEqual(progress, [
      [200, 452],
      [250, 452],
      [251, 452],
    ]);
    assert.deepEqual((await statementKeys())[0], changed);
    for await (const { id, state } of keyring.accounts()) {
      const states = (await keyring.keyHistory(id)).map((key) => key.state);
      assert.deepEqual(states.slice(0, 2), state === "suspended" ? ["active"] : ["active", "revoked"]);
    }
    assert.equal(must(await keyring.rekeyAll({ domain: "other.test", resume: true })).replaced, 0);
    assert.equal(
      must(await keyring.rotateDue(30, { domain: "home.test" })).replaced,
      200,
      "of the first page",
    );
    assert.equal(await problem(keyring.rekeyAll({ domain: "elsewhere.test" })), "not-hosted");
    await stage.close();
  });

  test("private keys past their end are published before they are destroyed (LIF-18)", async () => {
    const stage = await homeAt(await makePlace());
    const { keyring } = stage;
    const made = must(await keyring.addAccount({ address: "a@home.test" }));
    must(await keyring.rotate(made.account.id));
    must(await keyring.changeDomain("home.test", { releaseKeys: true }));
    const second = (await keyring.keyHistory(made.account.id))[0];
    must(await keyring.rotate(made.account.id));
    const published: ReleasedKey[] = [];
    const publish = async (keys: readonly ReleasedKey[]): Promise<void> => void published.push(...keys);
    stage.wait(14 * 86_400 - 1);
    assert.equal(await keyring.releaseKeys(publish), 0, "not before its last signature has expired");
    stage.wait(1);
    const fail = () => Promise.reject(new Error("disk full"));
    await assert.rejects(keyring.releaseKeys(fail), /disk full/);
    assert.equal(await keyring.releaseKeys(publish), 1, "the first key went when it was retired");
    assert.equal(await keyring.releaseKeys(publish), 0);
    const [released] = published;
    assert.ok(released);
    assert.equal(released.kid, second?.kid);
    assert.equal(released.address, "a@home.test");
    const key = createPrivateKey({ key: Buffer.from(released.privateKey), format: "der", type: "pkcs8" });
    const spki = createPublicKey(key).export({ format: "der", type: "spki" });
    assert.equal(keyId(spki), released.kid);
    const history = await keyring.keyHistory(made.account.id);
    assert.deepEqual(
      history.map((one) => [one.state, one.hasPrivateKey, one.releasedAt]),
      [
        ["active", true, null],
        ["retired", false, stage.now],
        ["retired", false, null],
      ],
    );
    await stage.close();
  });

  test("an address that is reassigned has a new account and key (LIF-19)", async () => {
    const stage = await homeAt(await makePlace());
    const { keyring } = stage;
    const before = must(await keyring.addAccount({ address: "a@home.test", aliases: ["b@home.test"] }));
    const alias = must(await keyring.reassign({ address: "b@home.test" }));
    assert.equal((await keyring.account(before.account.id))?.state, "active", "it lost its alias only");
    const after = must(await keyring.reassign({ address: "A@HOME.test" }));
    assert.notEqual(after.account.id, before.account.id);
    assert.equal((await keyring.account(before.account.id))?.state, "removed");
    assert.equal((await keyring.account("a@home.test"))?.id, after.account.id);
    assert.equal((await keyring.account("b@home.test"))?.id, alias.account.id);
    assert.deepEqual(
      (await keyring.keyHistory(before.account.id)).map(({ state, reason }) => [state, reason]),
      [["revoked", "removal"]],
    );
    assert.equal(await problem(keyring.reassign({ address: "nobody@home.test" })), "no-address");
    assert.equal(await problem(keyring.resume(before.account.id)), "removed");
    await stage.close();
  });

  test("enrolments, app passwords and domains are checked as they are written", async () => {
    const { keyring, close } = await homeAt(await makePlace());
    const proof = { kind: "certificate", spkiSha256: "ab".repeat(32) } as const;
    const enrolment = {
      name: "ss1",
      proof,
      scope: ["Home.test", "A@Home.test", "*"],
      modes: ["sign"],
      mayAssert: false,
    } as const;
    assert.deepEqual(must(await keyring.enrol(enrolment)).enrolment.scope, ["home.test", "a@home.test", "*"]);
    assert.equal(await problem(keyring.enrol(enrolment)), "exists");
    for (const wrong of [
      { name: "" },
      { name: "x y" },
      { scope: [] },
      { scope: ["not a domain"] },
      { modes: [] },
      { proof: { kind: "certificate", spkiSha256: "AB".repeat(32) } as const },
    ]) {
      assert.equal(await problem(keyring.enrol({ ...enrolment, ...wrong })), "syntax", JSON.stringify(wrong));
    }
    must(await keyring.removeEnrolment("ss1"));
    assert.equal(await problem(keyring.removeEnrolment("ss1")), "no-enrolment");

    const { id } = must(await keyring.addAccount({ address: "a@home.test", password: "word" })).account;
    const phone = { name: "phone", addresses: ["A@home.test"], notAfter: 2_000_000_000 };
    const made = must(await keyring.addAppPassword(id, phone));
    assert.equal(
      await problem(keyring.addAppPassword(id, { name: "x", addresses: ["b@home.test"] })),
      "no-address",
    );
    assert.equal(await problem(keyring.addAppPassword(id, { name: "" })), "syntax");
    assert.equal(await problem(keyring.addAppPassword(id, { name: "a\u001b[2J" })), "syntax");
    const [, listed] = await keyring.credentials(id);
    assert.equal(listed?.id, made.id);
    assert.deepEqual(listed.addresses, ["a@home.test"]);
    assert.equal(listed.notAfter, 2_000_000_000);
    assert.equal(JSON.stringify(await keyring.credentials(id)).includes("argon2"), false);
    must(await keyring.removeAppPassword(id, made.id));
    assert.equal(await problem(keyring.removeAppPassword(id, made.id)), "no-credential");
    must(await keyring.addAppPassword(id, { name: "tablet" }));
    must(await keyring.clearPassword(id));
    assert.deepEqual(await keyring.credentials(id), []);
    assert.equal(await problem(keyring.setPassword(id, "")), "password");
    assert.equal(
      await problem(keyring.addAccount({ address: "l@home.test", keyLock: true })),
      "password-needed",
    );

    const first = must(await keyring.raiseEpoch("home.test")).domain;
    assert.notDeepEqual(
      must(await keyring.replaceStatementKey("home.test")).domain.statementKey,
      first.statementKey,
    );
    assert.equal(await problem(keyring.removeDomain("home.test")), "in-use");
    must(await keyring.removeAccount(id));
    must(await keyring.removeDomain("HOME.test"));
    assert.equal(await problem(keyring.raiseEpoch("home.test")), "not-hosted");
    await close();
  });
}
