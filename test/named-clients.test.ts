import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { MappingDialer } from "../src/dialer/index.ts";
import {
  type OutgoingMessage,
  openSmtp,
  type SessionInfo,
  type SmtpClientOptions,
  unknownClient,
} from "../src/smtp/index.ts";
import { sendMessage, startServer, Talker } from "../src/smtp/test-peers.ts";
import { freePorts } from "./support/free-ports.ts";
import { missingHaproxy, startHaproxy } from "./support/peers/haproxy.ts";
import type { PeerProcess } from "./support/peers/peer-process.ts";
import { missingPostfix } from "./support/peers/postfix.ts";
import { makePostfixFolder, startPostfixMaster } from "./support/peers/postfix-master.ts";

// PROXY, XCLIENT and XFORWARD with haproxy and Postfix on the other side of each.

const everyone = (address: string) => address === "127.0.0.1";
const trusted = { proxyProtocol: undefined, xclient: everyone, xforward: everyone };

type Seen = Pick<SessionInfo, "remoteAddress" | "remotePort" | "helo" | "proxiedBy" | "told">;

/** Ours, which notes whose each message is; mail to `nobody@` is refused. */
async function ours(options: Parameters<typeof startServer>[0] = {}) {
  const seen: Seen[] = [];
  const started = await startServer({
    tlsMode: "plain",
    ...options,
    methods: {
      data: ({ remoteAddress, remotePort, helo, proxiedBy, told }) => {
        seen.push({ remoteAddress, remotePort, helo, proxiedBy, told });
        return {
          write() {},
          finish: () => ({ code: 250, enhanced: "2.0.0", text: "Kept" }),
          abort() {},
        };
      },
      rcpt: (_session, { localPart }) =>
        localPart === "nobody" ? { code: 550, enhanced: "5.1.1", text: "Nobody like that here" } : null,
    },
  });
  return { ...started, seen };
}

for (const version of ["send-proxy", "send-proxy-v2"]) {
  test(`haproxy (${version}) in front, with its checks: the client is the client`, {
    skip: missingHaproxy(),
  }, async (t) => {
    const options = { trusted: { proxyProtocol: everyone } };
    const plain = await ours(options);
    const implicit = await ours({ ...options, tlsMode: "implicit" });
    const [front = 0, tlsFront = 0] = await freePorts(2);
    const haproxy = await startHaproxy(
      `defaults
  mode tcp
  timeout connect 5s
  timeout client 60s
  timeout server 60s
listen smtp
  bind 127.0.0.1:${front}
  option smtpchk EHLO haproxy.test
  server mx1 127.0.0.1:${plain.port} ${version} check check-send-proxy inter 200ms
listen smtps
  bind 127.0.0.1:${tlsFront}
  server mx1 127.0.0.1:${implicit.port} ${version}
`,
      [front],
    );
    t.after(async () => {
      await haproxy.stop();
      await Promise.all([plain.server.close(0), implicit.server.close(0)]);
    });
    const talker = await Talker.connect(front, "127.0.0.5");
    assert.match(await talker.reply(), /^220/);
    await talker.ask("EHLO client.test");
    await sendMessage(talker);
    const secured = await Talker.connect(tlsFront, "127.0.0.6");
    await secured.startTls();
    assert.match(await secured.reply(), /^220/);
    await secured.ask("EHLO client.test");
    await sendMessage(secured);
    const common = { helo: "client.test", proxiedBy: "127.0.0.1", told: null };
    const portOf = ({ socket }: Talker) => socket.localPort;
    assert.deepEqual(plain.seen, [{ ...common, remoteAddress: "127.0.0.5", remotePort: portOf(talker) }]);
    assert.equal(implicit.seen[0]?.remoteAddress, "127.0.0.6");
    // Its checks have the header too, and go through.
    await sleep(500);
    assert.ok(!plain.events.some(({ kind }) => kind === "proxy-header-missing"));
    assert.doesNotMatch(haproxy.log(), /is DOWN/);
    for (const one of [talker, secured]) one.destroy();
  });
}

const skip = missingPostfix();
let next: Awaited<ReturnType<typeof ours>>;
let postfix: PeerProcess;
let ports: { relay: number; filtered: number; proxied: number; told: number };

before(async () => {
  if (skip) return;
  next = await ours({ trusted });
  const [relay = 0, filtered = 0, proxied = 0, told = 0] = await freePorts(4);
  ports = { relay, filtered, proxied, told };
  postfix = await startPostfixMaster({
    folder: makePostfixFolder(),
    settings: `myhostname = relay.test
mynetworks = 198.51.100.0/24
relay_domains = mx.test
transport_maps = inline:{ { mx.test = relay:[127.0.0.1]:${next.port} } }
smtp_send_xforward_command = yes
default_process_limit = 10
`,
    listeners: `127.0.0.1:${relay} inet n - n - - smtpd
127.0.0.1:${filtered} inet n - n - - smtpd -o smtpd_proxy_filter=127.0.0.1:${next.port}
127.0.0.1:${proxied} inet n - n - - smtpd -o smtpd_upstream_proxy_protocol=haproxy
127.0.0.1:${told} inet n - n - - smtpd -o smtpd_authorized_xclient_hosts=127.0.0.1 -o smtpd_authorized_xforward_hosts=127.0.0.1 -o smtpd_relay_restrictions=permit_mynetworks,reject
`,
    ports: [relay, filtered, told],
  });
});
after(async () => {
  await postfix?.stop();
  await next?.server.close(0);
});

