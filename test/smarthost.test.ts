import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createTransport, type SendMailOptions } from "nodemailer";
import { bodyOf, hopMessages } from "./support/hop-messages.ts";
import type { Relay } from "./support/peers/relay.ts";
import { type RelayPeer, relayPeers } from "./support/peers/relay-peers.ts";
import { type QueuedMail, SubmissionService } from "./support/submission-service.ts";

// Mail servers of others that have our submission server for their smarthost: they log in as one of its users, inside
// TLS, and pass on what they were given.

const allice = "allice@someisp.test";
let service: SubmissionService;
const relays = new Map<RelayPeer, Relay>();

before(async () => {
  service = await SubmissionService.start({ [allice]: "secret" });
  const settings = {
    nextHops: { "dest.test": service.submissionPort },
    login: { user: allice, password: "secret", caFile: service.caFile },
  };
  const starting = relayPeers
    .filter(({ skip }) => !skip)
    .map(async (peer) => void relays.set(peer, await peer.start(settings)));
  await Promise.allSettled(starting);
  await Promise.all(starting);
});

after(async () => {
  await Promise.all([...relays.values()].map((relay) => relay.stop()));
  await service?.stop();
});

for (const peer of relayPeers) {
  test(`${peer.name} submits for allice: queued signed, it passes`, { skip: peer.skip }, async () => {
    const relay = relays.get(peer) as Relay;
    try {
      const client = createTransport({ host: "127.0.0.1", port: relay.plainPort, ignoreTLS: true });
      for (const message of hopMessages) {
        const recipients = message.localParts.map((localPart) => `${localPart}@dest.test`);
        if (peer.takesNo.includes(message.name) || peer.spoils.includes(message.name)) continue;
        const raw = message.octets(recipients);
        await client.sendMail({ raw, envelope: { from: allice, to: recipients } });
        for (const { sender, text, verdict } of await queued(recipients)) {
          assert.equal(sender, allice);
          const { result, identity, align, rcpt, detail } = verdict;
          const passed = ["pass", allice, "from", "match"];
          assert.deepEqual([result, identity, align, rcpt], passed, `${message.name}: ${detail}`);
          assert.ok(bodyOf(text).equals(message.body), message.name);
          assert.match(text, /^Received: .*(\r\n\s.*)*with (UTF8SMTPSA|ESMTPSA) /);
        }
      }
      // Exim says K of what it handed in by BDAT, which the others do not know.
      if (peer.name === "Exim") assert.match(relay.log(), / A=plain K C="250 2\.0\.0 /);
    } catch (error) {
      console.log(relay.log().split("\n").slice(-100).join("\n"));
      throw error;
    }
  });
}

for (const peer of relayPeers.filter(({ dsn }) => dsn)) {
  test(`${peer.name} passes on what the author wants to hear of his mail (DSN)`, {
    skip: peer.skip,
  }, async () => {
    const relay = relays.get(peer) as Relay;
    const client = createTransport({ host: "127.0.0.1", port: relay.plainPort, ignoreTLS: true });
    const recipient = "bob@dest.test";
    const mail: SendMailOptions = {
      raw: `From: ${allice}\r\nTo: ${recipient}\r\n\r\nHi\r\n`,
      envelope: { from: allice, to: recipient },
      dsn: { id: "a+b", return: "headers", notify: ["success", "delay"], recipient: `rfc822;${recipient}` },
    };
    await client.sendMail(mail);
    const [queuedMail] = await queued([recipient]);
    assert.deepEqual(queuedMail?.dsn, {
      returned: "headers",
      envelopeId: "a+2Bb",
      notify: ["success", "delay"],
      originalRecipient: `rfc822;${recipient}`,
    });
  });
}

/** What has been queued when all of these recipients have their copy. */
async function queued(recipients: readonly string[]): Promise<QueuedMail[]> {
  const mails: QueuedMail[] = [];
  for (const deadline = Date.now() + 20_000; Date.now() < deadline; await sleep(50)) {
    mails.push(...(await service.takeQueue()));
    const arrived = mails.flatMap((mail) => mail.recipients).sort();
    if (arrived.length >= recipients.length) {
      assert.deepEqual(arrived, [...recipients].sort());
      return mails;
    }
  }
  assert.fail(`nothing came for ${recipients.join(", ")}`);
}
