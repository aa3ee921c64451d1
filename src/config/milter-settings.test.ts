import assert from "node:assert/strict";
import { test } from "node:test";
import { accountOf, type Config, loadConfig, signsForUsers } from "./index.ts";

const least = `roles = ["milter"]
hostname = "mx1.dest.test"
`;

function accepted(text: string): Config {
  const result = loadConfig(least + text, "/etc/vsmtp/vsmtp.toml");
  assert.ok(result.ok, JSON.stringify(result));
  return result.config;
}

function refused(text: string): string[] {
  const result = loadConfig(least + text, "/etc/vsmtp/vsmtp.toml");
  assert.ok(!result.ok, "was accepted");
  return result.problems.map(({ line, message }) => `${line}: ${message}`);
}

test("every setting of a milter", () => {
  const config = accepted(`
[milter]
listen = ["127.0.0.1:8759", { address = "unix:milter.sock", mode = "0666" }]
jobs = ["sign"]
login_domain = "Dest.test"
logins = { alice = "a.liddell@DEST.test" }
unknown_users = "reject"
on_trouble = "accept"
local = "sign"
local_users = { root = "postmaster@dest.test" }
certificates = [{ subject = "printer", issuer = "Our CA", account = "printer@dest.test" }]
relays = [
  { networks = ["192.0.2.1", "2001:db8::/32"], account = "web@dest.test" },
  { networks = ["198.51.100.0/24"], account = "reverse-path" },
]
progress = "5s"
[[domains]]
name = "strict.dest.test"
stage = "require"
`);
  assert.deepEqual(config.milter, {
    listeners: [
      { kind: "tcp", host: "127.0.0.1", port: 8759 },
      { kind: "unix", path: "/etc/vsmtp/milter.sock", mode: 0o666 },
    ],
    jobs: new Set(["sign"]),
    logins: { domain: "dest.test", exceptions: new Map([["alice", "a.liddell@dest.test"]]) },
    unknownUsers: "reject",
    onTrouble: "accept",
    local: "sign",
    localUsers: new Map([["root", "postmaster@dest.test"]]),
    certificates: [{ subject: "printer", issuer: "Our CA", account: "printer@dest.test" }],
    relays: [
      { networks: ["192.0.2.1/32", "2001:db8::/32"], account: "web@dest.test" },
      { networks: ["198.51.100.0/24"], account: null },
    ],
    progressMs: 5000,
  });
  assert.equal(config.domains[0]?.policy.stage, "require", "a domain whose mail is elsewhere");
  assert.ok(signsForUsers(config));
  assert.ok(!signsForUsers(accepted('[milter]\njobs = ["verify"]')));
});

test("what a milter must not be told", () => {
  assert.match(
    refused('[milter]\nlisten = ["*:8759"]')[0] ?? "",
    /^4: milter.listen\[0\].* would let anybody sign/,
  );
  assert.match(refused('[milter]\nlisten = ["[::]:8759"]')[0] ?? "", /would let anybody sign/);
  assert.match(
    refused('[milter]\nlisten = [{ address = "127.0.0.1:1", mode = "0660" }]')[0] ?? "",
    /no Unix socket/,
  );
  assert.match(refused('[milter]\nlisten = [{ address = "unix:/a", mode = "rw" }]')[0] ?? "", /octal digits/);
  assert.match(refused('[milter]\nlisten = ["unix:/a", "unix:/a"]')[0] ?? "", /once more/);
  assert.match(
    refused('[milter]\nrelays = [{ networks = ["::1"], account = "me" }]')[0] ?? "",
    /or "reverse-path"/,
  );
});

test("an account by the name that somebody logs in with", () => {
  const names = { domain: "dest.test", exceptions: new Map([["al", "allice@dest.test"]]) };
  assert.deepEqual(
    ["al", "bob", "bob@other.test", ""].map((login) => accountOf(names, login)),
    ["allice@dest.test", "bob@dest.test", "bob@other.test", null],
  );
  assert.equal(accountOf({ ...names, domain: null }, "bob"), null);
  // However it is written, it is not whose address looks like it.
  for (const login of ["AL", "al@dest.test", "Al@DEST.test"])
    assert.equal(accountOf(names, login), "allice@dest.test");
  const byAddress = { domain: "dest.test", exceptions: new Map([["al@dest.test", "allice@dest.test"]]) };
  assert.equal(accountOf(byAddress, "AL"), "allice@dest.test");
  const both = new Map([
    ["al", "allice@dest.test"],
    ["AL", "boss@dest.test"],
    ["\u00fc", "u@dest.test"],
  ]);
  const accounts = ["al", "AL", "Al", "u\u0308"].map((login) =>
    accountOf({ ...names, exceptions: both }, login),
  );
  assert.deepEqual(accounts, ["allice@dest.test", "boss@dest.test", null, "u@dest.test"]);
  for (const login of [
    "(x)bob",
    '"bob"',
    "bob (x)",
    '"bob"@other.test',
    "bob@(x)other.test",
    "bob\n",
    "a@b@c",
  ]) {
    assert.equal(accountOf(names, login), null, login);
  }
});
