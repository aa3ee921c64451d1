import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { MappingDialer } from "../src/dialer/index.ts";
import { type DialTarget, openSmtp } from "../src/smtp/index.ts";
import { hopMessages } from "./support/hop-messages.ts";
import { Dovecot, missingDovecot } from "./support/peers/dovecot.ts";
import { author, TwoHosts } from "./support/two-hosts.ts";

// A real Dovecot takes mail by LMTP, first from our client alone, then from a host of ours that has it for its mailboxes.

const skip = missingDovecot();
let dovecot: Dovecot;
let hosts: TwoHosts;

before(async () => {
  if (skip) return;
  const users = ["dovecot.test", "tcp.test", "unix.test"].flatMap((domain) => [
    [`bob@${domain}`, 1e9],
    [`carol@${domain}`, 1e9],
    [`full@${domain}`, 10],
  ]);
  dovecot = await Dovecot.start(Object.fromEntries(users));
  hosts = await TwoHosts.prepare();
  const places = { "tcp.test": `127.0.0.1:${dovecot.port}`, "unix.test": `unix:${dovecot.socket}` };
  const tables = Object.entries(places).map(
    ([name, place]) => `[[domains]]\nname = "${name}"\nlmtp = "${place}"\n`,
  );
  await hosts.startReceiver([], tables.join(""));
  const port = hosts.mxPorts.tls;
  await hosts.startSender({ "tcp.test": { port }, "unix.test": { port } }, {});
});
after(async () => {
  await hosts?.stop();
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

for (const domain of ["tcp.test", "unix.test"]) {
  test(`${domain}: mail arrives at Dovecot's mailboxes as it was signed, with our MX's word on it`, {
    skip,
  }, async () => {
    const recipients = [`bob@${domain}`, `carol@${domain}`];
    // Dovecot 2.3 has no SMTPUTF8.
    for (const message of hopMessages.filter(({ name }) => !name.includes("UTF-8"))) {
      await hosts.submit({ octets: message.octets(recipients), recipients });
      for (const recipient of recipients) {
        const text = await arrived(recipient, message.name);
        assert.match(
          text,
          /^Authentication-Results: mx\.dest\.test;\n vsmtp=pass header\.i=allice@someisp\.test/m,
        );
        assert.ok(
          text.endsWith(`\n\n${message.body.toString("latin1").replaceAll("\r\n", "\n")}`),
          message.name,
        );
      }
    }
  });

  test(`${domain}: who is unknown to Dovecot or over quota bounces, the others have their mail`, {
    skip,
  }, async () => {
    const recipients = ["bob", "nobody", "full", "carol"].map((name) => `${name}@${domain}`);
    const octets = Buffer.from(
      `From: ${author}\r\nTo: ${recipients.join(", ")}\r\nSubject: four\r\n\r\nHi\r\n`,
    );
    await hosts.submit({ octets, recipients });
    for (const name of ["bob", "carol"]) await arrived(`${name}@${domain}`, "four");
    const reports = { nobody: /5\.1\.1/, full: /5\.2\.2/ };
    for (const [name, status] of Object.entries(reports)) {
      await hosts.stored(author, (text) => text.includes(`${name}@${domain}`) && status.test(text));
    }
  });
}

/** The message of this subject in a mailbox of Dovecot, as soon as it is there. */
async function arrived(user: string, subject: string): Promise<string> {
  for (const deadline = Date.now() + 20_000; Date.now() < deadline; await sleep(50)) {
    const found = dovecot.messages(user).find((text) => text.includes(`\nSubject: ${subject}\n`));
    if (found !== undefined) return found;
  }
  assert.fail(`nothing came for ${user}\n${dovecot.log()}\n${hosts.log()}`);
}
