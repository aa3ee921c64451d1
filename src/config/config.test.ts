import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { outcomes } from "./actions.ts";
import { defaultPolicy } from "./index.ts";
import { accepted, least, nobody } from "./test-config.ts";

const exampleText = readFileSync(join(import.meta.dirname, "../../vsmtp.example.toml"), "utf8");

const plainHop = { protocol: "smtp", tls: "opportunistic", credentials: null };
const tcp = (host: string, port: number) => ({ kind: "tcp", host, port });

test("the least configuration gets every default", () => {
  const config = accepted(least);
  const tlsFiles = { certificate: "/etc/vsmtp/tls/chain.pem", key: "/etc/vsmtp/tls/key.pem" };
  assert.deepEqual(config, {
    roles: new Set(["submission", "mx", "key-server", "delivery"]),
    hostname: "mx1.xn--bcher-kva.example",
    dataDirectory: "/var/lib/vsmtp",
    logLevel: "info",
    store: {
      keyring: { kind: "file", path: "/var/lib/vsmtp/keyring.sqlite" },
      queue: { kind: "file", path: "/var/lib/vsmtp/queue.sqlite" },
      log: { kind: "file", path: "/var/lib/vsmtp/mail-log.sqlite" },
      spool: "/var/lib/vsmtp/spool",
      masterKey: { kind: "file", path: "/var/lib/vsmtp/master.key" },
    },
    accounts: {
      limits: {
        recipients: 2000,
        periodMs: 86_400_000,
        newAccountRecipients: 200,
        newAccountMs: 604_800_000,
      },
      scram: false,
      tokens: null,
    },
    submission: {
      listeners: [
        { address: null, port: 465, tls: "implicit", tlsFiles, trusted: nobody },
        { address: null, port: 587, tls: "starttls", tlsFiles, trusted: nobody },
      ],
      logins: { domain: null, exceptions: new Map() },
      staple: false,
      stoppedMail: "hold",
      eightBit: "convert",
      dkim: [],
      vault: null,
    },
    vault: { listeners: [{ address: "127.0.0.1", port: 8758, tlsFiles }], socketDirectory: null },
    mx: {
      listeners: [{ address: null, port: 25, tls: "starttls", tlsFiles, trusted: nobody }],
      otherHosts: [],
    },
    keyServer: {
      listeners: [{ address: null, port: 8757, tlsFiles }],
      exposure: "decoy",
      redirect: null,
      overflow: null,
      remembered: 100_000,
      processes: 1,
      limits: { connections: 2000, connectionsPerPrefix: 100, requestsPerMinute: 60_000, exempt: [] },
    },
    milter: {
      listeners: [{ kind: "unix", path: "/run/vsmtp/milter.sock", mode: 0o660 }],
      jobs: new Set(["sign", "verify"]),
      logins: { domain: null, exceptions: new Map() },
      unknownUsers: "accept",
      onTrouble: "defer",
      local: "unsigned",
      localUsers: new Map(),
      certificates: [],
      relays: [],
      progressMs: 10_000,
    },
    proxies: [],
    domains: [
      {
        name: "dest.test",
        target: {
          kind: "maildir",
          mailboxes: { listed: new Map(), root: "/var/lib/vsmtp/mail", catchAll: null },
        },
        forwards: new Map(),
        lists: new Map(),
        policy: { stage: null, actions: {}, senders: [] },
      },
    ],
    routes: [],
    policy: defaultPolicy,
    quarantine: { into: "store", keepMs: 30 * 86_400_000, most: 10 * 2 ** 30, digest: "never" },
    log: { enabled: true, keepMs: 30 * 86_400_000 },
    reports: {
      send: false,
      domain: "dest.test",
      receive: new Set(),
      folder: "/var/lib/vsmtp/reports",
      keepMs: 90 * 86_400_000,
    },
    keyLookup: {
      requiredTrust: "host",
      dane: true,
      mtaSts: true,
      strangers: "remember",
      refusingHosts: "defer",
      gateways: [],
    },
    neighbours: { enabled: true, deadlineMs: 10_000 },
    delivery: {
      giveUpAfterMs: 432_000_000,
      warnAfterMs: 14_400_000,
      retryFirstMs: 300_000,
      retryMostMs: 14_400_000,
      connectionsPerDestination: 10,
      messages: 100,
      dane: true,
      mtaSts: true,
    },
    network: { resolvers: [], connect: new Map(), caFile: null, allowPrivateAddresses: false, keyPort: 8757 },
    limits: {
      messageOctets: 52_428_800,
      recipients: 1000,
      connections: 1000,
      connectionsPerAddress: 50,
      idleTimeoutMs: 300_000,
    },
  });
});

