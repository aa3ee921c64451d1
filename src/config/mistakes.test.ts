import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { parse, stringify } from "smol-toml";
import { loadConfig } from "./index.ts";
import { nearestName } from "./nearest-name.ts";
import { findLines, type SettingPath } from "./toml-lines.ts";

const exampleText = readFileSync(join(import.meta.dirname, "../../vsmtp.example.toml"), "utf8");

const least = `roles = ["submission", "mx", "key-server", "delivery"]
hostname = "MX1.Bücher.example"
[tls]
certificate = "tls/chain.pem"
key = "tls/key.pem"
[[domains]]
name = "dest.test"
maildir_root = "mail"
`;

/** Each problem as "line: message". */
function refused(text: string): string[] {
  const result = loadConfig(text, "/etc/vsmtp/vsmtp.toml");
  assert.ok(!result.ok, "was accepted");
  return result.problems.map(({ line, message }) => `${line}: ${message}`);
}

test("each mistake is told with its line, what is wrong and the fix", () => {
  const cases: [text: string, ...problems: (string | RegExp)[]][] = [
    // TOML itself
    ["roles = [", /^1: this is not TOML: /],
    ["a = 1\nb = 'x\n", /^2: this is not TOML: /],
    ["\n\nroles = 1\nroles = 2", /^4: this is not TOML: trying to redefine/],
    // names
    [
      `${least}rolls = 1`,
      '9: there is no setting "rolls" in domains[0]; there are name, maildir_root, mailboxes, catch_all, forwards, lists, next_hop, lmtp, tls, user, password, stage, actions, senders',
    ],
    [
      `log-level = "info"\n${least}`,
      '1: there is no setting "log-level" at the top of the file; did you mean "log_level"?',
    ],
    [
      `stage = "observe"\n${least}`,
      '1: there is no setting "stage" at the top of the file; it belongs in [[domains]] or [policy]',
    ],
    [`${least}[mxx]\nlisten = []`, '9: there is no setting "mxx" at the top of the file; did you mean "mx"?'],
    [
      `${least}[limits]\nzzz = 1\n\nrecipents = 200`,
      /^10: there is no setting "zzz" in limits; there are message_size, /,
      '12: there is no setting "recipents" in limits; did you mean "recipients"?',
    ],
    [
      `${least}\n[[domains]]\nname = "b.test"\n\ncatchall = "x"\nnext_hop = "a.test:25"`,
      '13: there is no setting "catchall" in domains[1]; did you mean "catch_all"?',
    ],
    [
      `${least}[policy.actions]\nrevokd = "tag"`,
      '10: there is no setting "revokd" in policy.actions; did you mean "revoked"?',
    ],
    [
      `${least}actions = {\n  none = "tag",\n  nokey = "tag" }`,
      '11: there is no setting "nokey" in domains[0].actions; did you mean "no-key"?',
    ],
    // tokens
    [
      `${least}[accounts]\ntokens = { jwks = "http://login.test/keys", issuer = "i", audience = "a" }`,
      '10: accounts.tokens.jwks must be a file name or an https URL, not "http://login.test/keys"',
    ],
    [
      `${least}[accounts.tokens]\njwks = "keys.json"\nissuer = "i"`,
      "9: accounts.tokens.audience is missing; it must be a text in quotes",
    ],
    // vault
    [
      `${least.replace('"delivery"', '"vault"')}[vault]\nlisten = []`,
      "10: vault.listen is empty and there is no vault.socket_directory: nobody could reach it",
    ],
    [
      `${least}[submission]\nvault = { connect = "vault.test:8758" }`,
      "10: submission.vault needs certificate and key: the vault tells submission servers by them",
    ],
    [
      `${least}[submission]\nvault = { connect = "unix:/run/x.sock", key = "k" }`,
      "10: submission.vault.key has no meaning for a Unix socket; remove it",
    ],
    [
      `${least}[submission]\nvault = { connect = "vault.test", server_spki = "00" }`,
      '10: submission.vault.connect must be HOST:PORT such as "vault.example.org:8758" or "unix:/run/vsmtp/submission.sock", not "vault.test"',
      '10: submission.vault.server_spki must be a SHA-256 in 64 hexadecimal digits, not "00"',
    ],
    // DKIM
    [
      `${least}[submission]\neight_bit = "7bit"\ndkim = [{ domain = "a.test", selector = "a_b", key = "k" }]`,
      '10: submission.eight_bit must be "convert" or "keep", not "7bit"',
      '11: submission.dkim[0].selector must be a DKIM selector: letters, digits and "-", such as "2026-01", not "a_b"',
    ],
    [
      `${least}[[submission.dkim]]\ndomain = "a.test"\nselector = "s"`,
      "9: submission.dkim[0].key is missing; it must be a text in quotes",
    ],
    [
      `${least}[submission]\ndkim = [\n{ domain = "a.test", selector = "s", key = "k" },\n{ domain = "A.test", selector = "S", key = "l" }]`,
      "12: s._domainkey.a.test has a key already",
    ],
    // missing
    [
      `${least}[[domains]]\nnext_hop = "a.test:25"`,
      "9: domains[1].name is missing; it must be a text in quotes",
    ],
    [
      "",
      "1: roles is missing; it must be a list in [brackets]",
      "1: hostname is missing; it must be a text in quotes",
    ],
    [
      `${least}[mx]\nlisten = [\n  "*:25",\n  { tls = "none" }]`,
      "12: mx.listen[1].address is missing; it must be a text in quotes",
    ],
    // types and values
    [
      least.replace('"delivery"', "7"),
      '1: roles[3] must be "submission", "mx", "key-server", "vault", "delivery", "milter" or "proxy", not 7',
    ],
    [
      least.replace("delivery", "deliver"),
      '1: roles[3] must be "submission", "mx", "key-server", "vault", "delivery", "milter" or "proxy", not "deliver"; did you mean "delivery"?',
    ],
    [least.replace(/\[".*"\]/, "[]"), "1: roles must be a list of at least one, not an empty list"],
    [least.replace('"MX1.Bücher.example"', "1979-05-27"), "2: hostname must be a text in quotes, not a date"],
    [
      least.replace("MX1.B", "MX1 B"),
      '2: hostname must be a domain name such as "example.org", not "MX1 Bücher.example"',
    ],
    [least.replace("MX1.B", "10.0.0.1#"), /^2: hostname must be a domain name/],
    [least.replace("MX1.Bücher.example", "10.0.0.1"), /^2: hostname must be a domain name/],
    [
      `${least}[network]\nallow_private_addresses = "yes"`,
      '10: network.allow_private_addresses must be true or false, not "yes"',
    ],
    [
      `${least}[mx]\nlisten = [{ address = "*:25", xclient = ["10.0.0.1", "::/0"], xforward = ["10"] }]`,
      '10: mx.listen[0].xforward[0] must be a network or an address such as "192.0.2.0/24" or "2001:db8::1", not "10"',
    ],
    [
      `${least}[mx]\nlisten = [{ address = "*:25", xclient = ["10.0.0.1", "::/0"] }]`,
      "10: mx.listen[0].xclient[1] is everybody: anyone could pass for anybody",
    ],
    [`${least}[network]\nkey_port = 70000`, "10: network.key_port must be at most 65535, not 70000"],
    [
      `${least}[limits]\nrecipients = 50\nconnections = 1.5`,
      "10: limits.recipients must be at least 100, not 50",
      "11: limits.connections must be a whole number, not 1.5",
    ],
    [`${least}[limits]\nmessage_size = "50MB"`, '10: limits.message_size must be a size such as "50MiB"'],
    [`${least}[limits]\nmessage_size = -5`, '10: limits.message_size must be a size such as "50MiB"'],
    [`${least}[limits]\nidle_timeout = 300`, "10: limits.idle_timeout must be a text in quotes, not 300"],
    [
      `${least}[delivery]\nwarn_after = "later"`,
      '10: delivery.warn_after must be a time such as "90s", "5m", "12h" or "5d", or "never", not "later"',
    ],
    [
      `${least}[submission]\nstopped_mail = "bounce"`,
      '10: submission.stopped_mail must be "hold" or "remove", not "bounce"',
    ],
    [
      `${least}[delivery]\ngive_up_after = "0d"`,
      '10: delivery.give_up_after must be a time such as "90s", "5m", "12h" or "5d", not "0d"',
    ],
    [
      `${least}[network]\nresolvers = [\n  "127.0.0.1",\n  "dns.test:53"]`,
      '12: network.resolvers[1] must be ADDRESS or ADDRESS:PORT such as "127.0.0.1:53", not "dns.test:53"',
    ],
    [
      `${least}[submission]\nlisten = ["*:465", "localhost:587"]`,
      /^10: submission\.listen\[1\]\.address must be ADDRESS:PORT such as /,
    ],
    [
      `${least}[submission]\nlisten = [{ address = "*:587", tls = "none" }]`,
      '10: submission.listen[0].tls must be "implicit" or "starttls", not "none"',
    ],
    [`${least}[submission]\nlisten = [587]`, "10: submission.listen[0] must be a table, not 587"],
    [
      `${least}stage = "requires"`,
      '9: domains[0].stage must be "observe", "enforce" or "require", not "requires"; did you mean "require"?',
    ],
    [`${least}mailboxes = { bob = 1 }`, "9: domains[0].mailboxes.bob must be a text in quotes, not 1"],
    [
      `${least}mailboxes = { "bob@dest.test" = "b" }`,
      '9: domains[0].mailboxes."bob@dest.test" must be the part before the "@" only',
    ],
    [
      `${least}mailboxes = { bob = "b", BOB = "c" }`,
      "9: domains[0].mailboxes.BOB is there already in other letters",
    ],
    [`domains = 3\n${least.slice(0, least.indexOf("[["))}`, "1: domains must be a list in [brackets], not 3"],
    [
      `${least}[routes]\n"*" = "smart.test"`,
      '10: routes."*".next_hop must be HOST:PORT such as "mail.example.org:25" or "unix:/run/dovecot/lmtp", not "smart.test"',
    ],
    [
      `${least}[routes]\n"*.test" = "smart.test:25"`,
      '10: routes."*.test" must be a domain, ".domain" for all below it, or "*"',
    ],
    [
      `${least}[routes]\n"*" = { lmtp = "unix:run/lmtp" }`,
      '10: routes."*".lmtp must be HOST:PORT such as "mail.example.org:25" or "unix:/run/dovecot/lmtp", not "unix:run/lmtp"',
    ],
    [
      `${least}[routes]\n"*" = { tls = "none" }`,
      '10: routes."*" says not where mail goes; set next_hop or lmtp',
    ],
    [
      `${least}[routes]\n"*" = { next_hop = "a.test:25", lmtp = "b.test:24" }`,
      '10: routes."*" has both next_hop and lmtp; remove one',
    ],
    [
      `${least}[routes]\n"*" = { next_hop = "a.test:25", tls = "starttls" }`,
      '10: routes."*".tls must be "none", "opportunistic", "required" or "implicit", not "starttls"',
    ],
    [
      `${least}[routes]\n"*" = { next_hop = "a.test:25", user = "u" }`,
      '10: routes."*".password is missing beside this',
    ],
    [
      `${least}[routes]\n"*" = { next_hop = "a.test:25", password = "p" }`,
      '10: routes."*".user is missing beside this',
    ],
    // What was meant as the password itself is not shown.
    [
      `${least}[routes]\n"*" = { next_hop = "a.test:25", user = "u", password = "env:not a name" }`,
      '10: routes."*".password must be a file name, "credential:NAME" or "env:NAME" that hold the password',
    ],
    [
      `${least}[routes]\n"*" = { next_hop = "a.test:25", user = "u", password = "p", tls = "opportunistic" }`,
      '10: routes."*" has a password, which is sent under checked TLS only; set tls = "required" or "implicit"',
    ],
    [
      `${least}[routes]\n"*" = { lmtp = "unix:/l", user = "u", password = "p" }`,
      '10: routes."*" has a password, which is sent under checked TLS only; remove user and password',
    ],
    [
      `${least}[routes]\n"*" = { lmtp = "unix:/l", tls = "required" }`,
      '10: routes."*".tls has no meaning for a Unix socket; remove it',
    ],
    [
      `${least}[delivery]\nretry_first = "2h"\nretry_most = "1h"`,
      "10: delivery.retry_first must not be longer than delivery.retry_most, which waits grow to",
    ],
    [`${least}[delivery]\nmessages = 0`, "10: delivery.messages must be at least 1, not 0"],
    [`${least}[network.connect]\n"a.test" = "127.0.0.1:1"`, '10: network.connect."a.test" must be HOST:PORT'],
    // one setting and another
    [
      least.replace(/key = .*\n/, ""),
      "1: submission.listen[0] needs a certificate; set certificate and key in [tls]",
      ...Array(3).fill(/^1: .* needs a certificate; set certificate and key in \[tls\]$/),
      "4: tls.key is missing beside this",
    ],
    [
      `${least}next_hop = "a.test:25"`,
      "9: dest.test has both Maildirs and next_hop; set either maildir_root, mailboxes or catch_all, or next_hop or lmtp",
    ],
    [least.replace(/maildir_root.*/, ""), /^7: dest\.test has no place for its mail; /],
    [
      `${least}[[domains]]\nname = "DEST.test"\nmaildir_root = "m"`,
      "10: dest.test has a [[domains]] table already; put all its settings there",
    ],
    [
      `${least}[mx]\nlisten = ["*:587"]`,
      "10: mx.listen[0] is * port 587, where submission.listen[1] listens already",
    ],
    [
      least.slice(0, least.indexOf("[[")),
      '1: the role "mx" receives mail for [[domains]], and there is none; add one or remove the role',
    ],
  ];
  for (const [text, ...expected] of cases) {
    const problems = refused(text);
    assert.equal(problems.length, expected.length, `${text}\n${problems.join("\n")}`);
    for (const [index, pattern] of expected.entries()) {
      if (typeof pattern === "string") assert.equal(problems[index], pattern);
      else assert.match(problems[index] as string, pattern);
    }
  }
});

