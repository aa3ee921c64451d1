import assert from "node:assert/strict";
import { test } from "node:test";
import { createSecureContext } from "node:tls";
import { DnsServer } from "../src/dns/index.ts";
import {
  authenticationResult,
  CachingResolver,
  decideAction,
  formatAuthenticationResults,
  KeyLookup,
  StubResolver,
  verify,
} from "../src/index.ts";
import { KeyServer } from "../src/key-server/index.ts";
import { bob, KeyList, nowSeconds } from "./support/authors.ts";
import { createAuthority } from "./support/certificates.ts";

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
