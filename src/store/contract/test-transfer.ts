import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { AUDIT_CHAIN_START, auditChain, type KeyringStore } from "../../keyring/index.ts";
import { exportKeyring, importKeyring } from "../index.ts";
import {
  AUDIT_KEY,
  appPassword,
  domainRecord,
  done,
  entry,
  type MakePlace,
  NOW,
  newAccount,
  newKey,
  type Place,
  passwordRecord,
  replacement,
  withAccount,
} from "./test-place.ts";

const CHECK = "check value";

async function exported({ location }: Pick<Place, "location">): Promise<string[]> {
  let text = "";
  const write = (lines: string): void => {
    text += lines;
  };
  await exportKeyring({ location, write, onProgress: () => {} });
  return text.trimEnd().split("\n");
}

function imported({ location }: Pick<Place, "location">, lines: readonly string[], masterKeyCheck = CHECK) {
  const onProgress = (): void => {};
  return importKeyring({
    location,
    auditKey: AUDIT_KEY,
    masterKeyCheck,
    lines,
    entry: entry("store.import"),
    onProgress,
  });
}

const octets = fc.uint8Array({ maxLength: 40 });
const text = fc.string({ unit: "grapheme", maxLength: 20 }).map((value) => value.replaceAll("\0", ""));
const second = fc.nat({ max: 2 ** 40 });

/** What happens to one account, whatever came before: many of these are refused. */
const step = fc.oneof(
  fc.record({ kind: fc.constant("suspend" as const) }),
  fc.record({ kind: fc.constant("remove" as const) }),
  fc.record({ kind: fc.constant("re-key" as const), sealed: octets }),
  fc.record({ kind: fc.constant("rotate" as const), keep: fc.boolean() }),
  fc.record({ kind: fc.constant("release" as const) }),
  fc.record({ kind: fc.constant("alias" as const), name: text }),
  fc.record({ kind: fc.constant("grant" as const), to: fc.nat({ max: 3 }), whole: fc.boolean() }),
  fc.record({ kind: fc.constant("limit" as const), limit: fc.option(fc.nat()) }),
  fc.record({ kind: fc.constant("use" as const), recipients: fc.nat({ max: 9 }), detail: fc.option(text) }),
  fc.record({ kind: fc.constant("password" as const), scram: fc.option(octets), lock: fc.option(octets) }),
  fc.record({
    kind: fc.constant("app password" as const),
    name: text,
    addresses: fc.option(fc.array(text, { maxLength: 3 })),
    notAfter: fc.option(second),
  }),
);
const story = fc.array(fc.tuple(fc.nat({ max: 3 }), step), { maxLength: 40 });

async function fill(
  store: KeyringStore,
  steps: typeof story extends fc.Arbitrary<infer T> ? T : never,
): Promise<void> {
  await store.bindMasterKey(CHECK);
  const statementKey = { spki: new Uint8Array([0, 255]), sealed: new Uint8Array([7]) };
  await done(
    store.addDomain(domainRecord("other.test", { statementKey, epoch: 5, releasesKeys: true }), entry()),
  );
  const accounts = [];
  for (let i = 0; i < 4; i++) accounts.push(await withAccount(store, `é${i}@someisp.test`));
  const proof = { kind: "certificate", spkiSha256: "ab" } as const;
  const enrolment = {
    name: "ss",
    proof,
    scope: ["*"],
    modes: ["sign"] as const,
    mayAssert: true,
    createdAt: NOW,
  };
  await done(store.addEnrolment(enrolment, entry()));
  for (const [index, [who, what]] of steps.entries()) {
    const { id, primaryAddress } = accounts[who] ?? assert.fail();
    const other = accounts["to" in what ? what.to : 0]?.primaryAddress ?? assert.fail();
    const at = NOW + index;
    if (what.kind === "suspend") await store.suspend(id, at, entry());
    else if (what.kind === "remove") await store.removeAccount(id, at, entry());
    else if (what.kind === "re-key") {
      await store.replaceKeys(replacement(id, { at, newKey: newKey({ sealed: what.sealed }) }), entry());
    } else if (what.kind === "rotate") {
      const oldKeys = { become: "retired", notAfter: at, keepPrivateKey: what.keep } as const;
      await store.replaceKeys(replacement(id, { at, oldKeys, reason: "rotation" }), entry());
    } else if (what.kind === "release") {
      const [key] = await store.releasableKeys(at + 5, 1);
      if (key) await store.markReleased(key.kid, at + 5, entry());
    } else if (what.kind === "alias") await store.addAddress(id, `${what.name}${index}@other.test`, entry());
    else if (what.kind === "grant") {
      const target = what.whole ? { domain: "other.test" } : { address: other };
      await store.addGrant(id, { kind: "on-behalf", target }, entry());
    } else if (what.kind === "limit") await store.setRecipientLimit(id, what.limit, entry());
    else if (what.kind === "use") {
      const take = { accountId: id, recipients: what.recipients, limit: 50, periodMs: 1000 };
      const touch = { accountId: id, credentialId: "password" };
      const used = entry("sign", {
        account: id,
        detail: what.detail,
        recipients: what.recipients,
        at: at * 1000,
      });
      await store.use([{ entry: used, take, touch }]);
    } else if (what.kind === "password") {
      const password = passwordRecord({
        scram: what.scram,
        lockByPassword: what.lock,
        lockByScram: what.lock,
      });
      await store.changePassword({ accountId: id, password, keyLock: null, relock: null, at }, entry());
    } else {
      const { name, addresses, notAfter } = what;
      const credential = appPassword(`id${index}`, { name, addresses, notAfter, createdAt: at });
      await store.addCredential(id, credential, null, entry("credential.add", { subject: primaryAddress }));
    }
  }
}

