import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { NextHop, SecretSource } from "../config/index.ts";
import { readNextHopPasswords } from "./next-hop-passwords.ts";

function hop(passwordSource: SecretSource): NextHop & { credentials: object } {
  return {
    place: { kind: "tcp", host: "smart.test", port: 587 },
    protocol: "smtp",
    tls: "required",
    credentials: { user: "u", passwordSource },
  };
}

test("passwords of next hops: a file, a credential, a variable; what cannot be read is told and not shown", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "vsmtp-passwords-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "smart.secret");
  writeFileSync(path, "pass word\n", { mode: 0o600 });
  writeFileSync(join(folder, "smart"), "of systemd\r\n");
  const environment = { CREDENTIALS_DIRECTORY: folder, SMART: "of the environment", EMPTY: "" };
  const read = async (source: SecretSource) => {
    const nextHop = hop(source);
    const routes = [{ pattern: "*", nextHop }];
    const passwordOf = await readNextHopPasswords({ domains: [], routes }, environment);
    return passwordOf(nextHop.credentials as never);
  };
  assert.equal(await read({ kind: "file", path }), "pass word");
  assert.equal(await read({ kind: "credential", name: "smart" }), "of systemd");
  assert.equal(await read({ kind: "variable", name: "SMART" }), "of the environment");
  const nextHop = hop({ kind: "file", path });
  const policy = { stage: null, actions: {}, senders: [] };
  const domains = [
    {
      name: "dest.test",
      target: { kind: "next-hop", nextHop } as const,
      forwards: new Map(),
      lists: new Map(),
      policy,
    },
  ];
  const passwordOf = await readNextHopPasswords({ domains, routes: [] }, environment);
  assert.equal(passwordOf(nextHop.credentials as never), "pass word");
  assert.throws(() => passwordOf({ user: "u", passwordSource: { kind: "file", path } }));

  await assert.rejects(read({ kind: "file", path: join(folder, "hunter2") }), (error: Error) => {
    assert.match(
      error.message,
      /^the password of the next hop of \* cannot be read: there is no such file; /,
    );
    return !error.message.includes("hunter2");
  });
  await assert.rejects(read({ kind: "credential", name: "none" }), /there is no systemd credential/);
  await assert.rejects(read({ kind: "variable", name: "NONE" }), /is not set/);
  await assert.rejects(read({ kind: "variable", name: "EMPTY" }), /is empty/);
  chmodSync(path, 0o644);
  await assert.rejects(read({ kind: "file", path }), /can be read by anybody/);
});
