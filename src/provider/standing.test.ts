import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Keyring } from "../keyring/index.ts";
import type { LeasedMessage } from "../queue/index.ts";
import type { KeyAnswer, KeyQuery } from "../signature/index.ts";
import { KeyringStanding } from "./keyring-standing.ts";
import { LookedUpStanding } from "./looked-up-standing.ts";
import { RoleReportSigner } from "./report-signer.ts";
import { openHere, order } from "./test-here.ts";

// Whose mail is not sent any more.

let here: Awaited<ReturnType<typeof openHere>>;

before(async () => {
  here = await openHere();
});

after(() => here.close());

function leased(kids: readonly string[], enqueuedAt: number, account: string | null = null): LeasedMessage {
  return { kids, enqueuedAt, account } as LeasedMessage;
}

test("a key store in reach tells at once how senders' keys stand", async () => {
  const { keyring, store } = here;
  const made = await keyring.addAccount({ address: "carol@here.test" });
  assert.ok(made.ok);
  const standing = new KeyringStanding(store);
  const { id } = made.account;
  const [first] = await keyring.keyHistory(id);
  const problem = () => standing.problem(leased([first?.kid ?? ""], Date.now()));
  assert.equal(await problem(), null);
  assert.ok((await keyring.rotate(id)).ok);
  assert.equal(await problem(), null, "retired keys verify on (LIF-8)");
  assert.ok((await keyring.suspend(id, null)).ok);
  assert.match((await problem()) ?? "", /is suspended/);
  assert.ok((await keyring.resume(id)).ok);
  assert.match((await problem()) ?? "", /is revoked/);
  assert.match((await standing.problem(leased(["AAAAAAAAAAAAAAAAAAAAAA"], 0))) ?? "", /is unknown/);
  assert.equal(await standing.problem(leased([], 0)), null);
});

test("an account that is stopped sends nothing under another's key either", async () => {
  const { store, masterKey } = here;
  let now = 1_800_000_000_000;
  const keyring = await Keyring.open({ store, masterKey, clock: { now: () => now } });
  const dave = await keyring.addAccount({ address: "dave@here.test" });
  const erin = await keyring.addAccount({ address: "erin@here.test" });
  assert.ok(dave.ok && erin.ok);
  const { id } = dave.account;
  // Who may send as erin has her key sign.
  const [key] = await keyring.keyHistory(erin.account.id);
  const standing = new KeyringStanding(store);
  const problem = (enqueuedAt: number) => standing.problem(leased([key?.kid ?? ""], enqueuedAt, id));
  const sentAt = now;
  assert.equal(await problem(sentAt), null);
  now += 60_000;
  assert.ok((await keyring.suspend(id, null)).ok);
  assert.equal(await problem(sentAt), "the account that sent it is suspended");
  now += 60_000;
  assert.ok((await keyring.resume(id)).ok);
  assert.equal(await problem(sentAt), "the account that sent it was suspended since");
  assert.equal(await problem(now), null);
  assert.ok((await keyring.removeAccount(id)).ok);
  assert.equal(await problem(now), "the account that sent it is removed");
  assert.equal(await standing.problem(leased([key?.kid ?? ""], now)), null, "reports have no account");
});

test("elsewhere key servers are asked, unless the message was signed just now", async () => {
  const signer = new RoleReportSigner({
    hostname: "mx.here.test",
    vault: here.vault,
    staple: false,
    dkim: new Map(),
  });
  const signed = await signer.sign(order());
  const [message] = signed.kind === "ready" ? signed.messages : [];
  assert.ok(message);
  const asked: KeyQuery[] = [];
  let answer: KeyAnswer = { kind: "temperror", detail: "nobody answers" };
  let now = 120_000;
  const standing = new LookedUpStanding(
    {
      lookUp: async (query) => {
        asked.push(query);
        return answer;
      },
    },
    () => now,
  );
  const header = async () => Buffer.from(message.prefix);
  const problem = () => standing.problem(leased(message.kids, 60_001), header);
  assert.deepEqual([await problem(), asked.length], [null, 0]);
  now++;
  assert.equal(await problem(), null, "receivers ask too");
  assert.deepEqual(
    [asked[0]?.identity, asked[0]?.kid, asked[0]?.now],
    [{ localPart: "mailer-daemon", domain: "here.test" }, message.kids[0], 120],
  );
  for (const reason of ["no-keyserver", "bad-key"] as const) {
    answer = { kind: "fail", reason, detail: "" };
    assert.equal(await problem(), null, reason);
  }
  for (const reason of ["revoked", "suspended", "no-key"] as const) {
    answer = { kind: "fail", reason, detail: "" };
    assert.match((await problem()) ?? "", /key/, reason);
  }
  assert.equal(
    await standing.problem(leased(["another"], 0), header),
    null,
    "signatures of others are others' affair",
  );
  const broken = () => Promise.reject(new Error("the file is gone"));
  assert.equal(await standing.problem(leased(message.kids, 0), broken), null);
});
