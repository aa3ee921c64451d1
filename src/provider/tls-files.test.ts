import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { generate } from "selfsigned";
import { secureContextOf } from "./tls-files.ts";

test("a certificate or key that cannot be used is named", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "vsmtp-tls-files-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const [ours, others] = await Promise.all([
    generate([], { keyType: "ec" }),
    generate([], { keyType: "ec" }),
  ]);
  const write = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const certificate = write("fullchain.pem", ours.cert);
  const key = write("privkey.pem", ours.private);
  const broken = write("broken.pem", ours.cert.replace("-----END", "----"));
  const foreign = write("foreign.pem", others.private);
  const failure = (files: { certificate: string; key: string }) => () => secureContextOf(files, () => {});
  assert.doesNotThrow(failure({ certificate, key }));
  assert.throws(failure({ certificate: broken, key }), /broken\.pem cannot be used: /);
  assert.throws(failure({ certificate, key: broken }), /broken\.pem cannot be used: /);
  assert.throws(
    failure({ certificate, key: foreign }),
    /foreign\.pem with .*fullchain\.pem cannot be used: /,
  );
});
