import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Spool } from "../spool/index.ts";
import type { SignedSubmission } from "./submission-signing.ts";
import { withinDeadline } from "./within-deadline.ts";

const folder = mkdtempSync(join(tmpdir(), "vsmtp-late-"));
after(() => rmSync(folder, { recursive: true }));
const small = { bodyOctets: 0 };

test("what is signed too late is refused, and its file goes", async () => {
  const writer = (await Spool.open(folder, { memoryOctets: 1 })).receive();
  await writer.write(Buffer.from("body"));
  const { file } = await writer.finish();
  const signed: SignedSubmission = {
    kind: "signed",
    identity: "allice@someisp.test",
    kids: [],
    messageIdHash: null,
    content: { inline: Buffer.from("header"), file },
    eightBit: false,
    copies: [],
  };
  assert.equal((await withinDeadline(Promise.resolve(signed), small, 1000)).kind, "signed");
  assert.equal(readdirSync(folder).length, 1);

  const signing = Promise.withResolvers<SignedSubmission>();
  const result = await withinDeadline(signing.promise, small, 5);
  assert.ok(result.kind === "refused" && result.cause instanceof Error);
  assert.deepEqual([result.reply.code, result.reply.enhanced], [451, "4.4.3"]);
  signing.resolve(signed);
  while (readdirSync(folder).length > 0) await new Promise((resolve) => setTimeout(resolve, 5));

  const failing = Promise.withResolvers<SignedSubmission>();
  assert.equal((await withinDeadline(failing.promise, small, 5)).kind, "refused");
  failing.reject(new Error("the disk failed, but nobody waits any more"));
});
