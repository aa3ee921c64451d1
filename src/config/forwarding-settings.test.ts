import assert from "node:assert/strict";
import { test } from "node:test";
import { findExpansion, type HostedDomain, loadConfig } from "./index.ts";

const least = `roles = ["mx", "delivery"]
hostname = "mx1.dest.test"
[mx]
listen = [{ address = "127.0.0.1:2525", tls = "none" }]
[[domains]]
name = "dest.test"
`;

function domainOf(text: string): HostedDomain {
  const result = loadConfig(least + text, "/etc/vsmtp/vsmtp.toml");
  assert.ok(result.ok, JSON.stringify(result));
  return result.config.domains[0] as HostedDomain;
}

function refused(text: string): string[] {
  const result = loadConfig(least + text, "/etc/vsmtp/vsmtp.toml");
  assert.ok(!result.ok, "was accepted");
  return result.problems.map(({ line, message }) => `${line}: ${message}`);
}

test("forwards and lists, short and long, in a domain with nothing else", () => {
  const { forwards, lists, target } = domainOf(`
[domains.forwards]
Bob = "bob@Elsewhere.TEST"
sales = ["alice@dest.test", "carol@bücher.test", "alice@dest.test"]
kept = { to = ["x@y.test"], keep = true }
[domains.lists.Team]
members = ["Alice@dest.test"]
[domains.lists.news]
members_file = "lists/news"
posts = "anyone"
from = "sender"
subject_prefix = "[news]"
owner = "alice@dest.test"
`);
  assert.deepEqual(Object.fromEntries(forwards), {
    bob: { to: ["bob@elsewhere.test"], keep: false },
    sales: { to: ["alice@dest.test", "carol@xn--bcher-kva.test"], keep: false },
    kept: { to: ["x@y.test"], keep: true },
  });
  assert.deepEqual(Object.fromEntries(lists), {
    team: {
      members: { kind: "listed", addresses: ["Alice@dest.test"] },
      posts: "members",
      from: "auto",
      subjectPrefix: null,
      owner: null,
    },
    news: {
      members: { kind: "file", path: "/etc/vsmtp/lists/news" },
      posts: "anyone",
      from: "sender",
      subjectPrefix: "[news]",
      owner: "alice@dest.test",
    },
  });
  assert.equal(target.kind, "maildir");
});

test("an address that stands for others is found by name; a list's owner and its bounces, too", () => {
  const domain = domainOf(`
forwards = { bob = "bob@elsewhere.test" }
lists = { team = { members = [] } }
maildir_root = "mail"
`);
  const kind = (localPart: string) => findExpansion(domain, localPart)?.kind ?? null;
  assert.deepEqual(["bob", "team", "team-bounces", "team-owner", "alice", "bob-owner", "-owner"].map(kind), [
    "forward",
    "list",
    "list-owner",
    "list-owner",
    null,
    null,
    null,
  ]);
});

test("mistakes in forwards and lists are told with their lines", () => {
  assert.deepEqual(
    refused('forwards = { "a@b" = ["x@y.test"], bob = ["bob@dest.test"], BOB = "x@y.test" }'),
    [
      '7: domains[0].forwards."a@b" must be the part before the "@" only',
      "7: domains[0].forwards.bob names itself; to keep its mail in the mailbox as well, set keep = true",
      "7: domains[0].forwards.BOB is there already in other letters",
    ],
  );
  assert.match(refused('forwards = { bob = ["bob"] }')[0] ?? "", /must be an address such as/);
  assert.deepEqual(
    refused(`forwards = { "team-owner" = "x@y.test" }
[domains.lists."the team"]
members = []
[domains.lists.team]
`),
    [
      '8: domains[0].lists."the team" must be a name of letters, digits, ".", "-" and "_"',
      "10: domains[0].lists.team: team-owner is a forward or another list already",
      "10: domains[0].lists.team needs either members or members_file",
    ],
  );
});
