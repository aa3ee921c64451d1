import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { CommandLine } from "./support/command-line.ts";

// vsmtp domain and vsmtp account on a real store: what they print, their JSON, and what they refuse.

const cli = new CommandLine();
const KID = /^[A-Za-z0-9_-]{22}$/;
let made: Record<string, unknown> = {};

before(async () => {
  await cli.does(
    "domain add Someisp.TEST --sign-statements",
    /^someisp\.test is hosted[\s\S]*\n {2}_vsmtp\.someisp\.test\. 300 IN TXT "v=VSMTP1; p=none; dk=[\w+/]{59}="\n$/,
  );
  made = await cli.object("account add Allice@someisp.test --alias al@someisp.test");
});
after(() => cli.remove());

test("domains: add, list, show, set, epoch, statement key, remove", async () => {
  const first = await cli.object("domain show someisp.test");
  assert.deepEqual(Object.keys(first), [
    ...["domain", "dk", "epoch", "releases_keys", "created_at", "records", "accounts"],
  ]);
  assert.deepEqual(
    [first.domain, first.epoch, first.releases_keys, first.accounts],
    ["someisp.test", null, false, 1],
  );
  await cli.refuses("domain add someisp.test", /is there already/);
  await cli.refuses('domain add "no domain"', /is not a mail domain/);
  await cli.does("domain set someisp.test --release-keys", /are kept/);
  await cli.refuses("domain set someisp.test", /--release-keys or --no-release-keys/);
  await cli.refuses(
    "domain raise-epoch someisp.test",
    /nothing is done without --yes\. With it: Every key statement of someisp\.test/,
  );
  const raised = await cli.object("domain raise-epoch someisp.test --yes");
  assert.ok(Number(raised.epoch) > 0 && raised.releases_keys === true && raised.dk === first.dk);
  await cli.refuses("domain rekey-statements someisp.test", /without --yes/);
  const rekeyed = await cli.object("domain rekey-statements someisp.test --yes");
  assert.notEqual(rekeyed.dk, first.dk);
  assert.match(
    String(rekeyed.records),
    new RegExp(`dk=${String(rekeyed.dk).replace(/\W/g, "\\$&")}; ep=${raised.epoch}"`),
  );
  await cli.refuses("domain remove someisp.test --yes", /has accounts with addresses in it/);
  await cli.does("domain add other.test", /is hosted/);
  await cli.does("domain list", /^DOMAIN .*\nother\.test +unsigned .*\nsomeisp\.test +signed /);
  await cli.refuses("domain remove other.test", /without --yes/);
  await cli.does("domain remove other.test --yes", /no longer hosted/);
  await cli.refuses("domain show other.test", /is not hosted here/);
});

test("an account is made with its key; a password that was made is shown once (LIF-6)", async () => {
  assert.deepEqual(Object.keys(made), ["address", "id", "kid", "password"]);
  assert.equal(made.address, "allice@someisp.test");
  assert.match(String(made.kid), KID);
  assert.match(String(made.password), /^.{20}$/);
  await cli.refuses("account add al@someisp.test", /belongs to an account already/);
  await cli.refuses("account add x@elsewhere.test", /is not hosted here/);
  await cli.refuses("account add nobody", /"@" expected/);
  const role = await cli.object("account add info@someisp.test --no-password --limit 5");
  assert.equal(role.password, null);
  await cli.refuses("account add lock@someisp.test --no-password --key-lock", /give one/);
  await cli.refuses("account add x@someisp.test --password-file /does/not/exist", /there is no such file/);
  await cli.refuses("account add x@someisp.test --password-file -", /is empty/);
});

test("show tells everything of an account, by any of its addresses, and no secret", async () => {
  const shown = await cli.object("account show AL@someisp.test");
  assert.deepEqual(shown.addresses, ["allice@someisp.test", "al@someisp.test"]);
  assert.deepEqual([shown.state, shown.key_lock, shown.recipient_limit], ["active", false, null]);
  assert.deepEqual(
    (shown.keys as { kid: string }[]).map(({ kid }) => kid),
    [made.kid],
  );
  assert.deepEqual(Object.keys(shown.recipients as object), ["used", "limit", "period_s"]);
  assert.ok(!JSON.stringify(shown).includes("argon2"));
  await cli.does(
    "account show al@someisp.test",
    /^allice@someisp\.test\n {2}id +[0-9a-f]{24}\n {2}state +active since/,
  );
  await cli.refuses("account show nobody@someisp.test", /no account has this address/);
});

