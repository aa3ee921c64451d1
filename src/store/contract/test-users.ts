import assert from "node:assert/strict";
import { test } from "node:test";
import type { AccountRecord, User } from "../../keyring/index.ts";
import type { MakePlace } from "./test-place.ts";
import { addressOf, must, problem, type Stage, stageAt } from "./test-stage.ts";

const INPUT = Buffer.from("what is signed");

export function userContract(makePlace: MakePlace): void {
  test("who may write as whom, and whose key signs (SUB-1 to SUB-3)", async () => {
    const stage = await stageAt(await makePlace());
    const { keyring } = stage;
    must(await keyring.addDomain("home.test"));
    must(await keyring.addDomain("other.test"));
    const agent = await account(stage, "agent@home.test", ["agent@other.test"]);
    const boss = await account(stage, "boss@home.test");
    const team = await account(stage, "team@other.test");
    must(await keyring.grant(agent.id, { kind: "send-as", target: "team@other.test" }));
    must(await keyring.grant(agent.id, { kind: "on-behalf", target: "@home.test" }));
    const user = await stage.userOf(agent.id);
    const identified = async (written: string, scope: readonly string[] | null = null) => {
      const answer = await stage.userKeys.identify({ ...user, addresses: scope }, addressOf(written));
      if (answer.kind !== "granted") return answer.kind;
      const { localPart, domain } = answer.identity;
      const key = await keyring.key(answer.keys[0]?.kid ?? "");
      return [`${localPart}@${domain}`, key?.accountId];
    };
    assert.deepEqual(await identified("agent@home.test"), ["agent@home.test", agent.id]);
    assert.deepEqual(await identified("agent@other.test"), ["agent@other.test", agent.id]);
    assert.deepEqual(await identified("team@other.test"), ["team@other.test", team.id], "sends as the team");
    assert.deepEqual(
      await identified("boss@home.test"),
      ["agent@home.test", agent.id],
      "on behalf, as Sender",
    );
    assert.equal(await identified("agent@elsewhere.test"), "not-granted");

    const scope = ["agent@home.test", "boss@home.test"];
    assert.deepEqual(await identified("agent@home.test", scope), ["agent@home.test", agent.id]);
    assert.deepEqual(await identified("boss@home.test", scope), ["agent@home.test", agent.id]);
    assert.equal(
      await identified("team@other.test", scope),
      "not-granted",
      "outside the app password's scope",
    );
    assert.equal(
      await identified("boss@home.test", ["boss@home.test"]),
      "not-granted",
      "nor may its Sender be",
    );

    const teamKid = await kidOf(stage, user, "team@other.test");
    must(await keyring.suspend(team.id));
    assert.equal(await identified("team@other.test"), "suspended", "the owner is");
    assert.equal((await sign(stage, user, "team@other.test", teamKid)).kind, "suspended");
    must(await keyring.resume(team.id));
    assert.equal((await sign(stage, user, "team@other.test", teamKid)).kind, "replaced");
    assert.equal(
      (await sign(stage, user, "boss@home.test", "x")).kind,
      "not-granted",
      "only as its own identity",
    );
    must(await keyring.suspend(agent.id));
    assert.equal(await identified("agent@home.test"), "suspended");
    assert.equal((await stage.userKeys.spend(user, 1)).kind, "suspended");
    assert.equal((await stage.userKeys.privateKeys(user, addressOf("agent@home.test"))).kind, "suspended");
    assert.equal(boss.state, "active");
    await stage.close();
  });

  test("under a key lock, store and master key sign for nobody without the password", async () => {
    const stage = await stageAt(await makePlace());
    const { keyring, store, masterKey, userKeys } = stage;
    must(await keyring.addDomain("home.test"));
    const made = must(await keyring.addAccount({ address: "a@home.test", password: "first", keyLock: true }));
    const { id } = made.account;
    const sealed = await store.activeKey(id);
    assert.ok(sealed);
    const opened = masterKey.open(sealed.sealed, `account ${id} key ${made.kid}`);
    assert.notEqual(opened[0], 0x30, "no PKCS#8 comes out");
    const thief = await stage.userOf(id);
    assert.equal((await userKeys.identify(thief, addressOf("a@home.test"))).kind, "locked");
    assert.equal((await sign(stage, thief, "a@home.test", made.kid)).kind, "locked");
    assert.equal((await userKeys.privateKeys(thief, addressOf("a@home.test"))).kind, "locked");
    assert.equal(await keyring.releaseKeys(async () => {}), 0);

    const user = await stage.logIn("a@home.test", "first");
    assert.equal((await sign(stage, user, "a@home.test", made.kid)).kind, "signed");
    assert.equal(
      (await sign(stage, thief, "a@home.test", made.kid)).kind,
      "locked",
      "still, though it is in use",
    );
    const appPassword = must(await keyring.addAppPassword(id, { name: "phone", password: "first" }));
    assert.equal(await problem(keyring.addAppPassword(id, { name: "x" })), "password-needed");
    assert.equal(
      await problem(keyring.addAppPassword(id, { name: "x", password: "wrong" })),
      "wrong-password",
    );
    assert.equal(await problem(keyring.setPassword(id, "x", { oldPassword: "wrong" })), "wrong-password");

    // Rotation by the administrator needs no password, and who is logged in goes on.
    const rotated = must(await keyring.rotate(id));
    assert.equal((await sign(stage, user, "a@home.test", rotated.kid)).kind, "signed");
    // A change of the password keeps key and app passwords.
    assert.equal(must(await keyring.setPassword(id, "second", { oldPassword: "first" })).rekeyed, null);
    const again = await stage.logIn("a@home.test", "second");
    assert.equal((await sign(stage, again, "a@home.test", rotated.kid)).kind, "signed");
    assert.deepEqual(
      (await keyring.credentials(id)).map((one) => one.id),
      ["password", appPassword.id],
    );
    // A reset does not.
    const reset = must(await keyring.setPassword(id, "third"));
    assert.ok(reset.rekeyed);
    assert.equal((await sign(stage, again, "a@home.test", reset.rekeyed.kid)).kind, "locked");
    assert.equal((await sign(stage, again, "a@home.test", rotated.kid)).kind, "locked");
    const third = await stage.logIn("a@home.test", "third");
    assert.equal((await sign(stage, third, "a@home.test", reset.rekeyed.kid)).kind, "signed");
    assert.deepEqual(
      (await keyring.credentials(id)).map((one) => one.id),
      ["password"],
    );
    assert.deepEqual(
      (await keyring.keyHistory(id)).map(({ state, reason }) => [state, reason]),
      [
        ["active", null],
        ["revoked", "password reset"],
        ["revoked", "password reset"],
      ],
    );

    // Who may send as the account cannot open its key, and writes on its behalf instead.
    const agent = await account(stage, "agent@home.test");
    must(await keyring.grant(agent.id, { kind: "send-as", target: "a@home.test" }));
    const answer = await userKeys.identify(await stage.userOf(agent.id), addressOf("a@home.test"));
    assert.equal(answer.kind === "granted" && answer.identity.localPart, "agent");
    await stage.close();
  });

  test("limits are exact, however many sign at once (LIF-14)", async () => {
    const limits = {
      recipients: 100,
      periodMs: 86_400_000,
      newAccountRecipients: 20,
      newAccountMs: 604_800_000,
    };
    const place = await makePlace();
    const stage = await stageAt(place, { limits });
    const other = await stageAt(place, { limits, masterKey: stage.masterKey });
    const { keyring, userKeys } = stage;
    must(await keyring.addDomain("home.test"));
    const { id } = await account(stage, "a@home.test");
    const user = await stage.userOf(id);
    const spend = async (count: number, recipients: number): Promise<number> => {
      const stages = Array.from({ length: count }, (_, index) => (index % 2 === 0 ? stage : other));
      const answers = await Promise.all(stages.map((one) => one.userKeys.spend(user, recipients)));
      return answers.filter(({ kind }) => kind === "spent").length;
    };
    assert.equal(await spend(40, 3), 6, "18 of 20 while it is new");
    assert.deepEqual(await keyring.recipientUsage(id), { used: 18, limit: 20, periodMs: 86_400_000 });
    assert.equal((await userKeys.spend(user, 2)).kind, "spent");
    const limited = await userKeys.spend(user, 1);
    assert.ok(limited.kind === "limited" && limited.freeAt !== null);
    assert.equal(limited.limit, 20);
    assert.deepEqual(
      await userKeys.spend(user, 21),
      { kind: "limited", limit: 20, freeAt: null },
      "never fits",
    );

    must(await keyring.setRecipientLimit(id, 22));
    assert.equal(await spend(10, 1), 2, "its own limit, new or not");
    must(await keyring.setRecipientLimit(id, null));
    both(limited.freeAt / 1000 - stage.now - 1);
    assert.equal(await spend(1, 1), 0, "not before the time that was told");
    both(1);
    assert.equal(await spend(1, 1), 1, "but then");
    both(7 * 86_400);
    assert.equal(await spend(60, 7), 14, "98 of 100 when it is new no more");
    const kid = await kidOf(stage, user, "a@home.test");
    assert.equal((await sign(stage, user, "a@home.test", kid, { recipientCount: 3 })).kind, "limited");
    assert.equal(
      (await sign(stage, user, "a@home.test", kid, { recipientCount: 3, take: false })).kind,
      "signed",
    );
    assert.equal((await sign(stage, user, "a@home.test", kid, { recipientCount: 2 })).kind, "signed");
    const entries = await keyring.audit({ action: "sign", limit: 10 });
    assert.deepEqual(
      entries.map(({ outcome, recipients }) => [outcome, recipients]),
      [
        ["limit", 3],
        ["ok", 3],
        ["ok", 2],
      ],
    );
    assert.ok((await keyring.verifyAudit()).ok);
    await other.close();
    await stage.close();

    function both(seconds: number): void {
      stage.wait(seconds);
      other.wait(seconds);
    }
  });

  test("each SIGN and GETKEY is logged with everything but secrets (PRV-20, PRV-21)", async () => {
    const stage = await stageAt(await makePlace());
    const { keyring, userKeys } = stage;
    must(await keyring.addDomain("home.test"));
    const made = must(await keyring.addAccount({ address: "a@home.test", password: "secret word" }));
    const appPassword = must(await keyring.addAppPassword(made.account.id, { name: "phone" }));
    const user = await stage.userOf(made.account.id);
    const begin = await keyring.auditHead();
    await sign(stage, user, "a@home.test", made.kid, { messageIdHash: "AAECAwQFBgcICQoLDA0ODw" });
    const got = await userKeys.privateKeys(user, addressOf("a@home.test"));
    assert.ok(got.kind === "keys");
    await sign(stage, user, "b@home.test", made.kid);
    const entries = await keyring.audit({ after: begin.sequence, limit: 10 });
    const common = {
      at: stage.now * 1000,
      actor: "ss:test",
      account: made.account.id,
      client: "192.0.2.1",
      detail: null,
    };
    assert.deepEqual(
      entries.map(({ sequence, chain, ...entry }) => entry),
      [
        {
          ...common,
          action: "sign",
          subject: "a@home.test",
          kid: made.kid,
          messageIdHash: "AAECAwQFBgcICQoLDA0ODw",
          recipients: 1,
          outcome: "ok",
        },
        {
          ...common,
          action: "getkey",
          subject: "a@home.test",
          kid: made.kid,
          messageIdHash: null,
          recipients: null,
          outcome: "ok",
        },
        {
          ...common,
          action: "sign",
          subject: "b@home.test",
          kid: made.kid,
          messageIdHash: null,
          recipients: 1,
          outcome: "not-granted",
        },
      ],
    );
    const log = JSON.stringify(await keyring.audit({ limit: 1000 }));
    const [key] = got.keys;
    for (const secret of [
      "secret word",
      appPassword.secret,
      appPassword.secret.replaceAll("-", ""),
      key?.privateKey.export({ format: "jwk" }).d ?? "?",
    ]) {
      assert.equal(log.includes(secret), false);
    }
    await stage.close();
  });

  test("the system's sender is made when it is first asserted (PRV-9)", async () => {
    const stage = await stageAt(await makePlace());
    must(await stage.keyring.addDomain("home.test"));
    const by = { actor: "delivery", client: "::1" };
    const assertions = [
      "mailer-daemon@home.test",
      "mailer-daemon@home.test",
      "x@home.test",
      "mailer-daemon@x.test",
    ];
    const users = await Promise.all(assertions.map((one) => stage.userKeys.assertUser(addressOf(one), by)));
    assert.deepEqual(
      users.map((user) => user?.account.primaryAddress ?? null),
      ["mailer-daemon@home.test", "mailer-daemon@home.test", null, null],
    );
    const identity = addressOf("mailer-daemon@home.test");
    assert.ok(users[0]);
    assert.equal((await stage.userKeys.identify(users[0], identity)).kind, "granted");
    await stage.close();
  });
}

async function account(stage: Stage, name: string, aliases: readonly string[] = []): Promise<AccountRecord> {
  return must(await stage.keyring.addAccount({ address: name, aliases })).account;
}

async function kidOf(stage: Stage, user: User, identity: string): Promise<string> {
  const answer = await stage.userKeys.identify(user, addressOf(identity));
  assert.ok(answer.kind === "granted");
  return answer.keys[0]?.kid ?? "";
}

function sign(
  stage: Stage,
  user: User,
  identity: string,
  kid: string,
  order: { recipientCount?: number; take?: boolean; messageIdHash?: string } = {},
) {
  const { recipientCount = 1, take = true, messageIdHash = null } = order;
  const input = { identity: addressOf(identity), kid, input: INPUT, recipientCount, messageIdHash, take };
  return stage.userKeys.sign(user, input);
}
