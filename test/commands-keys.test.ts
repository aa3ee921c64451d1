import assert from "node:assert/strict";
import { createHash, createPrivateKey, createPublicKey, type JsonWebKey, X509Certificate } from "node:crypto";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, test } from "node:test";
import { CommandLine } from "./support/command-line.ts";
import { vsmtp } from "./support/program.ts";

// vsmtp key, enroll, audit and master-key on a real store: what they print, their JSON, and what they refuse.

const cli = new CommandLine();
let kid = "";

before(async () => {
  await cli.does("domain add someisp.test --sign-statements --release-keys", /is hosted/);
  await cli.does("domain add other.test", /is hosted/);
  kid = String((await cli.object("account add allice@someisp.test --no-password")).kid);
  await cli.does("account add bob@other.test --no-password", /has been added/);
});
after(() => cli.remove());

/** States and reasons of an account's keys, newest first. */
async function history(address: string): Promise<unknown[][]> {
  return (await cli.objects(`key list ${address}`)).map(({ kid: id, state, reason }) => [id, state, reason]);
}

test("a public key is exported in every form, by address and by key id", async () => {
  const shown = await cli.object("key export allice@someisp.test");
  assert.deepEqual([shown.address, shown.kid, shown.state], ["allice@someisp.test", kid, "active"]);
  const spki = createPublicKey(String(shown.pem)).export({ format: "der", type: "spki" }).toString("base64");
  assert.equal(shown.spki, spki);
  const jwk = createPublicKey({ key: shown.jwk as JsonWebKey, format: "jwk" });
  assert.equal(jwk.export({ format: "der", type: "spki" }).toString("base64"), spki);
  await cli.does(`key export ${kid}`, /^-----BEGIN PUBLIC KEY-----\n\S+\n-----END PUBLIC KEY-----\n$/);
  await cli.does(
    `key export ${kid} --format statement`,
    new RegExp(`^v=1; i=allice@someisp\\.test; k=${kid}; .*; p=\\S+\n$`),
  );
  await cli.refuses(`key export ${kid} --format der`, /one of pem, spki, jwk, statement/);
  await cli.refuses("key export -AAAAAAAAAAAAAAAAAAAAA", /there is no such key/);
  await cli.refuses("key export abc", /is no key id/);
});

test("a statement that was exported verifies nothing else than it says", async () => {
  const statement = (await cli.run("key export allice@someisp.test --format statement")).stdout;
  const file = join(cli.folder, "statement");
  writeFileSync(file, statement);
  const unsigned = await vsmtp(
    ["verify", "--json", "--statements", file],
    "From: allice@someisp.test\r\n\r\n",
  );
  assert.equal(JSON.parse(unsigned.stdout).reason, "unsigned");
});

test("rotate retires, re-key and revoke revoke; each with its reason (LIF-8, LIF-9, LIF-16)", async () => {
  const rotated = String((await cli.object("key rotate allice@someisp.test")).kid);
  assert.deepEqual(await history("allice@someisp.test"), [
    [rotated, "active", null],
    [kid, "retired", "rotation"],
  ]);
  await cli.refuses(
    "key rekey allice@someisp.test",
    /without --yes\. With it: allice@someisp\.test gets a new key/,
  );
  const rekeyed = String((await cli.object("key rekey allice@someisp.test --yes")).kid);
  await cli.refuses(`key revoke ${rekeyed}`, /without --yes\. With it: The key \S{22} signs now/);
  const revoked = await cli.object(`key revoke ${rekeyed} --yes`);
  const [entry] = await cli.objects("audit list --action key.revoke");
  assert.deepEqual([entry?.kid, entry?.detail], [revoked.new_kid, `revoked: ${rekeyed}`]);
  assert.deepEqual([revoked.address, revoked.kid], ["allice@someisp.test", rekeyed]);
  assert.deepEqual(await history("allice@someisp.test"), [
    [revoked.new_kid, "active", null],
    [rekeyed, "revoked", "revocation"],
    [rotated, "revoked", "re-key"],
    [kid, "revoked", "re-key"],
  ]);
  const again = String((await cli.object("key rotate allice@someisp.test")).kid);
  const retired = await cli.object(`key revoke ${revoked.new_kid} --yes`);
  assert.equal(retired.new_kid, null);
  await cli.refuses(`key revoke ${revoked.new_kid} --yes`, /is revoked already/);
  await cli.does(
    "key list allice@someisp.test",
    new RegExp(`^KEY .*\n${again} +active .* stored\n.* revoked .* destroyed\n`),
  );
  await cli.refuses("key rotate", /addresses, or --older-than/);
  await cli.refuses("key rekey --yes", /addresses, or --all/);
});

