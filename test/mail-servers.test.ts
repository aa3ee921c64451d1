import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Talker } from "../src/smtp/test-peers.ts";
import { bodyOf, hopMessages } from "./support/hop-messages.ts";
import { Dovecot, missingDovecot } from "./support/peers/dovecot.ts";
import { type Relay, relayName } from "./support/peers/relay.ts";
import { type RelayPeer, relayPeers } from "./support/peers/relay-peers.ts";
import { author, type Route, TwoHosts } from "./support/two-hosts.ts";

// Signed mail on its way through mail servers of others: from our delivery into each, and out of it to our MX, with and
// without TLS on either side. Whatever it was, its signature still holds when it arrives.

/** How mail finds the peer, and whether there is TLS into it and out of it. */
const ways = [
  { label: "plain", by: "route", into: "plain", outOf: "plain" },
  { label: "tls", by: "mx", into: "tls", outOf: "tls" },
  { label: "tls-in", by: "route", into: "tls", outOf: "plain" },
  { label: "tls-out", by: "mx", into: "plain", outOf: "tls" },
] as const;

/** The domain for which we log in at the peer. */
const loginDomainOf = (peer: RelayPeer) => `login.${peer.name.toLowerCase()}.test`;

const passed = { result: "pass", reason: null, align: "from", rcpt: "match" };

const domainOf = (peer: RelayPeer, way: (typeof ways)[number]) =>
  `${way.label}.${peer.name.toLowerCase()}.test`;

/** The MX refuses bounces of what did not come from us (NBR-4). */
const bouncePolicy = '[policy]\nforged_bounces = "reject"\n';

let hosts: TwoHosts;
let dovecot: Dovecot | null = null;
/** Our MX takes no mail for it, so that the peer has to write a bounce. */
const goneDomainOf = (peer: RelayPeer) => `gone.${peer.name.toLowerCase()}.test`;

const user = "mx1@someisp.test";
const relays = new Map<RelayPeer, Relay>();

before(async () => {
  hosts = await TwoHosts.prepare();
  const present = relayPeers.filter(({ skip }) => !skip);
  if (!missingDovecot()) dovecot = await Dovecot.start({ [user]: 0 });
  const account = dovecot && {
    user,
    password: dovecot.password,
    authority: hosts.authority,
    dovecotSocket: dovecot.authSocket,
  };
  const starting = present.map(async (peer) => {
    const nextHops: Record<string, number> = {
      [loginDomainOf(peer)]: hosts.mxPorts.tls,
      [goneDomainOf(peer)]: hosts.mxPorts.tls,
      "someisp.test": hosts.mxPorts.tls, // for its bounces
    };
    for (const way of ways) nextHops[domainOf(peer, way)] = hosts.mxPorts[way.outOf];
    relays.set(peer, await peer.start({ nextHops, ...(account ? { account } : {}) }));
  });
  const domains = present.flatMap((peer) => [loginDomainOf(peer), ...ways.map((way) => domainOf(peer, way))]);
  await Promise.all([hosts.startReceiver(domains, bouncePolicy), Promise.allSettled(starting)]);
  await Promise.all(starting);
  const routes: Record<string, Route> = {};
  const connect: Record<string, number> = {};
  for (const peer of present) {
    const relay = relays.get(peer) as Relay;
    routes[goneDomainOf(peer)] = { port: relay.plainPort };
    if (account) routes[loginDomainOf(peer)] = { port: relay.tlsPort, login: account };
    for (const way of ways) {
      const domain = domainOf(peer, way);
      const port = way.into === "tls" ? relay.tlsPort : relay.plainPort;
      if (way.by === "route") routes[domain] = { port };
      else {
        connect[`mx.${domain}:25`] = port;
        hosts.dns.set(domain, { MX: [[10, `mx.${domain}`]] });
        hosts.dns.set(`mx.${domain}`, { A: ["127.0.0.1"] });
      }
    }
  }
  await hosts.startSender(routes, connect);
});

after(async () => {
  await Promise.all([...relays.values()].map((relay) => relay.stop()));
  await hosts?.stop();
  await dovecot?.stop();
});

