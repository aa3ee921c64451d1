import assert from "node:assert/strict";
import { test } from "node:test";
import { loadConfig } from "../config/index.ts";
import { postmasterOf, readersOf } from "./mailboxes.ts";

function config(domains: string) {
  const result = loadConfig(
    `roles = ["mx", "delivery"]
hostname = "mx.dest.test"
[mx]
listen = [{ address = "127.0.0.1:2525", tls = "none" }]
${domains}`,
    "/etc/vsmtp/vsmtp.toml",
  );
  assert.ok(result.ok, JSON.stringify(result));
  return result.config;
}

test("the postmaster is the host's own, else that of the first domain that has one (RFC 5321 §4.5.1)", () => {
  const without = '[[domains]]\nname = "a.test"\nmaildir_root = "mail/a"\n';
  const having = '[[domains]]\nname = "b.test"\nmaildir_root = "mail/b"\nmailboxes = { postmaster = "x" }\n';
  const own = '[[domains]]\nname = "mx.dest.test"\nmaildir_root = "mail/c"\n';
  assert.equal(postmasterOf(config(without + having)), "postmaster@b.test");
  assert.equal(postmasterOf(config(having + own)), "postmaster@mx.dest.test");
  assert.equal(postmasterOf(config(without)), "postmaster@mx.dest.test");
});

test("somebody reads what comes to mailboxes and forwards, not what comes to lists, or to nobody in particular", () => {
  const isRead = readersOf(
    config(`[[domains]]
name = "a.test"
mailboxes = { bob = "bob" }
catch_all = "all"
forwards = { carol = "carol@elsewhere.test" }
lists.team = { members = ["bob@a.test"] }
[[domains]]
name = "b.test"
next_hop = "127.0.0.1:25"
`),
  );
  assert.deepEqual(
    ["bob", "carol", "team", "team-owner", "anybody"].map((localPart) => isRead(localPart, "a.test")),
    [true, true, false, false, false],
  );
  assert.deepEqual([isRead("anybody", "b.test"), isRead("bob", "c.test")], [true, false]);
});