test("keys that are due are rotated together; a whole domain is re-keyed with its epoch (LIF-15)", async () => {
  await cli.does("key rotate --older-than 365d", /^0 keys rotated\n$/);
  assert.deepEqual(await cli.object("key rotate --older-than 0s --domain other.test"), {
    address: null,
    kid: null,
    replaced: 1,
  });
  await cli.refuses("key rotate --older-than 1y", /such as|365d/);
  await cli.refuses("key rotate bob@other.test --older-than 1d", /not both/);
  await cli.refuses("key rekey --all --domain nowhere.test --yes", /is not hosted here/);
  await cli.refuses("key rekey --all", /without --yes\. With it: Every account of every domain/);
  const { dk } = await cli.object("domain show someisp.test");
  await cli.does(
    "key rekey --all --domain someisp.test --yes",
    /^1 account re-keyed\. .*\n {2}vsmtp domain show someisp\.test\nNothing of it waits in this host's queue\.\n$/,
  );
  const after = await cli.object("domain show someisp.test");
  assert.ok(Number(after.epoch) > 0 && after.dk !== dk);
  assert.equal((await cli.object("domain show other.test")).epoch, null);
  assert.equal((await history("allice@someisp.test"))[1]?.[2], "bulk re-key");
});

test("kept private keys are released to a file once they are past their end (LIF-18)", async () => {
  const out = join(cli.folder, "released.jsonl");
  await cli.does("key rotate allice@someisp.test", /another 14 days/);
  const [, old] = await history("allice@someisp.test");
  await cli.refuses(`key release --out ${out}`, /without --yes\. With it: Private keys past their end/);
  await cli.does(`key release --out ${out} --yes`, /^no kept private key is past its end\n$/);
  // Two weeks pass.
  const store = new DatabaseSync(join(cli.folder, "data/keyring.sqlite"));
  store.exec("UPDATE key_pair SET not_after = 1 WHERE state = 'retired'");
  store.close();
  assert.deepEqual(await cli.object(`key release --out ${out} --yes`), { released: 1, file: out });
  const released = JSON.parse(readFileSync(out, "utf8"));
  assert.deepEqual([released.address, released.kid], ["allice@someisp.test", old?.[0]]);
  const exported = await cli.object(`key export ${released.kid}`);
  const privateKey = createPrivateKey({
    key: Buffer.from(released.private_key, "base64"),
    format: "der",
    type: "pkcs8",
  });
  const spki = createPublicKey(privateKey).export({ format: "der", type: "spki" });
  assert.equal(spki.toString("base64"), exported.spki);
  await cli.does("key list allice@someisp.test", /retired .* released\n/);
  assert.equal((await cli.object(`key release --out ${out} --yes`)).released, 0);
});

test("on a host whose vault is elsewhere no empty key store is made", async () => {
  const elsewhere = new CommandLine('[submission]\nvault = { connect = "unix:/run/vsmtp/near.sock" }\n');
  try {
    await elsewhere.refuses("account list", /of a host without key store/);
    assert.equal(existsSync(join(elsewhere.folder, "data")), false);
  } finally {
    elsewhere.remove();
  }
});

