import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { MailSink } from "./support/mail-sink.ts";
import type { Relay } from "./support/peers/relay.ts";
import { type RelayPeer, relayPeers } from "./support/peers/relay-peers.ts";
import { author, type Route, TwoHosts } from "./support/two-hosts.ts";

// Authors who want to hear of success (RFC 3461): the last server that knows DSN tells them, be it ours or another's.

let hosts: TwoHosts;
const relays = new Map<RelayPeer, Relay>();
/** Knows no DSN. */
const sink = new MailSink({ withheld: ["DSN"] });
/** Mail for the first passes the peer and comes to our MX; for the second it comes to the sink. */
const mxDomainOf = (peer: RelayPeer) => `${peer.name.toLowerCase()}.test`;
const sinkDomainOf = (peer: RelayPeer) => `sink.${mxDomainOf(peer)}`;

before(async () => {
  hosts = await TwoHosts.prepare();
  await sink.listen();
  const present = relayPeers.filter(({ skip }) => !skip);
  const starting = present.map(async (peer) => {
    const toMx = { [mxDomainOf(peer)]: hosts.mxPorts.tls, "someisp.test": hosts.mxPorts.tls };
    relays.set(peer, await peer.start({ nextHops: { ...toMx, [sinkDomainOf(peer)]: sink.port } }));
  });
  await Promise.all([hosts.startReceiver(present.map(mxDomainOf)), Promise.allSettled(starting)]);
  await Promise.all(starting);
  const routes: Record<string, Route> = {};
  for (const [peer, { tlsPort: port }] of relays) {
    routes[mxDomainOf(peer)] = { port };
    routes[sinkDomainOf(peer)] = { port };
  }
  await hosts.startSender(routes, {});
});

after(async () => {
  await Promise.all([...relays.values()].map((relay) => relay.stop()));
  await hosts?.stop();
  await sink.close();
});

for (const peer of relayPeers) {
  const { name, skip, dsn } = peer;
  test(`through ${name} to our MX: ${dsn ? "it says delivered" : "our delivery says relayed"}`, {
    skip,
  }, async () => {
    const recipient = `bob@${mxDomainOf(peer)}`;
    const { result, text } = await wantSuccess(peer, recipient, dsn ? "delivered" : "relayed");
    // The sending host signs its reports; the receiving one has no accounts.
    if (!dsn) assert.equal(result, "pass");
    assert.match(text, /^Original-Envelope-Id: some id\r$/m);
  });

  test(`through ${name} to a server without DSN: ${dsn ? name : "our delivery"} reports`, {
    skip,
  }, async () => {
    const recipient = `carol@${sinkDomainOf(peer)}`;
    const { result } = await wantSuccess(peer, recipient, dsn ? "(relayed|delivered)" : "relayed"); // Exim: delivered
    assert.equal(result, dsn ? "none" : "pass");
    assert.equal((await sink.take([recipient])).size, 1);
  });
}

/** Sends a message of whose success its author wants to hear, and waits until he does. */
async function wantSuccess(peer: RelayPeer, recipient: string, action: string) {
  const octets = Buffer.from(`From: ${author}\r\nTo: ${recipient}\r\nSubject: x\r\n\r\nHi\r\n`);
  const dsn = { id: "some id", return: "headers", notify: "success", recipient: `rfc822;${recipient}` };
  await hosts.submit({ octets, recipients: [recipient], dsn });
  const says = new RegExp(`^Action: ${action}\\b`, "m");
  try {
    const { id, text } = await hosts.stored(
      author,
      (report) => says.test(report) && report.includes(recipient),
    );
    return { text, result: hosts.resultOf(id) };
  } catch (error) {
    console.log(relays.get(peer)?.log());
    throw error;
  }
}