test("every setting reaches the result", () => {
  const config = accepted(`
roles = ["submission"]
hostname = "a.test"
data_directory = "data"
log_level = "debug"
[store]
keyring = "k.db"
queue = "/queue/q.db"
log = "/log/l.db"
spool = "large"
master_key = "m"
[accounts]
recipients_per_period = 50
period = "1h"
new_account_recipients = 5
new_account_period = "2d"
scram = true
tokens = { jwks = "jwks.json", issuer = "https://login.test", audience = "mail", claim = "upn", scope = "send" }
[submission]
staple = true
stopped_mail = "remove"
eight_bit = "keep"
dkim = [
  { domain = "BÜCHER.example", selector = "S1.a", key = "dkim/rsa.pem" },
  { domain = "bücher.example", selector = "2026", key = "/dkim/ed25519.pem" },
]
listen = ["127.0.0.1:0", { address = "[::1]:2465", tls = "implicit", certificate = "/c", key = "/k" }]
[mx]
listen = [{ address = "127.0.0.1:2525", tls = "none" }]
other_hosts = ["MX2.Bücher.example"]
[key_server]
exposure = "kid"
redirect = "keys.example.org:443"
overflow = "other.example.org:8757"
overflow_above = 0.75
remembered = 5000
processes = 4
limits = { connections = 1, connections_per_prefix = 2, requests_per_minute = 60, exempt = ["192.0.2.0/24", "2001:db8::/32"] }
[tls]
certificate = "c"
key = "k"
[[domains]]
name = "one.test"
mailboxes = { Bob = "b", "José.x" = "/home/j/Maildir" }
catch_all = "rest"
stage = "require"
actions = { none = "tag", no-key = "discard" }
[[domains]]
name = "two.test"
next_hop = "[::1]:24"
[[domains]]
name = "three.test"
lmtp = "unix:/run/dovecot/lmtp"
[[domains]]
name = "four.test"
lmtp = "inner.test:24"
tls = "required"
user = "relay"
password = "inner.secret"
[routes]
"*" = "Smart.test:587"
".Sub.test" = "10.0.0.1:25"
"a.test" = { next_hop = "smart.test:587", user = "u", password = "credential:smart" }
"b.test" = { next_hop = "smart.test:465", tls = "implicit", user = "u", password = "env:SMART" }
"c.test" = { lmtp = "unix:/l", tls = "none" }
"d.test" = { next_hop = "10.0.0.1:465" }
[policy]
stage = "observe"
actions.revoked = "quarantine"
[neighbours]
enabled = false
deadline = "3s"
[log]
enabled = false
keep = "7d"
[delivery]
give_up_after = "36h"
warn_after = "never"
retry_first = "1m"
retry_most = "1h"
connections_per_destination = 3
messages = 7
dane = false
mta_sts = false
[key_lookup]
required_trust = "domain"
dane = false
mta_sts = false
strangers = "ask"
refusing_hosts = "fail"
gateways = ["10.0.0.0/8", "2001:db8::1"]
[network]
resolvers = ["::1", "[::1]:5353", "127.0.0.1:5300"]
ca_file = "ca.pem"
allow_private_addresses = true
key_port = 9757
[network.connect]
"MX.dest.test:25" = "127.0.0.1:2525"
[limits]
message_size = 1000000
recipients = 100
connections = 1
connections_per_address = 2
idle_timeout = "90s"
`);
  assert.equal(config.dataDirectory, "/etc/vsmtp/data");
  assert.deepEqual(config.store, {
    keyring: { kind: "file", path: "/etc/vsmtp/data/k.db" },
    queue: { kind: "file", path: "/queue/q.db" },
    log: { kind: "file", path: "/log/l.db" },
    spool: "/etc/vsmtp/data/large",
    masterKey: { kind: "file", path: "/etc/vsmtp/data/m" },
  });
  assert.deepEqual(config.neighbours, { enabled: false, deadlineMs: 3000 });
  assert.deepEqual(config.log, { enabled: false, keepMs: 7 * 86_400_000 });
  assert.deepEqual(config.accounts, {
    limits: { recipients: 50, periodMs: 3_600_000, newAccountRecipients: 5, newAccountMs: 172_800_000 },
    scram: true,
    tokens: {
      jwks: { kind: "file", path: "/etc/vsmtp/jwks.json" },
      issuer: "https://login.test",
      audience: "mail",
      claim: "upn",
      scope: "send",
    },
  });
  assert.deepEqual(config.submission.listeners[1], {
    address: "::1",
    port: 2465,
    tls: "implicit",
    trusted: nobody,
    tlsFiles: { certificate: "/c", key: "/k" },
  });
  assert.deepEqual(config.submission.listeners[0]?.address, "127.0.0.1");
  assert.equal(config.submission.staple, true);
  assert.deepEqual([config.submission.stoppedMail, config.submission.eightBit], ["remove", "keep"]);
  assert.deepEqual(config.submission.dkim, [
    { domain: "xn--bcher-kva.example", selector: "s1.a", keyFile: "/etc/vsmtp/dkim/rsa.pem" },
    { domain: "xn--bcher-kva.example", selector: "2026", keyFile: "/dkim/ed25519.pem" },
  ]);
  assert.deepEqual(config.mx, {
    listeners: [{ address: "127.0.0.1", port: 2525, tls: "plain", tlsFiles: null, trusted: nobody }],
    otherHosts: ["mx2.xn--bcher-kva.example"],
  });
  assert.deepEqual(config.keyServer, {
    listeners: config.keyServer.listeners,
    exposure: "kid",
    redirect: { host: "keys.example.org", port: 443 },
    overflow: { target: { host: "other.example.org", port: 8757 }, above: 0.75 },
    remembered: 5000,
    processes: 4,
    limits: {
      connections: 1,
      connectionsPerPrefix: 2,
      requestsPerMinute: 60,
      exempt: ["192.0.2.0/24", "2001:db8::/32"],
    },
  });
  assert.deepEqual(config.domains, [
    {
      name: "one.test",
      target: {
        kind: "maildir",
        mailboxes: {
          listed: new Map([
            ["bob", "/etc/vsmtp/data/b"],
            ["josé.x", "/home/j/Maildir"],
          ]),
          root: null,
          catchAll: "/etc/vsmtp/data/rest",
        },
      },
      forwards: new Map(),
      lists: new Map(),
      policy: { stage: "require", actions: { none: "tag", "no-key": "discard" }, senders: [] },
    },
    {
      name: "two.test",
      target: { kind: "next-hop", nextHop: { ...plainHop, place: tcp("::1", 24) } },
      forwards: new Map(),
      lists: new Map(),
      policy: { stage: null, actions: {}, senders: [] },
    },
    {
      name: "three.test",
      target: {
        kind: "next-hop",
        nextHop: {
          place: { kind: "unix", path: "/run/dovecot/lmtp" },
          protocol: "lmtp",
          tls: "none",
          credentials: null,
        },
      },
      forwards: new Map(),
      lists: new Map(),
      policy: { stage: null, actions: {}, senders: [] },
    },
    {
      name: "four.test",
      target: {
        kind: "next-hop",
        nextHop: {
          place: tcp("inner.test", 24),
          protocol: "lmtp",
          tls: "required",
          credentials: {
            user: "relay",
            passwordSource: { kind: "file", path: "/etc/vsmtp/inner.secret" },
          },
        },
      },
      forwards: new Map(),
      lists: new Map(),
      policy: { stage: null, actions: {}, senders: [] },
    },
  ]);
  const smart = (port: number) => ({ ...plainHop, place: tcp("smart.test", port) });
  assert.deepEqual(config.routes, [
    { pattern: "*", nextHop: smart(587) },
    { pattern: ".sub.test", nextHop: { ...plainHop, place: tcp("10.0.0.1", 25) } },
    {
      pattern: "a.test",
      nextHop: {
        ...smart(587),
        tls: "required",
        credentials: { user: "u", passwordSource: { kind: "credential", name: "smart" } },
      },
    },
    {
      pattern: "b.test",
      nextHop: {
        ...smart(465),
        tls: "implicit",
        credentials: { user: "u", passwordSource: { kind: "variable", name: "SMART" } },
      },
    },
    {
      pattern: "c.test",
      nextHop: {
        place: { kind: "unix", path: "/l" },
        protocol: "lmtp",
        tls: "none",
        credentials: null,
      },
    },
    { pattern: "d.test", nextHop: { ...plainHop, place: tcp("10.0.0.1", 465), tls: "implicit" } },
  ]);
  assert.deepEqual(config.policy, { ...defaultPolicy, stage: "observe", actions: { revoked: "quarantine" } });
  assert.deepEqual(config.delivery, {
    giveUpAfterMs: 36 * 3_600_000,
    warnAfterMs: null,
    retryFirstMs: 60_000,
    retryMostMs: 3_600_000,
    connectionsPerDestination: 3,
    messages: 7,
    dane: false,
    mtaSts: false,
  });
  assert.deepEqual(config.keyLookup, {
    requiredTrust: "domain",
    dane: false,
    mtaSts: false,
    strangers: "ask",
    refusingHosts: "fail",
    gateways: ["10.0.0.0/8", "2001:db8::1/128"],
  });
  assert.deepEqual(config.network, {
    resolvers: [
      { address: "::1", port: 53 },
      { address: "::1", port: 5353 },
      { address: "127.0.0.1", port: 5300 },
    ],
    connect: new Map([["mx.dest.test:25", { host: "127.0.0.1", port: 2525 }]]),
    caFile: "/etc/vsmtp/ca.pem",
    allowPrivateAddresses: true,
    keyPort: 9757,
  });
  assert.deepEqual(config.limits, {
    messageOctets: 1_000_000,
    recipients: 100,
    connections: 1,
    connectionsPerAddress: 2,
    idleTimeoutMs: 90_000,
  });
});