export function transferContract(direction: string, makeSource: MakePlace, makeTarget: MakePlace): void {
  test(`${direction}: whatever a keyring holds is the same after export and import`, async () => {
    const roundTrip = async (steps: Parameters<typeof fill>[1]): Promise<void> => {
      const [source, target] = [await makeSource(), await makeTarget()];
      const store = await source.open();
      await fill(store, steps);
      const decoySecret = new Uint8Array([3, 0, 255]);
      const rewrapped = entry("master-key.rewrap");
      await store.rewrap(
        () => null,
        { check: CHECK, decoySecret },
        rewrapped,
        () => {},
      );
      const lines = await exported(source);
      await imported(target, lines);
      const copy = await target.open();
      const log = await copy.audit({ limit: 1_000_000 });
      assert.equal(log.at(-1)?.action, "store.import");
      let chain = AUDIT_CHAIN_START;
      for (const record of log) {
        chain = auditChain(AUDIT_KEY, chain, record);
        assert.deepEqual(new Uint8Array(record.chain), new Uint8Array(chain));
      }
      assert.deepEqual((await exported(target)).slice(1, -1), lines.slice(1));
      assert.deepEqual(await copy.domains(), await store.domains());
      for (const state of ["active", "suspended", "removed"] as const) {
        const page = { domain: null, after: null, limit: 100, state };
        assert.deepEqual(await copy.accounts(page), await store.accounts(page));
        for (const { id, primaryAddress } of await store.accounts(page)) {
          assert.deepEqual(await copy.keyHistory(id), await store.keyHistory(id));
          assert.deepEqual(await copy.publicRecord(primaryAddress), await store.publicRecord(primaryAddress));
          assert.deepEqual(await copy.credentials(primaryAddress), await store.credentials(primaryAddress));
        }
      }
      assert.equal(await copy.bindMasterKey(CHECK), CHECK);
      assert.deepEqual(new Uint8Array((await copy.decoySecret()) ?? []), decoySecret);
      await withAccount(copy, "new@someisp.test");
    };
    await fc.assert(fc.asyncProperty(story, roundTrip), { numRuns: 8 });
  });

  test(`${direction}: more than a page, exported as it was at one moment`, async () => {
    const [source, target] = [await makeSource(), await makeTarget()];
    const store = await source.open();
    await store.bindMasterKey(CHECK);
    await done(store.addDomain(domainRecord("someisp.test"), entry()));
    const many = Array.from({ length: 1500 }, (_, i) => newAccount(`u${i}@someisp.test`));
    await done(store.addAccounts(many.map((account) => [account, entry()])));
    const lines: string[] = [];
    const steps: number[] = [];
    let meanwhile: Promise<void> | undefined;
    await exportKeyring({
      location: source.location,
      write: (text) => {
        meanwhile ??= done(store.addAccount(newAccount("late@someisp.test"), entry()));
        lines.push(...text.trimEnd().split("\n"));
      },
      onProgress: (count, of) => steps.push(count / of),
    });
    await meanwhile;
    assert.equal((await store.owner("late@someisp.test"))?.state, "active");
    assert.ok(!lines.some((line) => line.includes("late@")));
    assert.deepEqual(steps.at(-1), 1);
    const { counts } = await imported(target, lines);
    assert.deepEqual([counts.account, counts.key_pair, counts.audit], [1500, 1500, 1501]);
    assert.equal(await (await target.open()).countAccounts("someisp.test"), 1500);
  });

  test(`${direction}: what cannot be imported is refused, and half an import is used by nobody`, async () => {
    const source = await makeSource();
    const store = await source.open();
    await fill(store, []);
    const lines = await exported(source);
    const refuses = async (given: readonly string[], problem: RegExp, check = CHECK): Promise<Place> => {
      const target = await makeTarget();
      await assert.rejects(imported(target, given, check), { name: "ImportError", message: problem });
      return target;
    };
    await refuses([], /empty/);
    await refuses(["{}", ...lines], /not an export/);
    await refuses([(lines[0] ?? "").replace('"vsmtp-keyring":1', '"vsmtp-keyring":2')], /version 2/);
    await refuses([(lines[0] ?? "").replace('"counts"', '"count"')], /first line is damaged/);
    await refuses(lines, /another master key/, "another check value");
    await refuses([...lines.slice(0, 2), "{", ...lines.slice(2)], /line 3 /);
    await refuses(
      lines.map((line) => line.replace('"created_at":', '"x":0,"created_at":')),
      /no column "x"/,
    );
    await refuses(
      lines.map((line) => line.replace(/"created_at":\d+/, '"created_at":"1"')),
      /line 2 .*no integer/,
    );
    await refuses(
      lines.filter((line) => !line.startsWith('{"domain"')),
      /do not fit the rest/,
    );
    const cut = await refuses(lines.slice(0, -1), /not whole.*"audit"/);
    const half = await cut.open();
    assert.notEqual(await half.bindMasterKey(CHECK), CHECK, "no keyring opens it");
    await assert.rejects(imported(cut, lines), /broken off/);
    const filled = await makeTarget();
    await done((await filled.open()).addDomain(domainRecord("someisp.test"), entry()));
    await assert.rejects(imported(filled, lines), /not empty/);
  });
}
