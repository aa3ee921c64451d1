import assert from "node:assert/strict";
import { verify } from "node:crypto";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  KEY_TRANSITIONS,
  type Keyring,
  type KeyState,
  type Outcome,
  type User,
} from "../../keyring/index.ts";
import { importPublicKey } from "../../signature/index.ts";
import { type Expected, LifecycleModel, type ModelAccount } from "./test-lifecycle-model.ts";
import type { MakePlace } from "./test-place.ts";
import { addressOf, type Stage, stageAt } from "./test-stage.ts";

const NAMES = ["a", "b", "c", "d"].map((name) => `${name}@home.test`);
const ACCOUNT = { account: fc.nat(5) };
const NAME = { address: fc.constantFrom(...NAMES) };

/** `account` and `key` count round what there is. */
type Step =
  | { readonly kind: "wait"; readonly seconds: number }
  | { readonly kind: "release-keys-of-domain"; readonly on: boolean }
  | { readonly kind: "create"; readonly address: string; readonly locked: boolean }
  | { readonly kind: "reassign"; readonly address: string }
  | { readonly kind: "add-alias"; readonly account: number; readonly address: string }
  | { readonly kind: "remove-alias"; readonly address: string }
  | { readonly kind: "grant"; readonly account: number; readonly address: string }
  | { readonly kind: "suspend" | "resume" | "rotate" | "re-key" | "remove"; readonly account: number }
  | { readonly kind: "lock" | "unlock" | "reset-password" | "change-password"; readonly account: number }
  | { readonly kind: "revoke"; readonly key: number }
  | { readonly kind: "rotate-due"; readonly days: number }
  | { readonly kind: "re-key-all" }
  | { readonly kind: "publish" };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("wait"), seconds: fc.nat(40 * 86_400) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("release-keys-of-domain"), on: fc.boolean() }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("create"), ...NAME, locked: fc.constant(false) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("create"), ...NAME, locked: fc.constant(true) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("reassign"), ...NAME }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("add-alias"), ...ACCOUNT, ...NAME }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("remove-alias"), ...NAME }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("grant"), ...ACCOUNT, ...NAME }) },
  {
    weight: 14,
    arbitrary: fc.record({
      kind: fc.constantFrom("suspend", "resume", "rotate", "re-key", "remove"),
      ...ACCOUNT,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom("lock", "unlock", "reset-password", "change-password"),
      ...ACCOUNT,
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("revoke"), key: fc.nat(20) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("rotate-due"), days: fc.nat(30) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("re-key-all") }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("publish") }) },
) as fc.Arbitrary<Step>;

export function lifecycleContract(makePlace: MakePlace): void {
  test("a year of rotations takes a moment, and every key has its history", async () => {
    const stage = await stageAt(await makePlace());
    const { keyring } = stage;
    assert.ok((await keyring.addDomain("home.test", { releaseKeys: true })).ok);
    const made = await keyring.addAccount({ address: "a@home.test" });
    assert.ok(made.ok);
    const { id } = made.account;
    let published = 0;
    for (let week = 1; week <= 52; week++) {
      stage.wait(7 * 86_400);
      const rotated = await keyring.rotateDue(6 * 86_400, { domain: null });
      assert.deepEqual(rotated, { ok: true, replaced: 1 });
      published += await keyring.releaseKeys(async () => {});
      const [active, ...retired] = await stage.view.keys(addressOf("a@home.test"), stage.now);
      assert.equal(active?.state, "active");
      assert.equal(retired.filter(({ notAfter }) => notAfter > stage.now).length, Math.min(week, 2));
    }
    const history = await keyring.keyHistory(id);
    assert.equal(history.length, 53);
    assert.equal(new Set(history.map(({ kid }) => kid)).size, 53);
    assert.deepEqual(
      history.map(({ hasPrivateKey }) => hasPrivateKey),
      history.map((_, index) => index < 3 || index === 53),
      "the active key and those that still verify; later ones were published",
    );
    assert.equal(published, 50);
    assert.ok((await keyring.verifyAudit()).ok);
    await stage.close();
  });

  test("every sequence of operations leaves what the table of states says", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40, size: "max" }), (steps) => follow(makePlace, steps)),
      { numRuns: 12 },
    );
  });
}

