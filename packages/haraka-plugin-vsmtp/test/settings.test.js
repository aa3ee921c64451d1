"use strict";

const assert = require("node:assert/strict");
const path = require("node:path");
const { test } = require("node:test");
const { missing: skip } = require("./packages");

/** What vsmtp.ini says, read as Haraka reads it. */
function read(text, timeout = 30) {
  const settings = require("../lib/settings");
  const { parseIni } = require(path.join(path.dirname(require.resolve("haraka-config")), "lib/readers/ini"));
  return settings.read(parseIni("vsmtp.ini", { booleans: settings.booleans }, text), timeout);
}

const signing = "[sign]\nenabled=true\nvault=unix:/run/vsmtp/haraka.sock\n";

test("the file that comes with the plugin verifies, and does not sign", { skip }, () => {
  const { readFileSync } = require("node:fs");
  const text = readFileSync(path.join(__dirname, "../config/vsmtp.ini"), "utf8");
  const { settings, problems } = read(text);
  assert.deepEqual(problems, []);
  assert.deepEqual([settings.sign.enabled, settings.verify.enabled], [false, true]);
  assert.deepEqual([settings.policy.stage, settings.policy.deadlineMs], ["enforce", 25_000]);
  // Each setting that is commented out is one that exists, with the value that is its default or makes sense.
  const uncommented = text.replaceAll(/^;(?=\S)/gm, "").replace("enabled=false", "enabled=true");
  assert.deepEqual(read(uncommented).problems, []);
});

test("each setting", { skip }, () => {
  const { settings, problems } = read(`${signing}mode=getkey
login_domain=example.org
unknown_users=reject
copies=one
eight_bit=keep
staple=false
[logins]
al=allice@someisp.test
[relays]
192.0.2.10=shop@example.org
2001:db8::/32=printers@example.org
[verify]
other_hosts[]=mx2.example.org
on_trouble=accept
neighbours=yes
[policy]
stage=require
deadline=10s
[actions]
revoked=quarantine
[tag]
subject=[?]
[tag_fields]
X-Spam-Flag=YES
X-Score=10
[trusted.lists]
client=192.0.2.0/24, 198.51.100.7
forwarder[]=list@example.net
[network]
resolver[]=127.0.0.1:5353
key_port=18757
`);
  assert.deepEqual(problems, []);
  const { login_domain, unknown_users, copies, mode, vault, eight_bit, staple } = settings.sign;
  assert.deepEqual([login_domain, unknown_users, copies, mode], ["example.org", "reject", "one", "getkey"]);
  assert.deepEqual([vault.path, eight_bit, staple], ["/run/vsmtp/haraka.sock", "keep", false]);
  assert.deepEqual(settings.verify.other_hosts, ["mx2.example.org"]);
  const { stage, actions, tag, trusted, replays } = settings.policy;
  assert.deepEqual(
    [stage, actions.revoked, tag.subject, replays],
    ["require", "quarantine", "[?]", "accept"],
  );
  assert.deepEqual(tag.fields[1], { name: "X-Score", value: "10" });
  assert.deepEqual(trusted[0].clients, ["192.0.2.0/24", "198.51.100.7/32"]);
  assert.deepEqual(settings.network.resolvers, [{ address: "127.0.0.1", port: 5353 }]);
});

test("each mistake is told", { skip }, () => {
  const told = (text, ...wanted) => {
    const { problems } = read(text);
    assert.equal(problems.length, wanted.length, problems.join("\n"));
    for (const [index, pattern] of wanted.entries()) assert.match(problems[index], pattern);
  };
  told("[sign]\nenabled=true\n", /^sign\.vault is missing/);
  told(
    "[sign]\nenabled=true\nvault=somewhere\ncertificate=a\nkey=b\n",
    /^sign\.vault must be unix:PATH or HOST:PORT/,
  );
  told("[sign]\nenabled=true\nvault=a.test:8758\n", /^sign\.certificate and sign\.key are missing/);
  told(`${signing}server_spki=12\n`);
  told(
    "[sign]\nenabled=true\nvault=a.test:1\ncertificate=a\nkey=b\nserver_spki=12\n",
    /^sign\.server_spki must be 64/,
  );
  told(`${signing}login_domain=not a domain\n`, /^sign\.login_domain is no domain/);
  told(`${signing}[logins]\nal=nobody\n`, /^logins: al is no address: nobody/);
  told("[verify]\non_trouble=panic\n", /^verify\.on_trouble must be defer or accept/);
  told("[policy]\ndeadline=40s\n", /^policy\.deadline is not below the 30 s/);
  told("[actions]\nrevokd=tag\n", /"revokd" in policy\.actions; did you mean "revoked"/);
  told("x=1\n", /^there is no setting "x" in \[main\]/);
});

test("whose mail it is: by login, exception, address and network", { skip }, () => {
  const { account_of } = require("../lib/settings");
  const { settings } = read(
    `${signing}login_domain=someisp.test\n[logins]\nal=allice@someisp.test\n[relays]\n192.0.2.0/24=shop@someisp.test\n`,
  );
  const of = (user, client = "198.51.100.1") => {
    const found = account_of(settings, user, client);
    return found && `${found.address.localPart}@${found.address.domain}`;
  };
  assert.equal(of("bob"), "bob@someisp.test");
  for (const al of ["al", "AL", "al@someIsp.test"]) assert.equal(of(al), "allice@someisp.test");
  assert.equal(of("(x)bob"), null);
  assert.equal(of("eve@other.test"), "eve@other.test");
  assert.equal(of("not an address @"), null);
  assert.equal(of(undefined, "192.0.2.9"), "shop@someisp.test");
  assert.equal(of(undefined), null);
  const { settings: without } = read(signing);
  assert.equal(account_of(without, "bob", "192.0.2.9"), null);
});
