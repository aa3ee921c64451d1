import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { findMail } from "./mailbox.ts";
import { differences, mailboxState, type Outcome, recordedJudgement } from "./outcome.ts";

// The playground is worth something only if it notices what does not come out as expected.

const delivered: Outcome = {
  verdict: "pass",
  align: "from",
  rcpt: "match",
  reply: "250 2.0.0",
  mailbox: "inbox",
};

test("every difference from what was expected is named", () => {
  assert.deepEqual(differences(delivered, delivered), []);
  const refused: Outcome = {
    verdict: "fail no-key",
    align: null,
    rcpt: null,
    reply: "550 5.7.5",
    mailbox: null,
  };
  assert.deepEqual(differences(delivered, refused), [
    "verdict: expected pass, was fail no-key",
    "align: expected from, was nothing",
    "rcpt: expected match, was nothing",
    "reply: expected 250 2.0.0, was 550 5.7.5",
    "mailbox: expected inbox, was nothing",
  ]);
});

test("the verdict is read from the mailbox, and only from the border's own field (REC-2)", async () => {
  const maildir = await mkdtemp(join(tmpdir(), "vsmtp-test-"));
  try {
    for (const part of ["new", ".Junk/new"]) await mkdir(join(maildir, part), { recursive: true });
    const store = (file: string, header: readonly string[]): Promise<void> =>
      writeFile(join(maildir, file), `${header.join("\r\n")}\r\n\r\nAuthentication-Results: x\r\n`);
    await store("new/1", [
      'Authentication-Results: mx.dest.test;\r\n vsmtp=fail reason="no-key" header.i=a@b.test\r\n policy.rcpt=match',
      "X-VSMTP-Flag: tag; VSMTP/no-key",
      "Authentication-Results: mx.evil.test; vsmtp=pass policy.align=from",
      "Message-ID: <1@b.test>",
    ]);
    await store(".Junk/new/2", ["Message-ID: <2@b.test>"]);
    const first = await findMail(maildir, "<1@b.test>");
    assert.ok(first);
    assert.equal(mailboxState(first), "tagged");
    assert.deepEqual(recordedJudgement(first, "mx.dest.test"), {
      verdict: "fail no-key",
      align: null,
      rcpt: "match",
    });
    const second = await findMail(maildir, "<2@b.test>");
    assert.ok(second);
    assert.equal(mailboxState(second), "junk");
    assert.equal(recordedJudgement(second, "mx.dest.test"), null);
    assert.equal(await findMail(maildir, "<3@b.test>"), null);
  } finally {
    await rm(maildir, { recursive: true });
  }
});
