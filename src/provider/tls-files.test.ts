import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createAuthority } from "../../test/support/certificates.ts";
import { secureContextOf } from "./tls-files.ts";

test("a certificate or key that cannot be used is named", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "vsmtp-tls-files-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const authority = await createAuthority();
  const [ours, others] = [await authority.issue(["a.test"]), await authority.issue(["b.test"])];
  const write = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const certificate = write("fullchain.pem", ours.cert);
  const key = write("privkey.pem", ours.key);
  const broken = write("broken.pem", ours.cert.replace("-----END", "----"));
  const foreign = write("foreign.pem", others.key);
  const failure = (files: { certificate: string; key: string }) => () => secureContextOf(files, () => {});
  assert.doesNotThrow(failure({ certificate, key }));
  assert.throws(failure({ certificate: broken, key }), /broken\.pem cannot be used: /);
  assert.throws(failure({ certificate, key: broken }), /broken\.pem cannot be used: /);
  assert.throws(
    failure({ certificate, key: foreign }),
    /foreign\.pem with .*fullchain\.pem cannot be used: /,
  );
});