async function follow(makePlace: MakePlace, steps: readonly Step[]): Promise<void> {
  const stage = await stageAt(await makePlace());
  try {
    const run = new Run(stage);
    await run.begin();
    for (const one of steps) {
      await run.take(one);
      await run.check();
    }
  } finally {
    await stage.close();
  }
}

/** Does the same to the keyring and to the model. */
class Run {
  readonly #stage: Stage;
  readonly #keyring: Keyring;
  readonly #model = new LifecycleModel();
  /** The password of each account, where it has one. */
  readonly #passwords = new Map<string, string>();
  /** Who logged in to each account, as long as the key lock is the one that was opened. */
  readonly #users = new Map<string, User>();
  /** By key id, as they were last seen. */
  readonly #keyStates = new Map<string, KeyState>();
  #acts = 0;
  #uses = 0;
  #made = 0;

  constructor(stage: Stage) {
    this.#stage = stage;
    this.#keyring = stage.keyring;
  }

  async begin(): Promise<void> {
    this.#done(await this.#keyring.addDomain("home.test"), "ok");
  }

  async take(one: Step): Promise<void> {
    const keyring = this.#keyring;
    const model = this.#model;
    const { now } = this.#stage;
    switch (one.kind) {
      case "wait":
        this.#stage.wait(one.seconds);
        return;
      case "release-keys-of-domain":
        this.#done(await keyring.changeDomain("home.test", { releaseKeys: one.on }), "ok");
        model.releases = one.on;
        return;
      case "create": {
        const password = `password ${++this.#made}`;
        const outcome = await keyring.addAccount({
          address: one.address,
          ...(one.locked ? { password, keyLock: true } : {}),
        });
        if (!this.#done(outcome, model.canCreate(one.address))) return;
        model.create(outcome.account.id, one.address, outcome.kid, one.locked, now);
        if (one.locked) this.#passwords.set(outcome.account.id, password);
        return;
      }
      case "reassign": {
        const outcome = await keyring.reassign({ address: one.address });
        if (!this.#done(outcome, model.owners.has(one.address) ? "ok" : "no-address")) return;
        model.takeFromOwner(one.address, now);
        model.create(outcome.account.id, one.address, outcome.kid, false, now);
        return;
      }
      case "remove-alias":
        if (this.#done(await keyring.removeAlias(one.address), model.canRemoveAlias(one.address))) {
          model.removeAlias(one.address);
        }
        return;
      case "revoke":
        await this.#revoke(one.key);
        return;
      case "rotate-due":
        await this.#rotateDue(one.days * 86_400);
        return;
      case "re-key-all":
        await this.#rekeyAll();
        return;
      case "publish":
        await this.#publish();
        return;
      default: {
        const account = model.accounts[one.account % Math.max(model.accounts.length, 1)];
        if (account !== undefined) await this.#takeFor(account, one);
      }
    }
  }

  async #takeFor(account: ModelAccount, one: Step & { readonly account: number }): Promise<void> {
    const keyring = this.#keyring;
    const model = this.#model;
    const { now } = this.#stage;
    const { id } = account;
    switch (one.kind) {
      case "add-alias": {
        const free = model.canCreate(one.address);
        const expected = account.state === "removed" ? "removed" : free;
        if (this.#done(await keyring.addAlias(id, one.address), expected))
          model.addAlias(account, one.address);
        return;
      }
      case "grant": {
        const outcome = await keyring.grant(id, { kind: "send-as", target: one.address });
        const expected =
          account.state === "removed"
            ? "removed"
            : !model.owners.has(one.address)
              ? "no-address"
              : account.sendAs.has(one.address)
                ? "exists"
                : "ok";
        if (this.#done(outcome, expected)) account.sendAs.add(one.address);
        return;
      }
      case "suspend": {
        const expected = model.allows(account, "active");
        if (this.#done(await keyring.suspend(id), expected)) {
          model.suspend(account);
          this.#users.delete(id); // no login outlasts it (PRV-35)
        }
        return;
      }
      case "resume": {
        const outcome = await keyring.resume(id);
        if (this.#done(outcome, model.allows(account, "suspended"))) model.resume(account, outcome.kid, now);
        return;
      }
      case "rotate": {
        const outcome = await keyring.rotate(id);
        if (this.#done(outcome, model.allows(account, "active"))) model.rotate(account, outcome.kid, now);
        return;
      }
      case "re-key": {
        const outcome = await keyring.rekey(id);
        if (this.#done(outcome, model.allows(account, "active"))) model.rekey(account, outcome.kid, now);
        return;
      }
      case "remove":
        if (this.#done(await keyring.removeAccount(id), model.allows(account, null))) {
          model.remove(account, now);
        }
        return;
      case "lock":
      case "unlock": {
        const password = `password ${++this.#made}`;
        const outcome = await keyring.setKeyLock(id, one.kind === "lock", password);
        if (!this.#done(outcome, model.allows(account, null))) return;
        model.rotate(account, outcome.kid, now);
        account.locked = one.kind === "lock";
        this.#passwordSet(id, password);
        return;
      }
      case "change-password":
      case "reset-password": {
        const password = `password ${++this.#made}`;
        const oldPassword = one.kind === "change-password" ? this.#passwords.get(id) : undefined;
        const outcome = await keyring.setPassword(
          id,
          password,
          oldPassword === undefined ? {} : { oldPassword },
        );
        if (!this.#done(outcome, model.allows(account, null))) return;
        assert.equal(outcome.rekeyed !== null, account.locked && oldPassword === undefined);
        if (outcome.rekeyed) model.rekey(account, outcome.rekeyed.kid, now);
        this.#passwordSet(id, password);
        return;
      }
      default:
        assert.fail(one.kind);
    }
  }

  async #revoke(index: number): Promise<void> {
    const { keys } = this.#model;
    const key = keys[index % Math.max(keys.length, 1)];
    if (key === undefined) return;
    const account = this.#model.accounts.find((one) => one.keys.includes(key)) as ModelAccount;
    const outcome = await this.#keyring.revokeKey(key.kid);
    const expected =
      key.state === "active"
        ? this.#model.allows(account, "active")
        : key.state === "revoked"
          ? "revoked"
          : "ok";
    if (!this.#done(outcome, expected)) return;
    if (outcome.kid === null) this.#model.revoke(key, this.#stage.now);
    else this.#model.rekey(account, outcome.kid, this.#stage.now);
  }

  async #rotateDue(age: number): Promise<void> {
    const { now } = this.#stage;
    const due = this.#model.accounts.filter(
      (account) => account.state === "active" && (account.keys.at(-1)?.madeAt ?? now) < now - age,
    );
    const outcome = await this.#keyring.rotateDue(age, { domain: null });
    assert.ok(outcome.ok);
    assert.equal(outcome.replaced, due.length);
    for (const account of due) this.#model.rotate(account, await this.#newestKid(account), now);
    this.#acts += due.length;
  }

  async #rekeyAll(): Promise<void> {
    const { now } = this.#stage;
    const active = this.#model.accounts.filter(({ state }) => state === "active");
    const outcome = await this.#keyring.rekeyAll({ domain: null });
    assert.ok(outcome.ok);
    assert.equal(outcome.replaced, active.length);
    this.#model.epoch = now;
    for (const account of active) this.#model.rekey(account, await this.#newestKid(account), now);
    this.#acts += active.length + 1;
  }

  async #publish(): Promise<void> {
    const releasable = this.#model.releasable(this.#stage.now);
    const published = new Set<string>();
    const count = await this.#keyring.releaseKeys(async (keys) => {
      for (const { kid } of keys) published.add(kid);
    });
    assert.equal(count, releasable.length);
    assert.deepEqual(published, new Set(releasable.map(({ kid }) => kid)));
    for (const key of releasable) {
      key.privateKeyStored = false;
      key.released = true;
    }
    this.#acts += count;
  }

  async #newestKid({ id }: ModelAccount): Promise<string> {
    const [newest] = await this.#keyring.keyHistory(id);
    return newest?.kid ?? "";
  }

  #passwordSet(accountId: string, password: string): void {
    this.#passwords.set(accountId, password);
    this.#users.delete(accountId);
  }

