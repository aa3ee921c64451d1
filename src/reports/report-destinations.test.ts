import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { permissionName, reportDestinations } from "./index.ts";

test("POL-21: rua names mail addresses and https URLs, of which two count", () => {
  const rows: [rua: string, destinations: string[]][] = [
    ["mailto:Reports@SomeIsp.test", ["reports@someisp.test"]],
    ["mailto:a@x.test, https://x.test/in?d=1#here", ["a@x.test", "https://x.test/in?d=1"]],
    ["mailto:a@x.test,mailto:b@x.test,mailto:c@x.test", ["a@x.test", "b@x.test"]],
    ["ftp://x.test,,nobody@x.test, mailto:b%2Bc@x.test", ["b+c@x.test"]],
    ['mailto:%22a b%22@x.test,mailto:"a@b"@x.test', ['"a@b"@x.test']],
    ["mailto:a@x.test?subject=Buy", []],
    ["mailto:a@x.test%0d%0aBcc:b@x.test", []],
    ["mailto:a@x.test%2cb@x.test", []],
    ["mailto:%c3%bc@x.test,mailto:%ff@x.test,mailto:%", []],
    ["mailto:a@[192.0.2.1],mailto:,mailto:a", []],
    ["http://x.test/,https://x.test:25/,https://a:b@x.test/", []],
    ["https://192.0.2.1/,https://[2001:db8::1]/,https://0x7f000001/,https://2130706433/", []],
    ["https://X.test:443/a b", ["https://x.test/a%20b"]],
    [`https://x.test/${"a".repeat(1000)}`, []],
    ["https://", []],
    ["", []],
  ];
  for (const [rua, destinations] of rows) {
    const found = reportDestinations(rua).map((one) => (one.kind === "mail" ? one.address : one.url.href));
    assert.deepEqual(found, destinations, rua);
  }
  fc.assert(fc.property(fc.string(), (rua) => void reportDestinations(rua)));
  fc.assert(fc.property(fc.webUrl(), (url) => reportDestinations(`mailto:a@x.test,${url}`).length >= 1));
});

test("REP-3: who takes reports for others says so", () => {
  assert.equal(permissionName("someisp.test", "someisp.test"), null);
  assert.equal(permissionName("someisp.test", "mail.someisp.test"), null);
  assert.equal(permissionName("someisp.test", "other.test"), "someisp.test._report._vsmtp.other.test");
  assert.equal(permissionName("a.test", "ba.test"), "a.test._report._vsmtp.ba.test");
  assert.equal(
    permissionName("mail.someisp.test", "someisp.test"),
    "mail.someisp.test._report._vsmtp.someisp.test",
  );
});
