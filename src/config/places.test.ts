import assert from "node:assert/strict";
import { test } from "node:test";
import { loadConfig } from "./index.ts";
import { accepted, least, nobody } from "./test-config.ts";

// Where stores, keys and vaults are, and who is trusted to say whose mail comes.

test("keyring, queue and log are each a file or a PostgreSQL database, whose URL nobody is shown", () => {
  for (const store of ["keyring", "queue", "log"] as const) {
    const load = (written: string) =>
      loadConfig(`${least}\n[store]\n${store} = "${written}"\n`, "/etc/vsmtp/vsmtp.toml");
    const source = (written: string) => {
      const result = load(written);
      assert.ok(result.ok, written);
      return result.config.store[store];
    };
    const url = "postgresql://vsmtp:s3cret@db.test:5433/vsmtp?sslmode=verify-full";
    assert.deepEqual(source(url), { kind: "postgresql", url });
    assert.deepEqual(source("postgres://db.test/vsmtp").kind, "postgresql");
    assert.deepEqual(source("credential:db-url"), { kind: "credential", name: "db-url" });
    assert.deepEqual(source("env:DB_URL"), { kind: "variable", name: "DB_URL" });
    for (const wrong of [
      "postgresql://vsmtp:s3cret@db.test",
      "mysql://u:s3cret@h/d",
      "http://s3cret",
      "env:a-b",
    ]) {
      const result = load(wrong);
      assert.ok(!result.ok, wrong);
      assert.match(JSON.stringify(result.problems), /postgresql:\/\/USER@HOST\/DATABASE/);
      assert.doesNotMatch(JSON.stringify(result.problems), /s3cret/);
    }
  }
});

test("the mail log is where the queue is, if that is a database and nothing else is said", () => {
  const logOf = (settings: string) => accepted(`${least}\n[store]\n${settings}\n`).store.log;
  assert.deepEqual(logOf('queue = "env:DB_URL"'), { kind: "variable", name: "DB_URL" });
  assert.deepEqual(logOf('queue = "env:DB_URL"\nlog = "l"'), { kind: "file", path: "/var/lib/vsmtp/l" });
  assert.deepEqual(logOf('queue = "q"'), { kind: "file", path: "/var/lib/vsmtp/mail-log.sqlite" });
});

test("the master key comes from a file, a systemd credential or an environment variable", () => {
  const source = (written: string) =>
    accepted(`${least}\n[store]\nmaster_key = "${written}"\n`).store.masterKey;
  assert.deepEqual(source("/secrets/key"), { kind: "file", path: "/secrets/key" });
  assert.deepEqual(source("credential:vsmtp.key"), { kind: "credential", name: "vsmtp.key" });
  assert.deepEqual(source("env:VSMTP_MASTER_KEY"), { kind: "variable", name: "VSMTP_MASTER_KEY" });
  for (const wrong of ["credential:", "credential:../x", "env:", "env:A=B"]) {
    const result = loadConfig(`${least}\n[store]\nmaster_key = "${wrong}"\n`, "/etc/vsmtp/vsmtp.toml");
    assert.equal(result.ok, false, wrong);
  }
});

test("a submission server's vault is in this process, at a Unix socket, or behind TLS (PRV-1, PRV-16)", () => {
  const vault = (written: string) =>
    accepted(`${least}\n[submission]\nvault = { ${written} }\n`).submission.vault;
  assert.deepEqual(vault('connect = "unix:/run/vsmtp/mx1.sock"'), {
    place: { kind: "unix", path: "/run/vsmtp/mx1.sock" },
    mode: "sign",
  });
  const spki = "AB".repeat(32);
  assert.deepEqual(
    vault(
      `connect = "Vault.test:8758", mode = "getkey", certificate = "c.pem", key = "k.pem", server_spki = "${spki}"`,
    ),
    {
      place: {
        kind: "tcp",
        target: { host: "vault.test", port: 8758 },
        tlsFiles: { certificate: "/etc/vsmtp/c.pem", key: "/etc/vsmtp/k.pem" },
        caFile: null,
        serverSpki: spki.toLowerCase(),
      },
      mode: "getkey",
    },
  );
});

test("listeners name the hosts that may say whose mail they bring, and who is meant by their users' names", () => {
  const config = accepted(`${least}
[submission]
listen = [{ address = "10.0.0.7:587", proxy_protocol = ["10.0.0.1", "2001:db8::/64"], xclient = ["10.0.0.2"] }]
login_domain = "Bücher.example"
logins = { al = "alice@dest.test" }
[mx]
listen = ["*:25", { address = "10.0.0.7:26", proxy_protocol = ["0.0.0.0/0"], xforward = ["10.0.0.3"] }]
`);
  assert.deepEqual(
    [...config.submission.listeners, ...config.mx.listeners].map(({ trusted }) => trusted),
    [
      { ...nobody, proxyProtocol: ["10.0.0.1/32", "2001:db8::/64"], xclient: ["10.0.0.2/32"] },
      nobody,
      { ...nobody, proxyProtocol: ["0.0.0.0/0"], xforward: ["10.0.0.3/32"] },
    ],
  );
  assert.deepEqual(config.submission.logins, {
    domain: "xn--bcher-kva.example",
    exceptions: new Map([["al", "alice@dest.test"]]),
  });
});
