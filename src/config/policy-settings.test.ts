import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type DomainPolicySettings,
  defaultPolicy,
  fitsDomain,
  loadConfig,
  type PolicySettings,
  readPolicy,
} from "./index.ts";

const least = `roles = ["mx", "delivery"]
hostname = "mx1.dest.test"
[mx]
listen = [{ address = "127.0.0.1:2525", tls = "none" }]
[[domains]]
name = "dest.test"
maildir_root = "mail"
`;

function accepted(text: string): { all: PolicySettings; domain: DomainPolicySettings } {
  const result = loadConfig(least + text, "/etc/vsmtp/vsmtp.toml");
  assert.ok(result.ok, JSON.stringify(result));
  const [domain] = result.config.domains;
  assert.ok(domain);
  return { all: result.config.policy, domain: domain.policy };
}

function refused(text: string): string[] {
  const result = loadConfig(least + text, "/etc/vsmtp/vsmtp.toml");
  assert.ok(!result.ok, "was accepted");
  return result.problems.map(({ line, message }) => `${line}: ${message}`);
}

test("every setting of what is done with mail", () => {
  const { all, domain } = accepted(`
stage = "require"
senders = [{ domain = "Partner.test", actions = { none = "deliver" } }]
[policy]
stage = "observe"
announce = false
deadline = "20s"
replays = "tag"
forged_bounces = "reject"
mismatch = "tag"
dmarc_overrides = true
trusted = [{ name = "lists", client = ["192.0.2.0/24", "2001:db8::1", "192.0.2.9"], arc = [".Lists.test"], dkim = ["bücher.test"], forwarder = ["Bob@Other.test"] }]
senders = [
  { domain = ".test", stage = "require" },
  { domain = ".a.test", actions = { unsigned = "tag" } },
  { domain = "a.test", stage = "observe" },
]
[policy.tag]
subject = "[?]"
fields = { X-Spam-Flag = "YES" }
`);
  assert.deepEqual(domain, {
    stage: "require",
    actions: {},
    senders: [{ pattern: "partner.test", stage: null, actions: { none: "deliver" } }],
  });
  assert.deepEqual(all, {
    stage: "observe",
    actions: {},
    senders: [
      { pattern: "a.test", stage: "observe", actions: {} },
      { pattern: ".a.test", stage: null, actions: { unsigned: "tag" } },
      { pattern: ".test", stage: "require", actions: {} },
    ],
    announce: false,
    deadlineMs: 20_000,
    replays: "tag",
    forgedBounces: "reject",
    mismatch: "tag",
    dmarcOverrides: true,
    trusted: [
      {
        name: "lists",
        clients: ["192.0.2.0/24", "2001:db8::1/128", "192.0.2.9/32"],
        arc: [".lists.test"],
        dkim: ["xn--bcher-kva.test"],
        forwarders: ["bob@other.test"],
      },
    ],
    tag: { subject: "[?]", fields: [{ name: "X-Spam-Flag", value: "YES" }] },
  });
  assert.deepEqual(accepted("").all, defaultPolicy);
});

test("what is wrong is told", () => {
  const cases: [text: string, problem: RegExp][] = [
    ['deadline = "6m"', /deadline must be at most 5m/],
    ['replays = "dropp"', /replays must be .*did you mean "drop"/],
    ['mismatch = "reject"', /mismatch must be "deliver", "tag" or "quarantine"/],
    [
      'senders = [{ domain = "a.test" }, { domain = "A.test" }]',
      /senders\[1\].domain: "a.test" is there already/,
    ],
    ['senders = [{ domain = "a..test" }]', /must be a domain name such as/],
    [
      'trusted = [{ name = "lists" }]',
      /trusted\[0\] says not whom to trust; set client, arc, dkim or forwarder/,
    ],
    ['trusted = [{ name = "a b", client = ["::1"] }]', /name must be letters, digits/],
    ['trusted = [{ name = "a", client = ["192.0.2.0/33"] }]', /must be a network or an address/],
    [
      'trusted = [{ name = "a", arc = ["x.test"] }, { name = "a", arc = ["y.test"] }]',
      /trusted\[1\].name is there already/,
    ],
    ['tag.subject = "two\\nlines"', /subject must be printable ASCII/],
    [
      'tag.fields = { Subject = "x" }',
      /policy.tag.fields.Subject must be a field name that begins with "X-"/,
    ],
    ['tag.fields = { X-VSMTP-Flag = "x" }', /must be a field name/],
    ['tag.fields = { X-Spam = "a\\r\\nFrom: b" }', /must be printable ASCII/],
  ];
  for (const [text, problem] of cases) {
    const [told] = refused(`[policy]\n${text}\n`);
    assert.match(told ?? "", problem, text);
    assert.match(told ?? "", /^9: /, text);
  }
});

test("a pattern with a dot before it is for all below the domain, and not for itself", () => {
  assert.ok(fitsDomain("a.test", "a.test"));
  assert.ok(!fitsDomain("a.test", "b.a.test"));
  assert.ok(fitsDomain(".a.test", "b.a.test"));
  assert.ok(!fitsDomain(".a.test", "a.test"));
  assert.ok(!fitsDomain(".a.test", "ba.test"));
});

test("what needs SPF, DKIM, DMARC or ARC is refused where these are not asked", () => {
  const off = "[neighbours]\nenabled = false\n[policy]\n";
  const [dmarc] = refused(`${off}dmarc_overrides = true\n`);
  assert.match(dmarc ?? "", /^11: policy\.dmarc_overrides needs neighbours\.enabled = true/);
  const [dkim] = refused(`${off}trusted = [{ name = "x", client = ["192.0.2.1"], dkim = ["a.test"] }]\n`);
  assert.match(dkim ?? "", /policy\.trusted\[0\]\.dkim needs/);
  accepted(`${off}trusted = [{ name = "x", client = ["192.0.2.1"] }]\n`);
  assert.match(refused('[neighbours]\ndeadline = "10m"\n')[0] ?? "", /at most 5m/);
});

test("a program with a settings file of its own takes the same table", () => {
  assert.deepEqual(readPolicy(undefined), { ok: true, policy: defaultPolicy });
  const read = readPolicy({ stage: "observe", actions: { revoked: "tag" }, tag: { subject: "[?]" } });
  assert.ok(read.ok);
  const { stage, actions, tag, replays } = read.policy;
  assert.deepEqual([stage, actions.revoked, tag.subject, replays], ["observe", "tag", "[?]", "drop"]);
  assert.deepEqual(readPolicy({ stage: "enforced", actions: { revokd: "tag" } }), {
    ok: false,
    problems: [
      'policy.stage must be "observe", "enforce" or "require", not "enforced"; did you mean "enforce"?',
      'there is no setting "revokd" in policy.actions; did you mean "revoked"?',
    ],
  });
  const forged = readPolicy({ tag: { fields: { Subject: "x" } } });
  assert.ok(!forged.ok);
  assert.match(
    forged.problems.join(),
    /^policy\.tag\.fields\.Subject must be a field name that begins with "X-"/,
  );
});