  #done<T extends object>(outcome: Outcome<T>, expected: Expected): outcome is { readonly ok: true } & T {
    assert.equal(outcome.ok ? "ok" : outcome.problem, expected);
    if (outcome.ok) this.#acts++;
    return outcome.ok;
  }

  async check(): Promise<void> {
    await Promise.all([
      ...this.#model.accounts.map((account) => this.#checkAccount(account)),
      ...NAMES.map((address) => this.#checkPublic(address)),
    ]);
    const [domain] = await this.#keyring.domains();
    assert.equal(domain?.epoch, this.#model.epoch);
    const verification = await this.#keyring.verifyAudit({ expect: await this.#keyring.auditHead() });
    assert.ok(verification.ok);
    assert.equal(verification.count, this.#acts + this.#uses, "each act and each use is logged once");
  }

  async #checkAccount(account: ModelAccount): Promise<void> {
    const { id, primary, state, keys } = account;
    const record = await this.#stage.store.account(id);
    assert.equal(record?.state, state);
    assert.equal(record.primaryAddress, primary);
    assert.equal(record.keyLock !== null, account.locked);
    const history = await this.#keyring.keyHistory(id);
    assert.deepEqual(
      history.map((key) => ({
        kid: key.kid,
        madeAt: key.notBefore,
        state: key.state,
        notAfter: key.notAfter,
        privateKeyStored: key.hasPrivateKey,
        released: key.releasedAt !== null,
      })),
      [...keys].reverse(),
    );
    const active = history.filter((key) => key.state === "active");
    assert.equal(active.length, state === "removed" ? 0 : 1);
    for (const { kid, state: keyState, reason } of history) {
      assert.equal(reason === null, keyState === "active");
      const before = this.#keyStates.get(kid) ?? keyState;
      assert.ok(
        before === keyState || KEY_TRANSITIONS[before].includes(keyState),
        `${before} to ${keyState}`,
      );
      this.#keyStates.set(kid, keyState);
    }
    if (state === "removed") return;
    const user = await this.#user(account);
    await Promise.all(NAMES.map((address) => this.#checkSigning(account, user, address)));
  }

  async #checkSigning(account: ModelAccount, user: User, written: string): Promise<void> {
    const identity = addressOf(written);
    const { userKeys } = this.#stage;
    const signer = this.#model.signer(account, written);
    const kid = signer?.keys.at(-1)?.kid;
    const answer = await userKeys.identify(user, identity);
    const signsAs = answer.kind === "granted" && answer.identity.localPart === identity.localPart;
    assert.equal(signsAs, signer !== null, `${account.primary} as ${written}: ${answer.kind}`);
    if (answer.kind === "granted" && signsAs)
      assert.deepEqual(
        answer.keys.map((key) => key.kid),
        [kid],
      );
    const input = Buffer.from("what is signed");
    const order = { identity, kid: kid ?? "", input, recipientCount: 1, messageIdHash: null, take: false };
    const signed = await userKeys.sign(user, order);
    this.#uses++;
    assert.equal(
      signed.kind === "signed",
      signer !== null,
      `${account.primary} as ${written}: ${signed.kind}`,
    );
    if (signed.kind !== "signed") return;
    const shown = (await this.#stage.view.keys(identity, this.#stage.now)).find((key) => key.kid === kid);
    assert.ok(shown?.state === "active");
    assert.ok(
      verify(null, input, importPublicKey(shown.spki, shown.algorithm) ?? assert.fail(), signed.signature),
    );
  }

  async #checkPublic(written: string): Promise<void> {
    const owner = this.#model.owners.get(written);
    const shown = await this.#stage.view.keys(addressOf(written), this.#stage.now);
    assert.deepEqual(
      shown.map(({ kid, state }) => [kid, state]),
      [...(owner?.keys ?? [])].reverse().map(({ kid, state }) => [kid, publicState(owner, state)]),
    );
    for (const { kid, notAfter } of shown) {
      const end = owner?.keys.find((key) => key.kid === kid)?.notAfter;
      assert.ok(end === null ? notAfter > this.#stage.now : notAfter === end);
    }
  }

  async #user(account: ModelAccount): Promise<User> {
    const { id, locked, state, primary } = account;
    const password = this.#passwords.get(id);
    if (!locked || state !== "active" || password === undefined) return this.#stage.userOf(id);
    const known = this.#users.get(id);
    if (known) return known;
    const user = await this.#stage.logIn(primary, password);
    this.#uses++;
    this.#users.set(id, user);
    return user;
  }
}

function publicState(owner: ModelAccount | undefined, state: KeyState): KeyState | "suspended" {
  return owner?.state === "suspended" && state !== "revoked" ? "suspended" : state;
}