test("lines are found under every way to write a table", () => {
  const text = `# comment with a.b = 1 and [c]
a.b = 1
"q\\u0065d".'x y' = [ # ]
  1, "]", '#', """
  ] " \\""" """, # ,
  [2, { k = 3, "k[" = [
    4 ] }],
]

[t]
long = '''
x = 1
'''
[t.u.v]
w = 1979-05-27 07:32:00
[[t.list]]
[[t.list]]
a = { b = { c = 1 } }
[t.list.sub]
s = "\\\\"
[[t.list.sub2]]
last = true # end`;
  const lineOf = findLines(text);
  const document = parse(text);
  const expected: [line: number, ...path: SettingPath][] = [
    [2, "a", "b"],
    [3, "qed", "x y"],
    [4, "qed", "x y", 0],
    [4, "qed", "x y", 3],
    [6, "qed", "x y", 4, 0],
    [6, "qed", "x y", 4, 1, "k["],
    [7, "qed", "x y", 4, 1, "k[", 0],
    [11, "t", "long"],
    [15, "t", "u", "v", "w"],
    [16, "t", "list", 0],
    [17, "t", "list", 1],
    [18, "t", "list", 1, "a", "b", "c"],
    [20, "t", "list", 1, "sub", "s"],
    [22, "t", "list", 1, "sub2", 0, "last"],
    [18, "t", "list", 1, "a", "gone", 7],
    [1, "gone"],
  ];
  for (const [line, ...path] of expected) assert.equal(lineOf(path), line, JSON.stringify(path));
  assert.equal((document.qed as { "x y": unknown[] })["x y"].length, 5);
});