test("submission servers are enrolled by certificate or Unix user, with a scope (PRV-2)", async () => {
  const out = join(cli.folder, "certificates");
  const made = await cli.object(`enroll add submit1 --domain someisp.test --out ${out}`);
  assert.deepEqual([made.scope, made.modes, made.assert], [["someisp.test"], ["sign"], false]);
  assert.equal(statSync(String(made.key_file)).mode & 0o777, 0o600);
  const certificate = new X509Certificate(readFileSync(String(made.certificate_file)));
  assert.equal(certificate.subject, "CN=submit1");
  assert.match(String(made.certificate), /^[0-9a-f]{64}$/);
  await cli.refuses(`enroll add submit1 --all --out ${out}`, /is enrolled already/);
  await cli.refuses(
    `enroll add two --all --certificate ${made.certificate_file}`,
    /submit1 is enrolled with this/,
  );
  await cli.refuses(`enroll add two --all --certificate ${made.key_file}`, /no certificate in PEM form/);
  await cli.refuses("enroll add two --unix-user nobody", /say whose accounts/);
  await cli.refuses(
    `enroll add two --domain elsewhere.test --out ${out}`,
    /elsewhere\.test is not hosted here/,
  );
  await cli.refuses(
    `enroll add two --account nobody@someisp.test --out ${out}`,
    /no account has this address/,
  );
  await cli.refuses(`enroll add two --all --unix-user nobody --out ${out}`, /in one way/);
  await cli.refuses("enroll add two --all --mode signs --unix-user nobody", /must be sign, getkey/);
  await cli.refuses("enroll add Two! --all --unix-user nobody", /is not a name/);
  await cli.does(
    "enroll add two --account Allice@someisp.test --unix-user nobody --mode sign,getkey --assert",
    /^two is enrolled: sign and getkey for allice@someisp\.test, with ASSERT\nsocket +none before the settings have/,
  );
  await cli.does(
    "enroll list",
    /^NAME .*\nsubmit1 +certificate \S{17} +someisp\.test +sign .*\ntwo +user nobody /,
  );
  await cli.does("enroll remove two", /no longer/);
  await cli.refuses("enroll remove two", /there is no such enrolment/);
  assert.deepEqual(
    (await cli.objects("enroll list")).map(({ name }) => name),
    ["submit1"],
  );
});

test("the audit log names who did what, and can be searched (PRV-20)", async () => {
  const all = await cli.objects("audit list --all");
  assert.deepEqual(
    all.map(({ sequence }) => sequence),
    all.map((_, index) => index + 1),
  );
  assert.deepEqual([all[0]?.action, all[0]?.subject, all[0]?.outcome], ["domain.add", "someisp.test", "ok"]);
  assert.ok(all.every(({ actor }) => String(actor).startsWith("cli:")));
  const keys = await cli.objects("audit list --action key --account allice@someisp.test --since 1h");
  assert.ok(keys.length >= 5 && keys.every(({ action }) => String(action).startsWith("key.")));
  assert.equal((await cli.objects("audit list --limit 2")).at(-1)?.sequence, all.length);
  await cli.does("audit list --until 2020-01-01", /^no such entries\n$/);
  await cli.does(
    "audit list --limit 1",
    /^NO +TIME +ACTOR +ACTION .*\n\d+ +20\S+ \S+ +cli:\S+ +enrolment\.remove +ok +two /,
  );
  await cli.refuses("audit list --since yesterday", /a date, a time \(UTC\) or an age/);
  await cli.refuses("audit list --account nobody@someisp.test", /no account has this/);
});

test("verify finds what was changed, and with a noted head what was cut off; status 1", async () => {
  const { whole, count, head } = await cli.object("audit verify");
  assert.ok(whole === true && Number(count) > 10);
  await cli.does(
    `audit verify --expect ${head}`,
    /^the log is whole: \d+ entries\nhead {2}\d+:[0-9a-f]{64}\n$/,
  );
  await cli.refuses("audit verify --expect 12", /no head of the log/);
  const cut = await cli.run(`audit verify --json --expect ${Number(count) + 1}:${"0".repeat(64)}`);
  assert.deepEqual([cut.status, JSON.parse(cut.stdout).broken_at], [1, Number(count) + 1]);
});