test("list goes by address, with state, page and limit", async () => {
  const all = await cli.objects("account list someisp.test");
  assert.deepEqual(
    all.map(({ address, kids }) => [address, kids]),
    [
      ["allice@someisp.test", null],
      ["info@someisp.test", null],
    ],
  );
  assert.deepEqual(
    (await cli.objects("account list --keys --limit 1")).map(({ address, kids }) => [address, kids]),
    [["allice@someisp.test", [made.kid]]],
  );
  const next = await cli.objects("account list --after allice@someisp.test");
  assert.deepEqual(
    next.map(({ address, recipient_limit }) => [address, recipient_limit]),
    [["info@someisp.test", 5]],
  );
  await cli.does("account list --state suspended", /^no accounts\n$/);
  assert.deepEqual(await cli.objects("account list --state suspended"), []);
  await cli.refuses("account list --state gone", /one of active, suspended, removed/);
});

test("aliases and grants", async () => {
  await cli.does(
    "account alias add al@someisp.test a.l@someisp.test",
    /is an address of allice@someisp\.test now/,
  );
  await cli.refuses("account alias add info@someisp.test a.l@someisp.test", /belongs to an account already/);
  await cli.refuses(
    "account alias remove a.l@someisp.test",
    /without --yes\. With it: allice@someisp\.test loses the address/,
  );
  await cli.does("account alias remove a.l@someisp.test --yes", /is no address of/);
  await cli.refuses("account alias remove allice@someisp.test --yes", /primary address/);
  await cli.does(
    "account grant add al@someisp.test info@SomeISP.test --send-as",
    /may sign as info@someisp\.test now/,
  );
  await cli.does("account grant add al@someisp.test @someisp.test --on-behalf", /may write on behalf of/);
  await cli.refuses(
    "account grant add al@someisp.test info@someisp.test",
    /one of --send-as and --on-behalf/,
  );
  assert.deepEqual(await cli.objects("account grant list al@someisp.test"), [
    { address: "allice@someisp.test", kind: "send-as", target: "info@someisp.test" },
    { address: "allice@someisp.test", kind: "on-behalf", target: "@someisp.test" },
  ]);
  await cli.does("account grant remove al@someisp.test info@someisp.test --send-as", /no longer/);
  await cli.refuses("account grant remove al@someisp.test info@someisp.test --send-as", /./);
});

test("limits of recipients (LIF-14)", async () => {
  assert.deepEqual(await cli.object("account limit al@someisp.test 7"), {
    address: "allice@someisp.test",
    recipient_limit: 7,
  });
  await cli.does("account show allice@someisp.test", /recipients +0 of 7 in the last 24 h \(its own limit\)/);
  await cli.does("account limit al@someisp.test default", /as many recipients as the settings say/);
  await cli.refuses("account limit al@someisp.test many", /a number of recipients/);
});

test("suspend tells what happens to mail and that the user is to be told (LIF-10, LIF-12); resume re-keys (LIF-13)", async () => {
  const both = await cli.run('account suspend al@someisp.test nobody@someisp.test --reason "spam run"');
  assert.equal(both.status, 2);
  assert.match(
    both.stdout,
    /^allice@someisp\.test is suspended[\s\S]*waits in this host's queue[\s\S]*Tell the user by another way/,
  );
  assert.match(both.stderr, /^vsmtp: nobody@someisp\.test: no account has this address or id\n$/);
  await cli.refuses("account suspend allice@someisp.test", /^vsmtp: allice@someisp\.test is suspended/);
  await cli.does("account list --state suspended", /^ADDRESS .*\nallice@someisp\.test +suspended /);
  const [entry] = await cli.objects("audit list --action account.suspend");
  assert.deepEqual(
    [entry?.subject, entry?.detail, entry?.outcome],
    ["allice@someisp.test", "spam run", "ok"],
  );
  const resumed = await cli.object("account resume allice@someisp.test");
  assert.match(String(resumed.kid), KID);
  assert.notEqual(resumed.kid, made.kid);
  await cli.refuses("account resume allice@someisp.test", /is not suspended/);
});

test("passwd takes a password from a file or makes one; without a terminal it must be told", async () => {
  await cli.refuses("account passwd al@someisp.test", /no terminal to ask/);
  assert.deepEqual(await cli.object("account passwd al@someisp.test --password-file -", "secret\n"), {
    address: "allice@someisp.test",
    password: null,
    kid: null,
  });
  assert.match(String((await cli.object("account passwd al@someisp.test --generate")).password), /^.{20}$/);
  await cli.refuses(
    "account passwd al@someisp.test --no-password",
    /without --yes\. With it: Nobody can log in/,
  );
  await cli.does("account passwd al@someisp.test --no-password --yes", /nobody can log in/);
  assert.equal((await cli.object("account show al@someisp.test")).password, null);
});

