import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createSecureContext } from "node:tls";
import { createTransport } from "nodemailer";
import { DnsServer } from "../src/dns/index.ts";
import {
  type Address,
  authenticationResult,
  CachingResolver,
  decideAction,
  formatAuthenticationResults,
  KeyLogin,
  KeyLookup,
  type KeySource,
  loadSigningKey,
  receivedInMemory,
  StubResolver,
  signSubmission,
  verify,
} from "../src/index.ts";
import { KeyServer } from "../src/key-server/index.ts";
import { PublicKeyView } from "../src/keyring/index.ts";
import { signing } from "../src/nodemailer/index.ts";
import { addressOf, bob, KeyList, newKey, nowSeconds } from "./support/authors.ts";
import { createAuthority } from "./support/certificates.ts";
import { openLocalVault } from "./support/local-vault.ts";

test("a program verifies a message with nothing but the library, and does what a receiver does", async (t) => {
  const authority = await createAuthority();
  const context = createSecureContext(await authority.issue(["mx.someisp.test"]));
  const keys = new KeyList();
  const server = new KeyServer({ directory: keys, secureContext: () => context, exposure: "kid" });
  const dns = new DnsServer();
  const { port } = await server.listen(0, "127.0.0.1");
  const resolver = new StubResolver({ servers: [{ address: "127.0.0.1", port: (await dns.listen()).port }] });
  dns.set("someisp.test", { MX: [[10, "mx.someisp.test"]] });
  dns.set("mx.someisp.test", { A: ["127.0.0.1"] });
  const lookup = new KeyLookup({
    resolver: new CachingResolver(resolver),
    ca: [authority.cert],
    port,
    allowPrivateAddresses: true,
  });
  t.after(async () => {
    lookup.close();
    await server.close(0);
    await dns.close();
  });
  const message = keys.author("allice@someisp.test").sign();
  const verdict = await verify(message, { now: nowSeconds(), recipients: [bob], keys: lookup });
  assert.equal(verdict.result, "pass", verdict.detail);
  const field = formatAuthenticationResults("mx.dest.test", [authenticationResult(verdict)]);
  assert.match(
    Buffer.from(field).toString(),
    /^Authentication-Results: mx\.dest\.test;\r\n vsmtp=pass header\.i=allice@/,
  );

  const altered = Buffer.from(message.toString("latin1").replace("Noon?", "Now!"), "latin1");
  const forged = await verify(altered, { now: nowSeconds(), recipients: [bob], keys: lookup });
  const decision = decideAction(forged, {
    rules: [{ stage: "enforce", stageSetBy: null, overrides: [] }],
    policy: { wanted: "reject", domain: "someisp.test" },
    trusted: null,
    dmarc: null,
    mismatch: "deliver",
    repeated: false,
    replays: "drop",
    forgedBounce: false,
  });
  assert.deepEqual([forged.reason, decision.action, decision.reply?.code], ["body", "reject", 550]);
});

test("a private key in a file signs what its owner writes, and nothing else", async () => {
  const { signing } = newKey("allice@someisp.test");
  const pem = signing.privateKey.export({ format: "pem", type: "pkcs8" });
  const loaded = loadSigningKey(pem);
  assert.deepEqual(loaded.ok && [loaded.key.kid, loaded.key.algorithm], [signing.kid, "ed25519-sha256"]);
  const login = new KeyLogin(addressOf("allice@someisp.test"), [signing]);
  const submit = (from: string) =>
    signSubmission(
      {
        message: receivedInMemory(Buffer.from(`From: ${from}\r\nBcc: x@y.test\r\n\r\nNoon?\r\n`)),
        recipients: ["bob@dest.test", "x@y.test"],
        smtputf8: false,
        authservIds: [],
        staple: false,
        now: Date.now(),
      },
      login,
    );
  const signed = await submit("allice@someisp.test");
  assert.ok(signed.kind === "signed");
  assert.deepEqual([signed.kids, signed.copies.length], [[signing.kid], 2]);
  assert.doesNotMatch(Buffer.from(signed.content.inline).toString(), /^Bcc:/im);
  const refused = await submit("eve@someisp.test");
  assert.deepEqual(refused.kind === "refused" && refused.reply.code, 550);
});

test("what cannot sign is told apart from a key, and RSA does not sign alone (SIG-35)", () => {
  const pem = (type: "x25519" | "rsa") =>
    (type === "rsa"
      ? generateKeyPairSync("rsa", { modulusLength: 2048 })
      : generateKeyPairSync("x25519")
    ).privateKey.export({ format: "pem", type: "pkcs8" });
  assert.match(JSON.stringify(loadSigningKey("nothing")), /no private key/);
  assert.match(JSON.stringify(loadSigningKey(pem("x25519"))), /type x25519 cannot sign/);
  const rsa = loadSigningKey(pem("rsa"));
  assert.ok(rsa.ok);
  assert.throws(() => new KeyLogin(bob, [rsa.key]), RangeError);
  assert.throws(() => new KeyLogin(bob, []), RangeError);
});

test("a program whose users are a vault's signs what it composes for them, with the keys they have there", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "vsmtp-library-"));
  const { store, keyring, vault } = await openLocalVault(join(folder, "keyring.db"));
  t.after(async () => {
    await store.close();
    rmSync(folder, { recursive: true });
  });
  assert.ok((await keyring.addDomain("someisp.test")).ok);
  assert.ok((await keyring.addAccount({ address: "allice@someisp.test" })).ok);
  const login = (author: Address) => vault.assert(author, { client: "127.0.0.1", channelBinding: null });
  const transporter = createTransport({ streamTransport: true, buffer: true, newline: "windows" });
  transporter.use("stream", signing({ login }));
  const mail = { from: "allice@someisp.test", to: "bob@dest.test", subject: "Lunch?", text: "Noon?" };
  const { message } = await transporter.sendMail(mail);
  assert.ok(Buffer.isBuffer(message));
  const publicKeys = new PublicKeyView(store);
  const keys: KeySource = {
    lookUp: async ({ identity, now }) => {
      const [key] = await publicKeys.keys(identity, now);
      assert.ok(key?.spki);
      return { kind: "key", spki: key.spki, grants: [], trust: "host" };
    },
  };
  const verdict = await verify(message, { now: nowSeconds(), recipients: [bob], keys });
  assert.deepEqual([verdict.result, verdict.rcpt], ["pass", "match"], verdict.detail);
  await assert.rejects(transporter.sendMail({ ...mail, from: "eve@someisp.test" }), /none of the addresses/);
});
