import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { AuditWriter, auditEntry, KeyringStoreError, type Use } from "../index.ts";
import { formatArchivedPart, parseArchivedPart } from "./archived-part.ts";
import { auditObject, formatAuditHead, parseAuditHead, parseAuditObject } from "./audit-text.ts";

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

const chain = fc.uint8Array({ minLength: 32, maxLength: 32 });
const number = fc.nat({ max: 999_999_999_999_999 });
const text = fc.string({ unit: "grapheme" });
const fields = {
  sequence: number,
  at: number,
  actor: text,
  action: text,
  account: fc.option(text),
  subject: fc.option(text),
  kid: fc.option(text),
  messageIdHash: fc.option(text),
  recipients: fc.option(fc.nat()),
  client: fc.option(text),
  outcome: text,
  detail: fc.option(text),
  chain,
};
const record = fc.record(fields, { noNullPrototype: true });

test("entries, heads and what was archived are read as they were written", () => {
  fc.assert(
    fc.property(record, chain, (written, sum) => {
      assert.deepEqual(parseAuditObject(JSON.parse(JSON.stringify(auditObject(written)))), written);
      const head = { sequence: written.sequence, chain: written.chain };
      assert.deepEqual(parseAuditHead(formatAuditHead(head)), head);
      const part = { first: 1, last: head, sha256: Buffer.from(sum).toString("hex") };
      assert.deepEqual(parseArchivedPart(formatArchivedPart(part)), part);
    }),
  );
});

test("anything else is no entry, and nothing throws", () => {
  const almost = fc
    .tuple(
      record,
      fc.constantFrom("sequence", "at_ms", "actor", "account", "recipients", "chain", "x"),
      fc.jsonValue(),
    )
    .map(([written, field, value]) => ({ ...auditObject(written), [field]: value }));
  fc.assert(
    fc.property(fc.oneof(fc.jsonValue(), almost), (value) => {
      const parsed = parseAuditObject(value);
      if (parsed !== null) assert.deepEqual({ ...(value as object), ...auditObject(parsed) }, value);
    }),
  );
  fc.assert(
    fc.property(fc.string(), (value) => {
      assert.equal(parseAuditHead(value) ?? parseArchivedPart(value), null);
    }),
  );
});