test("a name that was mistyped finds the one that was meant", () => {
  const known = ["hostname", "tls", "key", "message_size"];
  for (const [typed, meant] of [
    ["host-name", "hostname"],
    ["myhostname", "hostname"],
    ["tsl", "tls"],
    ["messageSize", "message_size"],
    ["massage_sise", "message_size"],
    ["certificate", null],
    ["", null],
  ] as const) {
    assert.equal(nearestName(typed, known), meant, typed);
  }
});

test("no text throws, and no problem is outside the file", () => {
  const words = [
    "[",
    "]",
    "[[",
    "]]",
    "{",
    "}",
    "=",
    ".",
    ",",
    '"',
    "'",
    '"""',
    "'''",
    "\\",
    "#",
    "\n",
    "\r\n",
    " ",
    "\u0000",
    "\ufeff",
  ];
  const names = [
    "roles",
    "hostname",
    "tls",
    "domains",
    "mx",
    "listen",
    "__proto__",
    "constructor",
    "toString",
    "a",
    "1",
    "true",
    "inf",
    "1979-05-27",
  ];
  const text = fc.oneof(
    fc.string({ unit: "grapheme" }),
    fc.array(fc.constantFrom(...words, ...names), { maxLength: 40 }).map((parts) => parts.join("")),
    fc
      .tuple(fc.nat(exampleText.length), fc.constantFrom(...words, ...names), fc.nat(20))
      .map(([at, part, length]) => {
        return exampleText.slice(0, at) + part + exampleText.slice(at + length);
      }),
  );
  fc.assert(
    fc.property(text, (toml) => {
      const result = loadConfig(toml, "vsmtp.toml");
      if (result.ok) return;
      assert.ok(result.problems.length > 0);
      const lines = toml.split("\n").length;
      for (const { line, message } of result.problems) {
        assert.ok(line >= 1 && line <= lines && message.length > 0, `${line} of ${lines}: ${message}`);
      }
    }),
    { numRuns: 3000 },
  );
});

test("any values at all under the known names are judged without an exception", () => {
  const value = fc.jsonValue({ maxDepth: 3 }).filter((json) => json !== null);
  const table = fc.dictionary(
    fc.constantFrom("listen", "address", "tls", "name", "actions", "stage", "mailboxes", "__proto__"),
    value,
    { maxKeys: 5 },
  );
  const names = [
    "roles",
    "hostname",
    "tls",
    "store",
    "submission",
    "mx",
    "key_server",
    "milter",
    "proxy",
    "domains",
    "routes",
    "policy",
    "network",
    "limits",
  ];
  const document = fc.dictionary(fc.constantFrom(...names), fc.oneof(table, fc.array(table), value), {
    minKeys: 1,
  });
  fc.assert(
    fc.property(document, (settings) => {
      let toml: string;
      try {
        toml = stringify(settings);
      } catch {
        return; // null inside
      }
      assert.equal(loadConfig(toml, "vsmtp.toml").ok, false);
    }),
    { numRuns: 500 },
  );
});
