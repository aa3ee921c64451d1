import assert from "node:assert/strict";
import { test } from "node:test";
import { type ConfigResult, formatProblem, loadConfig, signsForUsers } from "./index.ts";

const base = 'roles = ["proxy"]\nhostname = "gw.example.org"\n';
const load = (text: string): ConfigResult => loadConfig(base + text, "/etc/vsmtp/vsmtp.toml");

function proxiesOf(text: string) {
  const result = load(text);
  assert.ok(result.ok, result.ok ? "" : result.problems.map((one) => formatProblem("f", one)).join("\n"));
  return result.config.proxies;
}

function problemsOf(text: string): string[] {
  const result = load(text);
  return result.ok ? [] : result.problems.map(({ message }) => message);
}

test("a proxy: who may connect, where mail goes on, and what is usual", () => {
  const [verify, sign, submission] = proxiesOf(`
[tls]
certificate = "cert.pem"
key = "key.pem"
[[proxy]]
job = "verify"
listen = [{ address = "*:25", proxy_protocol = ["192.0.2.7"], mail_auth = ["::1"] }]
next_hop = "127.0.0.1:10026"
[[proxy]]
job = "sign"
next_hop = "mail.example.org:587"
user = "gw"
password = "env:PASSWORD"
sender = "reverse-path"
login_domain = "example.org"
logins = { al = "alice@example.org" }
unknown_users = "reject"
tell_client = "xclient"
[[proxy]]
job = "submission"
listen = ["127.0.0.1:465", { address = "127.0.0.1:587", tls = "starttls" }]
next_hop = "unix:/run/hop"
clients = ["192.0.2.1", "2001:db8::/32"]
`);
  assert.ok(verify && sign && submission);
  assert.deepEqual(
    [verify.listeners[0]?.tls, verify.clients, verify.tellClient, verify.connections],
    ["starttls", null, "xforward", 100],
  );
  const { proxyProtocol, mailAuth } = verify.listeners[0]?.trusted ?? {};
  assert.deepEqual([proxyProtocol, mailAuth], [["192.0.2.7/32"], ["::1/128"]]);
  assert.deepEqual(
    [sign.listeners[0], sign.clients, sign.sender, sign.nextHop.tls, sign.unknownUsers],
    [
      {
        address: "127.0.0.1",
        port: 10025,
        tlsFiles: null,
        tls: "plain",
        trusted: { proxyProtocol: [], xclient: [], xforward: [], mailAuth: [] },
      },
      ["127.0.0.0/8", "::1/128"],
      "reverse-path",
      "required",
      "reject",
    ],
  );
  assert.deepEqual(sign.logins, {
    domain: "example.org",
    exceptions: new Map([["al", "alice@example.org"]]),
  });
  assert.deepEqual(
    submission.listeners.map(({ tls }) => tls),
    ["implicit", "starttls"],
  );
  assert.deepEqual(submission.clients, ["192.0.2.1/32", "2001:db8::/32"]);
});

test("only proxies that sign need a vault", () => {
  const config = (job: string) => {
    const result = load(`[[proxy]]\njob = "${job}"\nnext_hop = "127.0.0.1:26"\n`);
    assert.ok(result.ok);
    return result.config;
  };
  assert.deepEqual([signsForUsers(config("verify")), signsForUsers(config("sign"))], [false, true]);
});

test("mistakes are told", () => {
  assert.deepEqual(problemsOf(""), [
    'the role "proxy" is what [[proxy]] tables say, and there is none; add one or remove the role',
  ]);
  assert.match(problemsOf('[[proxy]]\njob = "verify"\n').join(), /next_hop/);
  const clear =
    '[[proxy]]\njob = "submission"\nnext_hop = "a.test:25"\nlisten = [{ address = "127.0.0.1:587", tls = "none" }]\n';
  assert.match(problemsOf(clear).join(), /users log in inside TLS only/);
  const uncertain = '[[proxy]]\njob = "verify"\nnext_hop = "a.test:25"\nlisten = ["192.0.2.1:25"]\n';
  assert.match(problemsOf(uncertain).join(), /needs a certificate/);
  const twice = '[[proxy]]\njob = "sign"\nnext_hop = "a.test:25"\n'.repeat(2);
  assert.match(problemsOf(twice).join(), /listens already/);
  const itself =
    '[[proxy]]\njob = "verify"\nnext_hop = "127.0.0.1:26"\nlisten = ["127.0.0.1:25", "127.0.0.1:26"]\n';
  assert.match(problemsOf(itself).join(), /proxy\[0\]\.next_hop is where this proxy listens itself/);
  const password = '[[proxy]]\njob = "sign"\nnext_hop = "a.test:25"\nuser = "x"\n';
  assert.match(problemsOf(password).join(), /proxy\[0\]\.password is missing/);
});