test("ACT-8: an action can be set for every result and every reason, in all and per domain", () => {
  const table = outcomes.map((outcome) => `${outcome} = "tag"`).join("\n");
  const config = accepted(`${least}[domains.actions]\n${table}\n[policy.actions]\n${table}`);
  const all = Object.fromEntries(outcomes.map((outcome) => [outcome, "tag"]));
  assert.deepEqual(config.policy.actions, all);
  assert.deepEqual(config.domains[0]?.policy.actions, all);
});

test("the example file is accepted, and so is each of its settings that are commented out", () => {
  accepted(exampleText);
  const config = accepted(exampleText.replace(/^#(?=(?:"[^"]+"|[a-z_.]+) = )/gm, ""));
  assert.equal(config.routes.length, 3);
  assert.deepEqual(config.policy.actions, { revoked: "quarantine" });
  assert.equal(config.accounts.tokens?.audience, "mail.example.org");
});

test("the defaults that the example file shows are the defaults", () => {
  const shown = (text: string) => {
    // Left out: what has no default, where the file shows an example.
    const { routes, domains, policy, network, keyServer, submission, vault, milter, proxies, ...rest } =
      accepted(text);
    return {
      ...rest,
      keyServer: { ...keyServer, redirect: null, overflow: null },
      submission: { ...submission, dkim: [], vault: null, logins: null },
      vault: { ...vault, socketDirectory: null },
      milter: { ...milter, logins: null, localUsers: null, certificates: null, relays: null },
    };
  };
  assert.deepEqual(shown(exampleText.replace(/^#(?=[a-z_]+ = )/gm, "")), shown(exampleText));
});