for (const peer of relayPeers) {
  for (const message of hopMessages) {
    const domains = ways.map((way) => domainOf(peer, way));
    const recipientsIn = (domain: string) => message.localParts.map((localPart) => `${localPart}@${domain}`);
    const submit = async () => {
      const recipients = domains.flatMap(recipientsIn);
      await hosts.submit({ octets: message.octets(recipients), recipients });
    };

    // Our bounce is signed, theirs is not.
    const spoilt = peer.spoils.includes(message.name);
    if (spoilt || peer.takesNo.includes(message.name)) {
      test(`${peer.name} cannot relay ${message.name}: the author hears of it`, {
        skip: peer.skip,
      }, async () => {
        await withLogs(peer, async () => {
          await submit();
          for (const domain of domains) {
            const says = (text: string) =>
              text.includes(`@${domain}`) &&
              text.includes(`Subject: ${message.name}\r\n`) &&
              /\b55\d 5|\b5\.6\.7/.test(text);
            assert.equal((await hosts.arrived(author, says)).result, spoilt ? "none" : "pass");
          }
        });
      });
      continue;
    }

    test(`${peer.name} relays ${message.name}, with and without TLS: it passes at our MX`, {
      skip: peer.skip,
    }, async () => {
      await withLogs(peer, async () => {
        await submit();
        for (const way of ways) {
          for (const recipient of recipientsIn(domainOf(peer, way))) {
            const { text, detail, ...verdict } = await hosts.arrived(recipient);
            assert.deepEqual(verdict, passed, `${recipient}: ${detail}`);
            assert.ok(bodyOf(text).equals(message.body), `body of ${recipient}`);
            if (way.into === "plain" || peer.tlsServer) {
              assert.equal(cameInTls(text, relayName), way.into === "tls", `into ${peer.name}`);
            }
            assert.equal(cameInTls(text, "mx.dest.test"), way.outOf === "tls", `out of ${peer.name}`);
          }
        }
      });
    });
  }
}

for (const peer of relayPeers) {
  test(`${peer.name} returns what it cannot deliver: we know our mail again, and a forger's not (NBR-4)`, {
    skip: peer.skip,
  }, async () => {
    await withLogs(peer, async () => {
      const recipient = `nobody@${goneDomainOf(peer)}`;
      const subject = `Subject: For ${peer.name}\r\n`;
      const octets = Buffer.from(`From: ${author}\r\nTo: ${recipient}\r\n${subject}\r\nHi\r\n`);
      await hosts.submit({ octets, recipients: [recipient] });
      const { text } = await hosts.arrived(
        author,
        (bounce) => bounce.includes(recipient) && bounce.includes("550"),
      );
      // As it came in, without what we wrote on top.
      const bounce = text.slice(text.indexOf("\r\nReceived:") + 2);
      const again = async (message: string): Promise<string> => {
        const talker = await Talker.hello(hosts.mxPorts.plain);
        await talker.ask("MAIL FROM:<> BODY=8BITMIME");
        await talker.ask(`RCPT TO:<${author}>`);
        await talker.ask("DATA");
        talker.send(`${message.replaceAll(/(?<=^|\r\n)\./g, "..")}.\r\n`);
        const answer = await talker.reply();
        talker.destroy();
        return answer;
      };
      assert.match(await again(bounce), /^250 /);
      assert.match(
        await again(bounce.replaceAll(subject, "Subject: Buy\r\n")),
        /^550 5\.7\.1 VSMTP\/unsigned/,
      );
      assert.match(
        await again(bounce.replace(/^VSMTP-Signature:.*\r\n(?:[ \t].*\r\n)*/m, "")),
        /^550 5\.7\.1 /,
      );
    });
  });
}

// Postfix asks Dovecot about passwords.
for (const peer of relayPeers.filter(({ tlsServer }) => tlsServer)) {
  test(`${peer.name} is a smarthost: we check its certificate and log in`, {
    skip: peer.skip || missingDovecot(),
  }, async () => {
    await withLogs(peer, async () => {
      const recipient = `bob@${loginDomainOf(peer)}`;
      await hosts.submit({ octets: Buffer.from(`From: ${author}\r\n\r\nHi\r\n`), recipients: [recipient] });
      const { text, detail, ...verdict } = await hosts.arrived(recipient);
      assert.deepEqual(verdict, passed, `${detail}`);
      assert.match(receivedBy(text, relayName), / with esmtpsa\b/i);
    });
  });
}

/** When it fails, what all servers wrote of late is shown. */
async function withLogs(peer: RelayPeer, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const logs = [`${peer.name}:\n${relays.get(peer)?.log()}`, `our hosts:\n${hosts.log()}`];
    for (const log of logs) console.log(log.split("\n").slice(-100).join("\n"));
    throw error;
  }
}

/** Did this host get the message inside TLS? Its Received field says so (RFC 3848, RFC 6531 §4.3). */
function cameInTls(text: string, host: string): boolean {
  return / with \S*smtpsa?\b/i.test(receivedBy(text, host));
}

/** The Received field of a host, unfolded. */
function receivedBy(text: string, host: string): string {
  const header = text.slice(0, text.indexOf("\r\n\r\n")).replace(/\r\n(?=[ \t])/g, "");
  const fields = header.split("\r\n").filter((line) => /^Received:/i.test(line));
  return fields.find((line) => line.includes(`by ${host}`) && / with \S/.test(line)) ?? "";
}
