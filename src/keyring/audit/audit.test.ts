import assert from "node:assert/strict";
import { test } from "node:test";
import { AuditWriter, auditEntry, KeyringStoreError, type Use } from "../index.ts";

test("texts from outside are recorded as any store keeps and any terminal shows them", () => {
  const { subject, detail, actor } = auditEntry({
    at: 0,
    actor: "cli:root",
    action: "x",
    subject: "a\u0000\ud800\u001b[31m\r\n",
    detail: "x".repeat(2000),
  });
  assert.equal(subject, "a\ufffd\ufffd\ufffd[31m\ufffd\ufffd");
  assert.equal(detail?.length, 500);
  assert.equal(actor, "cli:root");
});

test("uses that come together share a commit; a store that stops is told to those who wait", async () => {
  const sizes: number[] = [];
  let broken = false;
  const audit = new AuditWriter({
    use: async (uses) => {
      sizes.push(uses.length);
      if (broken) throw new KeyringStoreError("full", new Error("no space"));
      return uses.map(() => ({ kind: "taken" }));
    },
  });
  const use = { entry: {}, take: null, touch: null } as unknown as Use;
  await Promise.all(Array.from({ length: 1100 }, () => audit.write(use)));
  assert.deepEqual(sizes, [500, 500, 100]);
  broken = true;
  const answers = await Promise.allSettled(Array.from({ length: 10_001 }, () => audit.write(use)));
  const kinds = answers.map((one) =>
    one.status === "rejected" ? (one.reason as KeyringStoreError).kind : "taken",
  );
  assert.deepEqual(new Set(kinds.slice(0, -1)), new Set(["full"]));
  assert.equal(kinds.at(-1), "busy");
  broken = false;
  assert.deepEqual(await audit.write(use), { kind: "taken" });
});
