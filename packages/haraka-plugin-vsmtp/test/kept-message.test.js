"use strict";

const assert = require("node:assert/strict");
const { mkdtempSync, readdirSync, rmSync } = require("node:fs");
const { tmpdir } = require("node:os");
const path = require("node:path");
const { after, test } = require("node:test");
const { haraka, missing: skip } = require("./packages");

const folder = mkdtempSync(path.join(tmpdir(), "haraka-plugin-vsmtp-"));
after(() => rmSync(folder, { recursive: true }));

let serial = 0;

/** A transaction of Haraka's with a message that has come by SMTP. */
async function transaction_of(message, spool_after = 1_000_000) {
  const { createTransaction } = require(path.join(haraka, "haraka/transaction"));
  const cfg = { main: { spool_after, spool_dir: folder }, headers: {} };
  const transaction = createTransaction(`test-${++serial}`, cfg);
  for (const line of message.split(/(?<=\r\n)/)) {
    transaction.add_data(Buffer.from(line[0] === "." ? `.${line}` : line));
  }
  await new Promise((resolve) => transaction.end_data(resolve));
  return transaction;
}

async function all(message) {
  const pieces = [];
  for await (const piece of message) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

const header = "From: a@b.test\r\nSubject: x\r\n y\r\n.dot: z\r\n";

test("a message is read as it came, in memory and from a file, by one after the other", {
  skip,
}, async () => {
  const { KeptMessage } = require("../lib/kept-message");
  for (const spool_after of [100, 1_000_000]) {
    const body = ".\r\n..\r\n.x\r\n\r\nGrüße\r\n".repeat(500);
    const transaction = await transaction_of(`${header}\r\n${body}`, spool_after);
    const kept = new KeptMessage(transaction.message_stream);
    const read = await Promise.all([all(kept.read()), all(kept.read())]);
    assert.deepEqual(read, [`${header}\r\n${body}`, `${header}\r\n${body}`]);
    // Who stops early leaves it to the next.
    for await (const piece of kept.read()) if (piece.length > 0) break;
    assert.equal(await all(kept.read()), `${header}\r\n${body}`);
    transaction.message_stream.destroy();
  }
});

test("another header, with fields as they were", { skip }, async () => {
  const { KeptMessage, lines_of, set_header } = require("../lib/kept-message");
  const transaction = await transaction_of(`${header}\r\nHi\r\n`);
  const kept = new KeptMessage(transaction.message_stream);
  const added = "VSMTP-Signature: v=1;\r\n b=x\r\n";
  set_header(transaction, [...lines_of(Buffer.from(added)), ...transaction.header.header_list]);
  assert.equal(await all(kept.read()), `${added}${header}\r\nHi\r\n`);
  assert.equal(transaction.header.get("subject"), "x\n y\n");
  assert.equal(transaction.header.get_all("vsmtp-signature").length, 1);
});

test("whatever the header, Haraka sends one that was put in its place octet for octet", {
  skip,
}, async () => {
  const fc = require("fast-check");
  const { KeptMessage, lines_of, set_header } = require("../lib/kept-message");
  const { receivedFrom } = require("vsmtp");
  const name = fc.stringMatching(/^[!-9;-~]{1,20}$/);
  const line = fc.stringMatching(/^[ -~\t\u00a0-\u017f]{0,60}$/);
  const field = fc
    .tuple(name, line, fc.array(line, { maxLength: 3 }))
    .map(([key, first, more]) => [`${key}:${first}`, ...more.map((rest) => ` x${rest}`)].join("\r\n"));
  await fc.assert(
    fc.asyncProperty(fc.array(field, { minLength: 1, maxLength: 8 }), line, async (fields, body) => {
      const transaction = await transaction_of(`${fields.join("\r\n")}\r\n\r\n${body}\r\n`);
      const kept = new KeptMessage(transaction.message_stream);
      const before = await all(kept.read());
      const { scanned } = await receivedFrom(() => kept.read());
      if (scanned.fault !== null) return;
      set_header(transaction, lines_of(scanned.header.octets));
      assert.equal(await all(kept.read()), before);
    }),
    { numRuns: 300 },
  );
});

test("a header that Haraka's stream cannot read is known before it is read", { skip }, async () => {
  const { KeptMessage } = require("../lib/kept-message");
  const wide = await transaction_of(`${`X: ${"x".repeat(990)}\r\n`.repeat(1200)}\r\nHi\r\n`);
  assert.equal(new KeptMessage(wide.message_stream).header_too_large, true);
  wide.message_stream.destroy();
  const usual = await transaction_of(`${header}\r\nHi\r\n`);
  assert.equal(new KeptMessage(usual.message_stream).header_too_large, false);
});

test("another body is stored as one that came by SMTP, whatever the pieces", { skip }, async () => {
  const { BodyWriter } = require("../lib/body-writer");
  const { KeptMessage } = require("../lib/kept-message");
  const body = ".\r\n..\r\nx=\r\n\r\n".repeat(2000);
  for (const spool_after of [100, 1_000_000]) {
    for (const size of [1, 7, 5000]) {
      const transaction = await transaction_of(`${header}\r\nHi\r\n`, spool_after);
      const writer = new BodyWriter(transaction);
      for (let at = 0; at < body.length; at += size)
        await writer.write(Buffer.from(body.slice(at, at + size)));
      assert.equal((await writer.finish()).octets, body.length);
      transaction.message_stream.destroy();
      transaction.message_stream = writer.stream;
      assert.equal(await all(new KeptMessage(writer.stream).read()), `${header}\r\n${body}`);
      writer.stream.destroy();
    }
  }
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.deepEqual(readdirSync(folder), []);
});
