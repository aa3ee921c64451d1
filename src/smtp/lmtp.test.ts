import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { brief, failure, message, open, opened, scripted, to } from "./test-scripts.ts";

interface Script {
  /** What differs from 250 for a recipient: at RCPT, and behind the content. Null: the connection ends. */
  readonly rcpt?: Record<string, string>;
  readonly content?: Record<string, string | null>;
  readonly lhlo?: string;
}

/** A server of LMTP (RFC 2033): as many replies behind the content as recipients were accepted. */
function lmtpServer(t: TestContext, script: Script, path?: string) {
  let accepted: string[] = [];
  let inData = false;
  const heard: string[] = [];
  const port = scripted(
    t,
    "220 lmtp\r\n",
    (line, socket) => {
      if (inData) {
        if (line !== ".") return null;
        inData = false;
        let words = "";
        for (const address of accepted.splice(0)) {
          const own = script.content?.[address];
          if (own === null) {
            socket.end(words);
            return null;
          }
          words += own ?? `250 2.1.5 <${address}> saved\r\n`;
        }
        return words;
      }
      heard.push(line);
      const [verb = ""] = line.split(/[ :]/);
      if (verb === "LHLO") return script.lhlo ?? "250-lmtp\r\n250-PIPELINING\r\n250 ENHANCEDSTATUSCODES\r\n";
      if (verb === "EHLO") return "500 LMTP only\r\n";
      if (verb === "MAIL") accepted = [];
      if (verb === "RCPT") {
        const address = /<(.*)>/.exec(line)?.[1] ?? "";
        const refusal = script.rcpt?.[address];
        if (refusal === undefined) accepted.push(address);
        return refusal ?? "250 2.1.5 ok\r\n";
      }
      if (verb === "DATA") {
        inData = accepted.length > 0;
        return inData ? "354 go\r\n" : "503 5.5.1 nobody\r\n";
      }
      return verb === "QUIT" ? "221 bye\r\n" : "250 ok\r\n";
    },
    path,
  );
  return { port, heard };
}

const recipients = ["a@mx.test", "no@mx.test", "full@mx.test", "a@mx.test"].map(to);

test("LMTP: each accepted recipient has its own answer to the content (RFC 2033 §4.2)", async (t) => {
  for (const lhlo of ["250-l\r\n250 PIPELINING\r\n", "250 l\r\n"]) {
    const { port, heard } = lmtpServer(t, {
      lhlo,
      rcpt: { "no@mx.test": "550 5.1.1 who?\r\n" },
      content: { "full@mx.test": "452 4.2.2 full\r\n" },
    });
    const client = await opened(await port, { protocol: "lmtp" });
    for (let round = 0; round < 2; round++) {
      assert.deepEqual(brief(await client.send({ ...message, recipients })), [
        "delivered at content: 250 2.1.5 <a@mx.test> saved",
        "refused at rcpt: 550 5.1.1 who?",
        "deferred at content: 452 4.2.2 full",
        "delivered at content: 250 2.1.5 <a@mx.test> saved",
      ]);
    }
    assert.deepEqual(brief(await client.send({ ...message, recipients: [to("no@mx.test")] })), [
      "refused at rcpt: 550 5.1.1 who?",
    ]);
    assert.ok(client.usable);
    await client.quit();
    assert.equal(heard[0], "LHLO client.test");
    assert.equal(heard.at(-1), "QUIT");
  }
});

test("LMTP: who was answered before the connection broke has his answer, the others are tried again", async (t) => {
  const { port } = lmtpServer(t, { content: { "full@mx.test": null } });
  const client = await opened(await port, { protocol: "lmtp" });
  const outcomes = brief(await client.send({ ...message, recipients }));
  assert.deepEqual(outcomes, [
    "delivered at content: 250 2.1.5 <a@mx.test> saved",
    "delivered at content: 250 2.1.5 <no@mx.test> saved",
    "deferred at content: null 4.4.2 the server closed the connection",
    "deferred at content: null 4.4.2 the server closed the connection",
  ]);
});

test("LMTP over a Unix socket", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "vsmtp-lmtp-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "lmtp");
  const { port } = lmtpServer(t, { content: { "full@mx.test": "552 5.2.2 full\r\n" } }, path);
  await port;
  const client = await opened(path, { protocol: "lmtp" });
  const outcomes = await client.send({ ...message, recipients });
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ["delivered", "delivered", "refused", "delivered"],
  );
  await client.quit();
  assert.match(
    await failure(join(folder, "nobody"), { protocol: "lmtp" }),
    /^deferred at connect: null 4\.4\.1 cannot connect to mx\.test \(.*nobody\): .*ENOENT/,
  );
});

test("LMTP: a server that does not know LHLO is not talked to in another way", async (t) => {
  const { port } = lmtpServer(t, { lhlo: "502 what?\r\n" });
  const result = await open(await port, { protocol: "lmtp" });
  assert.equal(result.ok ? "opened" : result.failure.code, 502);
});
