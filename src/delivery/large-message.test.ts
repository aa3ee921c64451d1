import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createReadStream, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { HostedDomain } from "../config/index.ts";
import type { Queue } from "../queue/index.ts";
import { reply } from "../smtp/index.ts";
import { message, startDelivery, startServer } from "./test-network.ts";

const header = Buffer.from("From: a@here.test\r\nSubject: large\r\n\r\n");
const line = Buffer.from(`${"0123456789abcdef".repeat(60)}\r\n`);
/** 50 MiB in pieces of about 240 KiB. */
const pieces = Array.from({ length: 220 }, () => Buffer.concat(Array.from({ length: 256 }, () => line)));

/** Octets that were read of the queue's files. */
function countReads(queue: Queue): { octets: number } {
  const read = { octets: 0 };
  const { content } = queue;
  queue.content = async (leased) => {
    const stored = await content.call(queue, leased);
    return {
      ...stored,
      async *rest() {
        for await (const piece of stored.rest()) {
          read.octets += piece.length;
          yield piece;
        }
      },
    };
  };
  return read;
}

test("50 MiB go from the disk to a server that is slow, and no more than pieces are in memory", async (t) => {
  const expected = createHash("sha256").update("Received: here\r\n").update(header);
  for (const piece of pieces) expected.update(piece);
  const digest = expected.digest("hex");
  let received = 0;
  let mostAhead = 0;
  const got: string[] = [];
  const { port } = await startServer(
    t,
    {
      data: () => {
        const hash = createHash("sha256");
        return {
          write: async (chunk) => {
            hash.update(chunk);
            received += chunk.length;
            mostAhead = Math.max(mostAhead, read.octets - received);
            // Others get their turn, so that whatever is not held back would be read on.
            if (received % 7 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
          },
          finish: () => {
            got.push(hash.digest("hex"));
            return reply(250, "2.0.0", "Taken");
          },
          abort: () => {},
        };
      },
    },
    { limits: { messageOctets: 100 << 20, connectionsPerAddress: 10 } },
  );
  const { queue, spool, attempts } = await startDelivery(t, { "mx.dest.test": port });
  const read = countReads(queue);
  const writer = spool.receive();
  for (const piece of pieces) await writer.write(piece);
  const { file } = await writer.finish();
  await queue.enqueue([{ ...message(), content: { inline: header, file } }]);
  assert.match((await attempts(1))[0] as string, /delivered/);
  assert.deepEqual(got, [digest]);
  assert.ok(received > 50 << 20);
  // Pieces of 256 KiB, and what the sockets of both sides hold.
  assert.ok(mostAhead < 8 << 20, `${mostAhead} octets ahead of the server`);
});

test("a large message is stored in a Maildir as it is", async (t) => {
  const root = mkdtempSync(join(tmpdir(), "vsmtp-large-"));
  t.after(() => rmSync(root, { recursive: true }));
  const domains: HostedDomain[] = [
    {
      name: "here.test",
      target: { kind: "maildir", mailboxes: { listed: new Map(), root, catchAll: null } },
      forwards: new Map(),
      lists: new Map(),
      policy: { stage: null, actions: {}, senders: [] },
    },
  ];
  const { queue, spool, attempts } = await startDelivery(
    t,
    {},
    { domains, findMaildir: () => join(root, "bob") },
  );
  const writer = spool.receive();
  for (const piece of pieces.slice(0, 10)) await writer.write(piece);
  const { file } = await writer.finish();
  await queue.enqueue([{ ...message({ recipients: ["bob@here.test"] }), content: { inline: header, file } }]);
  assert.match((await attempts(1))[0] as string, /delivered/);
  const [name] = readdirSync(join(root, "bob", "new"));
  const expected = createHash("sha256")
    .update("Return-Path: <a@here.test>\r\nDelivered-To: bob@here.test\r\nReceived: here\r\n")
    .update(header);
  for (const piece of pieces.slice(0, 10)) expected.update(piece);
  const stored = createHash("sha256");
  for await (const piece of createReadStream(join(root, "bob", "new", name as string))) stored.update(piece);
  assert.equal(stored.digest("hex"), expected.digest("hex"));
});
