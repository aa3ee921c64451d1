import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { MappingDialer } from "../src/dialer/index.ts";
import { type DialTarget, openSmtp } from "../src/smtp/index.ts";
import { Dovecot, missingDovecot } from "./support/peers/dovecot.ts";

const skip = missingDovecot();
let dovecot: Dovecot;

before(async () => {
  if (!skip)
    dovecot = await Dovecot.start({
      "bob@dovecot.test": 1e9,
      "carol@dovecot.test": 1e9,
      "full@dovecot.test": 10,
    });
});
after(async () => {
  await dovecot?.stop();
});

for (const kind of ["TCP", "a Unix socket"] as const) {
  test(`Dovecot's LMTP server over ${kind}: each recipient has a result of its own`, { skip }, async () => {
    const target: DialTarget =
      kind === "TCP"
        ? { host: "127.0.0.1", address: "127.0.0.1", port: dovecot.port }
        : { host: "dovecot", path: dovecot.socket };
    const options = { hostname: "mx.dest.test", tls: { mode: "never" }, protocol: "lmtp" } as const;
    const opened = await openSmtp(new MappingDialer(), target, options);
    assert.ok(opened.ok);
    for (const body of [
      "",
      ".\r\n..\r\n",
      `${"x".repeat(998)}\r\n`,
      `${"y".repeat(78)}\r\n`.repeat(26_214),
    ]) {
      const outcomes = await opened.client.send({
        reversePath: "allice@someisp.test",
        recipients: ["bob", "nobody", "full", "carol"].map((name) => ({ address: `${name}@dovecot.test` })),
        content: Buffer.from(`Subject: ${kind}\r\n\r\n${body}`),
      });
      assert.deepEqual(
        outcomes.map(({ recipient, status, stage, enhanced }) => [recipient, status, stage, enhanced]),
        [
          ["bob@dovecot.test", "delivered", "content", "2.0.0"],
          ["nobody@dovecot.test", "refused", "rcpt", "5.1.1"],
          ["full@dovecot.test", "refused", "content", "5.2.2"],
          ["carol@dovecot.test", "delivered", "content", "2.0.0"],
        ],
        dovecot.log(),
      );
      for (const user of ["bob@dovecot.test", "carol@dovecot.test"]) {
        const ends = dovecot.messages(user).map((text) => text.slice(text.indexOf(`\nSubject: ${kind}`)));
        assert.ok(ends.includes(`\nSubject: ${kind}\n\n${body.replaceAll("\r\n", "\n")}`));
      }
    }
    await opened.client.quit();
  });
}