async function say(port: number, recipient: string): Promise<string> {
  const talker = await Talker.connect(port, "127.0.0.5");
  await talker.reply();
  await talker.ask("EHLO laptop.test");
  await talker.ask("MAIL FROM:<a@client.test>");
  const refused = await talker.ask(`RCPT TO:<${recipient}>`);
  if (!refused.startsWith("250")) {
    talker.destroy();
    return refused;
  }
  await talker.ask("DATA");
  talker.send("Subject: x\r\n\r\nHi\r\n.\r\n");
  const answer = await talker.reply();
  talker.destroy();
  return answer;
}

async function last(count: number): Promise<Seen | undefined> {
  for (let left = 300; next.seen.length < count && left > 0; left--) await sleep(50);
  return next.seen.at(-1);
}

test("Postfix relays to us, and tells whose mail it is (smtp_send_xforward_command)", { skip }, async () => {
  const before = next.seen.length;
  const answer = await say(ports.relay, "b@mx.test");
  const [, id] = /queued as (\w+)/.exec(answer) ?? [];
  const seen = await last(before + 1);
  assert.equal(seen?.remoteAddress, "127.0.0.5", postfix.log());
  assert.equal(seen.helo, "laptop.test");
  assert.equal(seen.proxiedBy, "127.0.0.1");
  const { told } = seen;
  assert.deepEqual([told?.protocol, told?.ident, told?.source], ["ESMTP", id, "remote"]);
  assert.ok((told?.port ?? 0) > 0 && told?.port === seen.remotePort);
});

test("Postfix asks us before its queue (smtpd_proxy_filter): our answers are its own", { skip }, async () => {
  const before = next.seen.length;
  assert.match(await say(ports.filtered, "b@mx.test"), /^250 2\.0\.0 Kept/);
  const seen = await last(before + 1);
  assert.deepEqual([seen?.remoteAddress, seen?.helo], ["127.0.0.5", "laptop.test"], postfix.log());
  assert.match(await say(ports.filtered, "nobody@mx.test"), /^550 5\.1\.1 Nobody like that here/);
});

async function send(
  port: number,
  options: Partial<SmtpClientOptions>,
  more: Partial<OutgoingMessage> = {},
): Promise<string> {
  const target = { host: "127.0.0.1", address: "127.0.0.1", port };
  const opened = await openSmtp(new MappingDialer(), target, {
    hostname: "proxy.test",
    tls: { mode: "never" },
    ...options,
  });
  if (!opened.ok) return `${opened.failure.stage}: ${opened.failure.text}`;
  const [outcome] = await opened.client.send({
    reversePath: "a@client.test",
    recipients: [{ address: "b@elsewhere.test" }],
    content: Buffer.from("Subject: x\r\n\r\nHi\r\n"),
    ...more,
  });
  await opened.client.quit();
  return `${outcome?.stage}: ${outcome?.code} ${outcome?.text}`;
}

test("Postfix takes our PROXY header, version 1 and 2 (smtpd_upstream_proxy_protocol)", {
  skip,
}, async () => {
  for (const version of [1, 2] as const) {
    const source = { address: `203.0.113.${version}`, port: 4711 };
    const connection = { source, destination: { address: "127.0.0.1", port: ports.proxied } };
    assert.match(
      await send(ports.proxied, { proxyHeader: { version, connection } }),
      /^rcpt: [45]54 .*Relay access denied/,
    );
    assert.match(postfix.log(), new RegExp(`: connect from unknown\\[203\\.0\\.113\\.${version}\\]`));
    const trustedSource = { ...connection, source: { address: "198.51.100.7", port: 1 } };
    assert.match(
      await send(ports.proxied, { proxyHeader: { version, connection: trustedSource } }),
      /^content: 250 .*queued as/,
    );
  }
});

test("Postfix takes our XCLIENT and XFORWARD, and judges by the former", { skip }, async () => {
  const client = {
    ...unknownClient,
    address: "203.0.113.9",
    port: 4711,
    helo: "laptop.test",
    protocol: "ESMTPS",
  };
  assert.match(await send(ports.told, { xclient: client }), /^rcpt: 554 .*Access denied/);
  assert.match(
    postfix.log(),
    /from unknown\[203\.0\.113\.9\]: [45]54 \d\.7\.1 .* proto=ESMTP helo=<laptop\.test>/,
  );
  const ally = { ...client, address: "198.51.100.7", login: "alice" };
  assert.match(await send(ports.told, { xclient: ally }), /^content: 250 .*queued as/);
  assert.match(postfix.log(), /client=unknown\[198\.51\.100\.7\], sasl_method=XCLIENT, sasl_username=alice/);
  assert.match(await send(ports.relay, { xclient: client }), /^xclient: .* no XCLIENT/);
  const xforward = { ...client, ident: "4XyZ", source: "remote" as const, name: "spike.example" };
  const here = { recipients: [{ address: "c@mx.test" }] };
  assert.match(await send(ports.told, {}, { xforward }), /^rcpt: [45]54/, "XFORWARD gives no rights");
  const before = next.seen.length;
  assert.match(await send(ports.relay, {}, { xforward, ...here }), /^content: 250/);
  assert.equal(
    (await last(before + 1))?.remoteAddress,
    "127.0.0.1",
    "where it is not trusted it is not said",
  );
});