test("app passwords are listed by last use and can be ended one by one (PRV-6)", async () => {
  await cli.does(
    "account app-password add al@someisp.test --name phone",
    /password +(?:[a-z2-7]{4}-){6}[a-z2-7]{4} /,
  );
  const {
    id,
    from,
    not_after: ends,
  } = await cli.object(
    "account app-password add al@someisp.test --name shop --from AL@someisp.test --ends 2d",
  );
  assert.deepEqual(from, ["al@someisp.test"]);
  assert.ok(Math.abs(Number(ends) - Date.now() / 1000 - 2 * 86_400) < 60);
  await cli.refuses(
    "account app-password add al@someisp.test --name x --from bob@dest.test",
    /may not write From/,
  );
  const listed = await cli.objects("account app-password list al@someisp.test");
  assert.deepEqual(new Set(listed.map(({ name }) => name)), new Set(["phone", "shop"]));
  assert.deepEqual(
    listed.map(({ last_used_at: used }) => used),
    [null, null],
  );
  await cli.does(`account app-password remove al@someisp.test ${id}`, /has ended/);
  await cli.refuses(`account app-password remove al@someisp.test ${id}`, /no such app password/);
});

test("a key lock needs the password for everything that opens it", async () => {
  const [right, wrong, next] = ["right", "wrong", "next"].map((word) => {
    const file = join(cli.folder, word);
    writeFileSync(file, `${word}\n`);
    return file;
  });
  const lock = `account lock al@someisp.test --password-file ${right}`;
  await cli.refuses(lock, /without --yes\. With it: allice@someisp\.test gets a new key/);
  const locked = await cli.object(`${lock} --yes`);
  assert.deepEqual([locked.address, locked.key_lock], ["allice@someisp.test", true]);
  await cli.refuses(`${lock} --yes`, /has a key lock already/);
  await cli.refuses("account app-password add al@someisp.test --name phone", /its password is needed/);
  await cli.does(
    `account app-password add al@someisp.test --name phone --password-file ${right}`,
    /password +/,
  );
  const passwd = `account passwd al@someisp.test --password-file ${next}`;
  await cli.refuses(`${passwd} --old-password-file ${wrong}`, /not the account's password/);
  await cli.does(`${passwd} --old-password-file ${right}`, /has a new password\n$/);
  assert.equal((await cli.objects("account app-password list al@someisp.test")).length, 1);
  await cli.refuses(passwd, /without --yes\. With it: Without its present password/);
  assert.match(String((await cli.object(`${passwd} --yes`)).kid), KID);
  assert.equal((await cli.objects("account app-password list al@someisp.test")).length, 0);
  await cli.does(`account unlock al@someisp.test --password-file ${next} --yes`, /has no key lock/);
  assert.equal((await cli.object("account show al@someisp.test")).key_lock, false);
});

test("reassign gives an address to a new account with a new key (LIF-19); remove leaves the history (LIF-16)", async () => {
  const before = await cli.object("account show info@someisp.test");
  await cli.refuses("account reassign info@someisp.test", /account that has it now is removed/);
  await cli.refuses("account reassign al@someisp.test", /The account allice@someisp\.test loses this alias/);
  const reassigned = await cli.object("account reassign info@someisp.test --yes --password-file -", "pass\n");
  assert.notEqual(reassigned.id, before.id);
  assert.notEqual(reassigned.kid, (before.keys as { kid: string }[])[0]?.kid);
  await cli.refuses("account remove info@someisp.test", /cannot be undone/);
  await cli.does("account remove info@someisp.test --yes", /has been removed/);
  await cli.refuses("account show info@someisp.test", /no account has this address/);
  await cli.does(`account show ${before.id}`, /^info@someisp\.test\n[\s\S]* state +removed since/);
  await cli.does(`key list ${before.id}`, /revoked .* removal .* destroyed/);
  const removed = await cli.objects("account list --state removed");
  assert.deepEqual(new Set(removed.map(({ id }) => id)), new Set([before.id, reassigned.id]));
});

test("load makes what it can and says what it cannot", async () => {
  const file = join(cli.folder, "accounts");
  const lines = [
    "# staff",
    "one@someisp.test,uno@someisp.test",
    '{"address":"two@someisp.test"}',
    "",
    "{no json}",
  ];
  writeFileSync(
    file,
    [...lines, "one@someisp.test", "three@elsewhere.test", "four@someisp.test"].join("\r\n"),
  );
  const first = await cli.run(`account load ${file}`);
  assert.deepEqual([first.status, first.stdout], [2, "3 accounts added, 3 lines refused\n"]);
  assert.match(first.stderr, /line 5: it begins with \{/);
  assert.match(first.stderr, /one@someisp\.test has an address that belongs/);
  const again = await cli.run(
    "account load - --skip-existing --json",
    "one@someisp.test\nfive@someisp.test\n",
  );
  assert.deepEqual([again.status, JSON.parse(again.stdout)], [0, { added: 1, existing: 1, refused: 0 }]);
  assert.deepEqual((await cli.object("account show one@someisp.test")).addresses, [
    "one@someisp.test",
    "uno@someisp.test",
  ]);
});