test("what is old goes to a file; the log still verifies, alone and with the file", async () => {
  const before = await cli.objects("audit list --all");
  const file = join(cli.folder, "audit.jsonl");
  await cli.refuses(
    `audit archive --before 0s --out ${file}`,
    /without --yes\. With it: All entries before 20/,
  );
  await cli.refuses("audit archive --out x", /--before/);
  await cli.does(
    `audit archive --before 2020-01-01 --out ${file} --yes`,
    /^no entries before 2020-01-01 00:00 UTC\n$/,
  );
  const archived = await cli.object(`audit archive --before 0s --out ${file} --yes`);
  const { sha256, ...rest } = archived;
  assert.deepEqual(rest, { file, first: 1, last: before.length, removed: before.length });
  const octets = readFileSync(file);
  assert.equal(createHash("sha256").update(octets).digest("hex"), sha256);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  const lines = octets.toString().trimEnd().split("\n").slice(1);
  assert.deepEqual(
    lines.map((line) => JSON.parse(line)),
    before,
  );
  const [told, ...more] = await cli.objects("audit list --all");
  assert.deepEqual(
    [told?.sequence, told?.action, told?.subject, more.length],
    [before.length + 1, "audit.archive", file, 0],
  );
  await cli.does(
    "audit verify",
    /^the log is whole: 1 entry, from number \d+; those before were archived\nhead /,
  );
  const both = await cli.object(`audit verify --archive ${file}`);
  assert.deepEqual([both.whole, both.first, both.count], [true, 1, before.length + 1]);
  await cli.refuses(`audit archive --before 0s --out ${file} --yes`, /never overwritten/);
  await cli.refuses(
    `audit archive --before 0s --out ${cli.folder}/nowhere/x --yes`,
    /cannot be written: ENOENT/,
  );
  await cli.refuses("audit verify --archive nothing.jsonl", /there is no such file/);
  writeFileSync(file, octets.toString().replace("bob@", "eve@"));
  const altered = await cli.run(`audit verify --archive ${file}`);
  assert.equal(altered.status, 1);
  assert.match(
    altered.stdout,
    /^the log is NOT whole: .*audit.jsonl: entry \d is not what was written there/,
  );
});

test("everything can be put under another master key; the log still verifies", async () => {
  const next = join(cli.folder, "next.key");
  await cli.does("master-key check", /is the one of this key store\n$/);
  await cli.refuses(`master-key rewrap --to ${next}`, /without --yes\. With it: Everything in the key store/);
  await cli.refuses(`master-key rewrap --to ${cli.folder}/data/master.key`, /holds the present master key/);
  const done = await cli.object(`master-key rewrap --to ${next} --yes`);
  assert.ok(done.file === next && Number(done.rewrapped) >= 3);
  await cli.refuses(
    "master-key check",
    /not the one of this key store.* after master-key rewrap name the new one/,
  );
  writeFileSync(cli.settings, `${readFileSync(cli.settings, "utf8")}[store]\nmaster_key = "${next}"\n`);
  assert.deepEqual(await cli.object("master-key check"), { source: "file", name: next });
  await cli.does("key rotate bob@other.test", /signs with a new key/);
  assert.equal((await cli.object("audit verify")).whole, true);
});

test("a store that is busy is a reason to try again: status 75; one that is broken, newer or another's is not", async () => {
  const file = join(cli.folder, "data/keyring.sqlite");
  const store = new DatabaseSync(file);
  store.exec("BEGIN IMMEDIATE");
  await cli.refuses("domain add busy.test", /database is locked; the last step was not done, try again/, 75);
  store.exec("ROLLBACK");
  store.close();
  const broken = new CommandLine();
  await broken.does("domain list", /no domain is hosted yet/);
  writeFileSync(join(broken.folder, "data/keyring.sqlite"), "this is no database, whatever it may be\n");
  await broken.refuses("domain list", /check \[store\]/);
  broken.remove();
  const newer = new CommandLine();
  await newer.does("domain list", /no domain is hosted yet/);
  const later = new DatabaseSync(join(newer.folder, "data/keyring.sqlite"));
  later.exec("INSERT INTO schema_version (version, applied_at) VALUES (99, '')");
  await newer.refuses("domain list", /was written by a newer vsmtp/);
  later.exec("PRAGMA application_id = 7");
  later.close();
  await newer.refuses("domain list", /is a database of another kind/);
  newer.remove();
});
