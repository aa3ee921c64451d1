import assert from "node:assert/strict";
import { createHmac, type KeyObject } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { makeScramVerifier, type SaslExchange, type SaslStep } from "../../sasl/index.ts";
import { openKeyringStore } from "../../store/index.ts";
import { AuditWriter } from "../audit/audit-writer.ts";
import { openWithLock, sealToLock } from "../key-lock.ts";
import { Keyring } from "../keyring.ts";
import { MasterKey } from "../master-key.ts";
import type { User } from "../user.ts";
import { Authenticator, type AuthenticatorOptions } from "./authenticator.ts";
import type { TokenVerdict, TokenVerifier } from "./token-verifier.ts";

const folder = mkdtempSync(join(tmpdir(), "vsmtp-authenticator-"));
const masterKey = MasterKey.generate();
const store = await openKeyringStore({
  location: join(folder, "keyring.sqlite"),
  auditKey: masterKey.derive("audit"),
});
const clock = { ms: Date.UTC(2026, 10, 25), now: () => clock.ms };
const keyring = await Keyring.open({ store, masterKey, clock, scram: true });
const withoutScram = await Keyring.open({ store, masterKey, clock });
const audit = new AuditWriter(store);
let allice = "";
let locked = "";

before(async () => {
  assert.ok((await keyring.addDomain("someisp.test")).ok);
  const made = await keyring.addAccount({
    address: "allice@someisp.test",
    aliases: ["al@someisp.test"],
    password: "secret",
  });
  const lockedUp = await keyring.addAccount({
    address: "locked@someisp.test",
    password: "secret",
    keyLock: true,
  });
  assert.ok(made.ok && lockedUp.ok);
  allice = made.account.id;
  locked = lockedUp.account.id;
  assert.ok((await withoutScram.addAccount({ address: "plain@someisp.test", password: "secret" })).ok);
  assert.ok((await keyring.addAccount({ address: "role@someisp.test" })).ok);
});
after(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

function authenticator(options: Partial<AuthenticatorOptions> = {}): Authenticator {
  return new Authenticator({ store, masterKey, clock, audit, scram: true, ...options });
}

const from = (client: string) => ({ actor: "submission", client, channelBinding: null });
const here = from("192.0.2.1");

function begin(of: Authenticator, mechanism: string, context = here): SaslExchange<User> {
  const exchange = of.logIn(mechanism, context);
  assert.ok(exchange, mechanism);
  return exchange;
}

interface PlainOptions {
  readonly client?: string;
  readonly authzid?: string;
}

function plain(of: Authenticator, name: string, password: string, options: PlainOptions = {}) {
  const message = Buffer.from(`${options.authzid ?? ""}\0${name}\0${password}`);
  return begin(of, "PLAIN", from(options.client ?? here.client)).respond(message);
}

/** The client's part of SCRAM-SHA-256 (RFC 5802 §3), without channel binding. */
async function scram(of: Authenticator, name: string, password: string): Promise<SaslStep<User>> {
  const exchange = begin(of, "SCRAM-SHA-256");
  const first = `n=${name},r=abc`;
  const challenge = await exchange.respond(Buffer.from(`n,,${first}`));
  if (challenge.kind !== "challenge") return challenge;
  const words = Buffer.from(challenge.octets).toString();
  const [, nonce, salt = "", count] = /^r=([^,]+),s=([^,]+),i=(\d+)$/.exec(words) ?? [];
  const made = await makeScramVerifier(password, Buffer.from(salt, "base64"), Number(count));
  const withoutProof = `c=biws,r=${nonce}`;
  const pad = createHmac("sha256", made.verifier.storedKey)
    .update(`${first},${words},${withoutProof}`)
    .digest();
  const proof = Buffer.from(made.clientKey.map((octet, at) => octet ^ (pad[at] ?? 0)));
  const step = await exchange.respond(Buffer.from(`${withoutProof},p=${proof.toString("base64")}`));
  return step.kind === "challenge" ? exchange.respond(new Uint8Array()) : step;
}

function userOf(step: SaslStep<User>): User {
  assert.equal(step.kind, "accepted");
  return (step as { user: User }).user;
}

async function lastEntry() {
  const [entry] = await store.audit({ action: "auth", newest: true, limit: 1 });
  assert.ok(entry);
  const { account, subject, client, outcome, detail, actor } = entry;
  return { account, subject, client, outcome, detail, actor };
}

async function opensTheLock(keyLock: KeyObject | null): Promise<boolean> {
  const publicKey = (await store.account(locked))?.keyLock;
  assert.ok(publicKey && keyLock);
  return openWithLock(keyLock, sealToLock(publicKey, Buffer.from("x"), "c"), "c")?.toString() === "x";
}

test("PRV-6, PRV-20 PLAIN and LOGIN by any address of the account, and what the log says", async () => {
  const one = authenticator();
  const user = userOf(await plain(one, "AL@someisp.test", "secret"));
  assert.deepEqual([user.account.id, user.credential?.id, user.addresses], [allice, "password", null]);
  assert.deepEqual([user.actor, user.client, user.keyLock], ["submission", "192.0.2.1", null]);
  assert.deepEqual(await lastEntry(), {
    account: allice,
    subject: "al@someisp.test",
    client: "192.0.2.1",
    outcome: "ok",
    detail: "PLAIN",
    actor: "submission",
  });
  const [password] = (await store.credentials("allice@someisp.test"))?.credentials ?? [];
  assert.equal(password?.lastUsedAt, clock.ms / 1000);
  const login = begin(one, "LOGIN");
  await login.respond(Buffer.from("allice@someisp.test"));
  assert.equal((await login.respond(Buffer.from("secret"))).kind, "accepted");

  assert.equal((await plain(one, "allice@someisp.test", "wrong")).kind, "rejected");
  assert.deepEqual((await lastEntry()).detail, "PLAIN, wrong password");
  assert.equal((await plain(one, "nobody@someisp.test", "secret")).kind, "rejected");
  assert.equal((await plain(one, "role@someisp.test", "secret")).kind, "rejected");
  assert.equal((await plain(one, "hunter2", "allice@someisp.test")).kind, "rejected");
  assert.deepEqual((await lastEntry()).subject, null, "PRV-21 the wrong field may hold a password");
  assert.equal(one.logIn("OAUTHBEARER", here), null);
  assert.equal(authenticator({ scram: false }).logIn("SCRAM-SHA-256", here), null);
});

test("PRV-6 app passwords: found by their id, with their own scope and end", async () => {
  const one = authenticator();
  const ends = clock.ms / 1000 + 3600;
  const options = { name: "phone", addresses: ["al@someisp.test"], notAfter: ends };
  const made = await keyring.addAppPassword(allice, options);
  assert.ok(made.ok);
  const user = userOf(await plain(one, "allice@someisp.test", made.secret));
  assert.deepEqual([user.credential?.id, user.addresses], [made.id, ["al@someisp.test"]]);
  assert.equal((await lastEntry()).detail, `PLAIN, app password ${made.id}`);
  const typed = made.secret.replaceAll("-", " ").toUpperCase();
  assert.equal((await plain(one, "allice@someisp.test", typed)).kind, "accepted");
  const wrong = `${made.id}${"a".repeat(20)}`;
  assert.equal((await plain(one, "allice@someisp.test", wrong)).kind, "rejected");
  assert.equal(
    (await plain(one, "plain@someisp.test", made.secret)).kind,
    "rejected",
    "of that account only",
  );
  clock.ms += 3600_000;
  assert.equal((await plain(one, "allice@someisp.test", made.secret)).kind, "rejected");
  assert.equal((await lastEntry()).detail, `PLAIN, app password ${made.id}, the app password has ended`);
});

test("PRV-7 SCRAM-SHA-256: by the password, and what nobody can tell apart", async () => {
  const one = authenticator();
  const user = userOf(await scram(one, "al@someisp.test", "secret"));
  assert.deepEqual([user.account.id, user.credential?.id], [allice, "password"]);
  assert.equal((await lastEntry()).detail, "SCRAM-SHA-256");
  assert.equal((await scram(one, "allice@someisp.test", "wrong")).kind, "rejected");
  assert.equal((await lastEntry()).detail, "SCRAM-SHA-256, wrong password");
  for (const name of ["nobody@someisp.test", "plain@someisp.test", "role@someisp.test", "no address"]) {
    assert.equal((await scram(one, name, "secret")).kind, "rejected", name);
  }
  const ask = async (of: Authenticator, name: string) => {
    const step = await begin(of, "SCRAM-SHA-256").respond(Buffer.from(`n,,n=${name},r=abc`));
    return /,(s=.*)$/.exec(Buffer.from((step as { octets: Uint8Array }).octets).toString())?.[1];
  };
  const unknown = await ask(one, "nobody@someisp.test");
  assert.match(unknown ?? "", /^s=[A-Za-z0-9+/]{22}==,i=65536$/);
  assert.equal(await ask(authenticator(), "Nobody@SomeISP.test"), unknown, "as stable as an account's");
  assert.notEqual(await ask(one, "nobody2@someisp.test"), unknown);
  const bound = one.logIn("SCRAM-SHA-256", { ...here, channelBinding: Buffer.alloc(32) });
  await bound?.respond(Buffer.from("y,,n=allice@someisp.test,r=abc"));
  assert.match((await lastEntry()).detail ?? "", /no channel binding: somebody is in between/);
});

test("LIF-10 who is suspended is told so, with the right password only", async () => {
  const one = authenticator();
  assert.ok((await keyring.suspend(allice)).ok);
  assert.equal((await plain(one, "allice@someisp.test", "wrong")).kind, "rejected");
  assert.equal((await plain(one, "allice@someisp.test", "secret")).kind, "suspended");
  assert.equal((await plain(one, "allice@someisp.test", "secret")).kind, "suspended", "remembered");
  assert.equal((await scram(one, "allice@someisp.test", "secret")).kind, "suspended");
  assert.equal((await lastEntry()).outcome, "suspended");
  assert.ok((await keyring.resume(allice)).ok);
  assert.equal((await plain(one, "allice@someisp.test", "secret")).kind, "accepted");
});

test("acting as somebody else is not offered; naming oneself by another address is fine", async () => {
  const one = authenticator();
  const as = async (authzid: string) => (await plain(one, "allice@someisp.test", "secret", { authzid })).kind;
  assert.equal(await as("al@someisp.test"), "accepted");
  assert.equal(await as("locked@someisp.test"), "rejected");
  assert.equal((await lastEntry()).detail, "PLAIN, wants to act as somebody else");
  assert.equal(await as("nobody@someisp.test"), "rejected");
  assert.equal(await as("no address"), "rejected");
});

test("each password opens the account's key lock, remembered or not, by PLAIN and by SCRAM", async () => {
  const one = authenticator();
  for (const time of ["checked", "remembered"]) {
    const user = userOf(await plain(one, "locked@someisp.test", "secret"));
    assert.ok(await opensTheLock(user.keyLock), time);
  }
  assert.ok(await opensTheLock(userOf(await scram(one, "locked@someisp.test", "secret")).keyLock));
  const made = await keyring.addAppPassword(locked, { name: "phone", password: "secret" });
  assert.ok(made.ok);
  assert.ok(await opensTheLock(userOf(await plain(one, "locked@someisp.test", made.secret)).keyLock));
  // A reset makes a new lock; the old password is forgotten at once, and its app passwords are gone.
  assert.ok((await keyring.setPassword(locked, "other")).ok);
  assert.equal((await plain(one, "locked@someisp.test", "secret")).kind, "rejected");
  assert.equal((await plain(one, "locked@someisp.test", made.secret)).kind, "rejected");
  assert.ok(await opensTheLock(userOf(await plain(one, "locked@someisp.test", "other")).keyLock));
});

test("OAUTHBEARER: whose address is in a valid token; not where a password has to open the keys", async () => {
  const verdicts: Record<string, TokenVerdict> = {
    allice: { kind: "valid", name: "Allice@SomeISP.test" },
    locked: { kind: "valid", name: "locked@someisp.test" },
    nobody: { kind: "valid", name: "nobody@someisp.test" },
    broken: { kind: "unavailable", detail: "refused" },
  };
  const verify = async (token: string) => verdicts[token] ?? { kind: "invalid", detail: "expired" };
  const one = authenticator({ tokens: { verify } as TokenVerifier });
  const bearer = async (token: string, authzid = "") => {
    const named = authzid === "" ? "" : `a=${authzid}`;
    const exchange = begin(one, "OAUTHBEARER");
    const step = await exchange.respond(Buffer.from(`n,${named},\x01auth=Bearer ${token}\x01\x01`));
    return step.kind === "challenge" ? exchange.respond(Buffer.from("\x01")) : step;
  };
  const user = userOf(await bearer("allice", "al@someisp.test"));
  assert.deepEqual([user.account.id, user.credential, user.addresses], [allice, null, null]);
  assert.equal((await lastEntry()).detail, "OAUTHBEARER");
  for (const [token, detail] of [
    ["locked", "the account's keys open with a password only, not with a token"],
    ["nobody", "the token is for nobody here"],
    ["old", "the token is not valid: expired"],
  ] as const) {
    assert.equal((await bearer(token)).kind, "rejected");
    assert.equal((await lastEntry()).detail, `OAUTHBEARER, ${detail}`);
  }
  assert.equal((await bearer("allice", "locked@someisp.test")).kind, "rejected");
  assert.equal((await bearer("broken")).kind, "busy");
  assert.equal((await lastEntry()).outcome, "unavailable");
});

test("guessing: ten wrong passwords, then that network waits for ten minutes, and nobody else", async () => {
  const one = authenticator();
  const attempt = async (password: string, client = "198.51.100.7") =>
    (await plain(one, "plain@someisp.test", password, { client })).kind;
  for (let time = 0; time < 12; time++) assert.equal(await attempt("old password"), "rejected");
  assert.match((await lastEntry()).detail ?? "", /the same wrong password again/);
  for (let guess = 1; guess < 10; guess++) assert.equal(await attempt(`guess ${guess}`), "rejected");
  assert.match(
    (await lastEntry()).detail ?? "",
    /wrong password; further attempts from its network must wait$/,
  );
  assert.equal(await attempt("guess 10"), "busy");
  assert.equal(await attempt("secret"), "busy", "unexamined");
  assert.equal(await attempt("secret", "198.51.100.200"), "busy", "the same /24");
  assert.equal(await attempt("secret", "203.0.113.1"), "accepted");
  assert.equal(
    (await plain(one, "allice@someisp.test", "secret", { client: "198.51.100.7" })).kind,
    "accepted",
  );
  clock.ms += 10 * 60_000 + 1;
  assert.equal(await attempt("secret"), "accepted");

  for (let guess = 0; guess < 10; guess++) {
    assert.equal((await scram(one, "nobody@someisp.test", "x")).kind, "rejected");
  }
  assert.equal(
    (await scram(one, "nobody@someisp.test", "x")).kind,
    "busy",
    "whether there is such a name or not",
  );
});

test("guessing many passwords at once gets no further than one after the other", async () => {
  const one = authenticator();
  const client = "198.51.100.99";
  const guesses = Array.from({ length: 20 }, (_, n) => (n === 15 ? "secret" : `guess ${n}`));
  const kinds = await Promise.all(
    guesses.map(async (guess) => (await plain(one, "plain@someisp.test", guess, { client })).kind),
  );
  assert.deepEqual(kinds.sort(), [...Array(10).fill("busy"), ...Array(10).fill("rejected")]);

  const proofs = Array.from({ length: 12 }, (_, n) => scram(one, "allice@someisp.test", `guess ${n}`));
  const answers = (await Promise.all(proofs)).map(({ kind }) => kind);
  assert.equal(answers.filter((kind) => kind === "rejected").length, 10);
  assert.equal(answers.filter((kind) => kind === "busy").length, 2);
});

test("at most so many hashes at once and waiting; further logins are busy", async () => {
  const one = authenticator({ passwords: { maxConcurrent: 1, maxWaiting: 1 } });
  const kinds = await Promise.all(
    [1, 2, 3].map(
      async (n) => (await plain(one, "allice@someisp.test", "secret", { client: `192.0.2.${n}` })).kind,
    ),
  );
  assert.deepEqual(kinds.sort(), ["accepted", "accepted", "busy"]);
  const other = authenticator({ passwords: { maxConcurrent: 1, maxWaiting: 4 } });
  const client = "198.51.100.7";
  const flood = Array.from({ length: 20 }, (_, n) =>
    plain(other, `nobody${n}@someisp.test`, "x", { client }),
  );
  assert.equal(
    (await plain(other, "allice@someisp.test", "secret")).kind,
    "accepted",
    "though one network floods",
  );
  await Promise.all(flood);
  assert.equal((await plain(one, "allice@someisp.test", "secret")).kind, "accepted");
});
