import assert from "node:assert/strict";
import { test } from "node:test";
import { addressText } from "../message/index.ts";
import type { MilterConnection } from "../milter/index.ts";
import { Origins, type Submitters } from "./origin.ts";

const submitters: Submitters = {
  logins: { domain: "someisp.test", exceptions: new Map([["al", "allice@someisp.test"]]) },
  local: "sign",
  localUsers: new Map([
    ["root", "postmaster@someisp.test"],
    ["www@web.test", "web@someisp.test"],
  ]),
  certificates: [
    { subject: "printer", issuer: "Our CA", account: "printer@someisp.test" },
    { subject: "/O=X/CN=fax", issuer: "/O=X/CN=Our CA", account: "fax@someisp.test" },
  ],
  relays: [
    { networks: ["198.51.100.0/24", "2001:db8::/32"], account: "web@someisp.test" },
    { networks: ["203.0.113.0/24"], account: null },
  ],
};

interface Case {
  readonly macros?: Record<string, string>;
  readonly connection?: Partial<MilterConnection>;
  readonly from?: string;
}

function originOf({ macros = {}, connection = {}, from = "a@b.test" }: Case, settings = submitters): string {
  const origin = new Origins(settings, "mail.someisp.test").of({
    connection: {
      id: "",
      hostName: "client.test",
      family: "inet",
      address: "192.0.2.1",
      port: 4000,
      helo: null,
      version: 6,
      allows: { quarantine: true, changeHeaders: true, addHeaders: true, changeBody: true },
      ...connection,
    },
    sender: { address: from, parameters: [] },
    recipients: [],
    macros: { get: (name) => macros[name] },
  });
  if (origin.kind === "incoming") return "incoming";
  return `${origin.proof} ${origin.name}: ${origin.account && addressText(origin.account)}`;
}

test("who logged in is known by his name", () => {
  const login = (auth_authen: string) => originOf({ macros: { auth_authen } });
  assert.equal(login("al"), "login al: allice@someisp.test");
  assert.equal(login("Bob"), "login Bob: bob@someisp.test");
  assert.equal(login("carol@Other.test"), "login carol@Other.test: carol@other.test");
  assert.equal(login("a b"), "login a b: null", "no address: nobody's");
  assert.equal(login(""), "incoming");
  // The mail server may take names in any case, and with any realm: "AL" is not somebody else whose address is al@.
  for (const name of ["AL", "Al@someisp.test", "al@SOMEISP.test"]) {
    assert.equal(login(name), `login ${name}: allice@someisp.test`);
  }
  const noDomain = { ...submitters, logins: { domain: null, exceptions: new Map() } };
  assert.equal(originOf({ macros: { auth_authen: "bob" } }, noDomain), "login bob: null");
});

test("a certificate counts where the mail server trusts it, which Sendmail and Postfix say in two ways", () => {
  const postfix = { v: "Postfix 3.7.11", cert_subject: "printer", cert_issuer: "Our CA" };
  assert.equal(originOf({ macros: postfix }), "certificate printer: printer@someisp.test");
  assert.equal(originOf({ macros: { ...postfix, cert_issuer: "Another CA" } }), "incoming");
  assert.equal(
    originOf({ macros: { ...postfix, v: "8.17.1" } }),
    "incoming",
    "Sendmail that says not that it trusts",
  );
  const sendmail = { v: "8.17.1", cert_subject: "/O=X/CN=fax", cert_issuer: "/O=X/CN=Our CA" };
  assert.equal(
    originOf({ macros: { ...sendmail, verify: "OK" } }),
    "certificate /O=X/CN=fax: fax@someisp.test",
  );
  for (const verify of ["NO", "FAIL", "NOT", "NONE", "TEMP", ""]) {
    assert.equal(originOf({ macros: { ...sendmail, verify } }), "incoming", verify);
  }
  assert.equal(originOf({ macros: { ...postfix, auth_authen: "bob" } }), "login bob: bob@someisp.test");
});

test("clients that need not log in", () => {
  const at = (address: string, from?: string) =>
    originOf({
      connection: { address, family: address.includes(":") ? "inet6" : "inet" },
      ...(from === undefined ? {} : { from }),
    });
  assert.equal(at("198.51.100.7"), "relay 198.51.100.7: web@someisp.test");
  assert.equal(at("2001:db8::7"), "relay 2001:db8::7: web@someisp.test");
  assert.equal(at("203.0.113.7", "allice@someisp.test"), "relay 203.0.113.7: allice@someisp.test");
  assert.equal(at("203.0.113.7", ""), "relay 203.0.113.7: null");
  assert.equal(at("192.0.2.1"), "incoming");
  assert.equal(at("not an address"), "incoming");
});

test("what programs of the mail server's host submit: Postfix says the reverse path, Sendmail the Unix user", () => {
  const postfix = (from: string, settings?: Submitters) =>
    originOf({ connection: { hostName: "localhost", address: "127.0.0.1", port: null }, from }, settings);
  assert.equal(postfix("allice@someisp.test"), "local allice@someisp.test: allice@someisp.test");
  assert.equal(postfix("root@mail.someisp.test"), "local root@mail.someisp.test: postmaster@someisp.test");
  assert.equal(postfix("root@someisp.test"), "local root@someisp.test: postmaster@someisp.test");
  assert.equal(postfix("root@elsewhere.test"), "local root@elsewhere.test: root@elsewhere.test");
  assert.equal(postfix("www@web.test"), "local www@web.test: web@someisp.test");
  assert.equal(postfix(""), "local : null");
  assert.equal(
    postfix("allice@someisp.test", { ...submitters, local: "unsigned" }),
    "local allice@someisp.test: null",
  );
  const sendmail = (_: string, family: "unknown" | "unix" = "unknown") =>
    originOf({ connection: { family, address: null, port: null }, macros: { _ }, from: "x@elsewhere.test" });
  assert.equal(sendmail("root@localhost"), "local root: postmaster@someisp.test");
  assert.equal(sendmail("bob@localhost", "unix"), "local bob: bob@someisp.test");
  assert.equal(sendmail("bob@localhost.evil.test"), "incoming");
  assert.equal(sendmail("client.test [192.0.2.1]"), "incoming");
  const near = { hostName: "localhost", address: "127.0.0.1", port: 4000 };
  assert.equal(
    originOf({ connection: near, from: "allice@someisp.test" }),
    "incoming",
    "a connection to port 25",
  );
});
