import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { createTransport } from "nodemailer";
import { DnsServer } from "../src/dns/index.ts";
import { createAuthority } from "./support/certificates.ts";
import { freePorts } from "./support/free-ports.ts";
import { MailSink } from "./support/mail-sink.ts";
import { Dovecot, missingDovecot } from "./support/peers/dovecot.ts";
import type { PeerProcess } from "./support/peers/peer-process.ts";
import { missingPostfix } from "./support/peers/postfix.ts";
import { makePostfixFolder, startPostfixMaster } from "./support/peers/postfix-master.ts";
import { type Places, ProviderHere } from "./support/provider-here.ts";

// Our proxy between two smtpd of one real Postfix (smtpd_proxy_filter), for mail of others and for users; and before a
// Postfix that hears of clients in each of the four ways.

const skip = missingPostfix() || missingDovecot();
const author = "allice@someisp.test";
const gateways = ["xforward", "xclient", "proxy-v1", "proxy-v2"] as const;

interface Ports {
  readonly mx: number;
  readonly submission: number;
  readonly verify: number;
  readonly sign: number;
  /** Behind the proxies. */
  readonly inner: number;
  readonly innerXclient: number;
  readonly innerProxied: number;
  /** Where the proxy is the first. */
  readonly gateway: Record<(typeof gateways)[number], number>;
}

let ports: Ports;
let dns: DnsServer;
let sink: MailSink;
let dovecot: Dovecot;
let postfix: PeerProcess;
let provider: ProviderHere;

before(async () => {
  if (skip) return;
  const numbers = await freePorts(11);
  const [mx = 0, submission = 0, verify = 0, sign = 0, inner = 0, innerXclient = 0, innerProxied = 0] =
    numbers;
  const gateway = Object.fromEntries(gateways.map((name, index) => [name, numbers[7 + index]]));
  ports = { mx, submission, verify, sign, inner, innerXclient, innerProxied, gateway } as Ports;
  const authority = await createAuthority();
  dns = new DnsServer({ ttlSeconds: 0 });
  dns.set("someisp.test", { MX: [[10, "mx.someisp.test"]], TXT: ["v=spf1 ip4:127.0.0.2 -all"] });
  dns.set("mx.someisp.test", { A: ["8.8.4.1"] });
  dns.set("_vsmtp.someisp.test", { TXT: ["v=VSMTP1; p=reject"] });
  const { port: dnsPort } = await dns.listen(0, "127.0.0.1");
  const places: Places = new Map();
  sink = new MailSink();
  await sink.listen();
  dovecot = await Dovecot.start({ [author]: 0, "boss@someisp.test": 0 });
  provider = await ProviderHere.start("mx.someisp.test", settings(), { authority, dnsPort, places });
  await provider.keyring.addDomain("someisp.test");
  await provider.keyring.addAccount({ address: author });
  places.set("mx.someisp.test:8757", { host: "127.0.0.1", port: provider.port("key-server") });
  const folder = makePostfixFolder();
  writeFileSync(join(folder, "etc/logins"), `${author} ${author}\nboss@someisp.test boss@someisp.test\n`);
  postfix = await startPostfixMaster({
    folder,
    settings: mainCf(folder),
    listeners: masterCf(),
    ports: [mx, submission, inner, innerXclient],
  });
});

after(async () => {
  await postfix?.stop();
  await provider?.stop();
  await dovecot?.stop();
  await sink?.close();
  await dns?.close();
});

function settings(): string {
  const gatewayTables = gateways.map((tell) => {
    const hop = { xforward: ports.inner, xclient: ports.innerXclient }[tell as string] ?? ports.innerProxied;
    return `[[proxy]]
job = "verify"
listen = ["127.0.0.1:${ports.gateway[tell]}"]
next_hop = "127.0.0.1:${hop}"
tell_client = "${tell}"
`;
  });
  return `roles = ["proxy", "key-server"]
[key_server]
listen = ["127.0.0.1:0"]
[policy]
replays = "accept"
[[proxy]]
job = "verify"
listen = [{ address = "127.0.0.1:${ports.verify}", xforward = ["127.0.0.1"] }]
next_hop = "127.0.0.1:${ports.inner}"
[[proxy]]
job = "sign"
sender = "reverse-path"
listen = [{ address = "127.0.0.1:${ports.sign}", xforward = ["127.0.0.1"] }]
next_hop = "127.0.0.1:${ports.inner}"
${gatewayTables.join("")}`;
}

function mainCf(folder: string): string {
  return `myhostname = mail.someisp.test
relay_domains = dest.test, utf8.test
transport_maps = static:relay:[127.0.0.1]:${sink.port}
message_size_limit = 104857600
smtpd_client_connection_count_limit = 0
smtpd_proxy_timeout = 600s
smtpd_sasl_type = dovecot
smtpd_sasl_path = ${dovecot.authSocket}
smtpd_sender_login_maps = texthash:${folder}/etc/logins
`;
}

function masterCf(): string {
  const inner =
    "-o smtpd_relay_restrictions=permit_mynetworks,reject -o mynetworks=127.0.0.0/8 -o receive_override_options=no_unknown_recipient_checks";
  const strangers = "-o smtpd_relay_restrictions=reject_unauth_destination -o mynetworks=";
  return `127.0.0.1:${ports.mx} inet n - n - 20 smtpd ${strangers} -o smtpd_proxy_filter=127.0.0.1:${ports.verify} -o local_header_rewrite_clients=
127.0.0.1:${ports.submission} inet n - n - 20 smtpd -o smtpd_sasl_auth_enable=yes -o smtpd_sender_restrictions=reject_sender_login_mismatch -o smtpd_relay_restrictions=permit_sasl_authenticated,reject -o smtpd_proxy_filter=127.0.0.1:${ports.sign} -o smtpd_proxy_options=speed_adjust
127.0.0.1:${ports.inner} inet n - n - - smtpd ${inner} -o smtpd_authorized_xforward_hosts=127.0.0.1
127.0.0.1:${ports.innerXclient} inet n - n - - smtpd ${strangers} -o smtpd_authorized_xclient_hosts=127.0.0.1
127.0.0.1:${ports.innerProxied} inet n - n - - smtpd ${strangers} -o smtpd_upstream_proxy_protocol=haproxy
`;
}

interface Letter {
  readonly octets: string | Uint8Array;
  readonly to: readonly string[];
  readonly user?: string;
  readonly from?: string;
  /** Of the client. */
  readonly localAddress?: string;
}

/** @returns what the server said at the end, `250 …` */
async function send(
  port: number,
  { octets, to, user, from = author, localAddress = "127.0.0.2" }: Letter,
): Promise<string> {
  const client = createTransport({
    host: "127.0.0.1",
    port,
    localAddress,
    name: "laptop.test",
    ignoreTLS: true,
    ...(user ? { auth: { user, pass: dovecot.password } } : {}),
  });
  try {
    const envelope = { from, to: [...to], use8BitMime: true };
    return (await client.sendMail({ raw: Buffer.from(octets), envelope })).response;
  } catch (error) {
    const { response } = error as { response?: string };
    if (response === undefined) throw error;
    return response;
  }
}

async function arrived(recipient: string): Promise<string> {
  const message = (await sink.take([recipient])).get(recipient);
  if (message === undefined) {
    const lines = provider.log.slice(-20).map((line) => JSON.stringify(line));
    throw new Error(`nothing came for ${recipient}\n${postfix.log()}\n${lines.join("\n")}`);
  }
  return message.toString("latin1");
}

/** Messages that the proxy logged for a client. */
const logged = () => provider.log.filter(({ role, id }) => role === "proxy" && id !== undefined);

let count = 0;
const letter = (to: string, more = ""): string =>
  `From: ${author}\r\nTo: ${to}\r\nSubject: ${++count}\r\nDate: Fri, 15 Jan 2027 08:00:00 +0000\r\nMessage-ID: <${count}@someisp.test>\r\n${more}\r\nHello\r\n.dot\r\n`;

async function signed(text: string, to: string): Promise<string> {
  assert.match(
    await send(ports.submission, { octets: text, to: [to], user: author }),
    /^250 2\.0\.0 Ok: queued as/,
  );
  const message = await arrived(to);
  assert.match(message, /^VSMTP-Signature: /m);
  return message.slice(message.indexOf("VSMTP-Signature:"));
}

test("before-queue: users' mail is signed, others' is verified, and the client's address survives", {
  skip,
}, async () => {
  const message = await signed(letter("bob@dest.test"), "bob@dest.test");
  assert.match(
    await send(ports.mx, { octets: message, to: ["bob@dest.test"] }),
    /^250 2\.0\.0 Ok: queued as/,
  );
  const verified = await arrived("bob@dest.test");
  assert.match(verified, /^Authentication-Results: mx\.someisp\.test;\r\n vsmtp=pass[\s\S]*?spf=pass/m);
  assert.match(verified, /^Received: from laptop\.test \(\[127\.0\.0\.2\]\)\r\n by mx\.someisp\.test/m);
  // XFORWARD is for the log of who hears it.
  assert.match(postfix.log(), /orig_client=unknown\[127\.0\.0\.2\]/);
  const line = logged().at(-1);
  assert.deepEqual(
    [line?.remote, line?.via, line?.result, line?.code, line?.from],
    ["127.0.0.2", "127.0.0.1", "pass", 250, author],
  );
  assert.match(String(line?.nextHop), /^250 Ok: queued as/);
});

test("before-queue: what was altered is refused to the client's face, and nothing is queued", {
  skip,
}, async () => {
  const message = await signed(letter("carl@dest.test"), "carl@dest.test");
  const altered = message.replace("Hello", "Hullo");
  assert.match(await send(ports.mx, { octets: altered, to: ["dora@dest.test"] }), /^550 5\.7\.\d+ .*VSMTP/i);
  assert.match(
    await send(ports.mx, { octets: letter("dora@dest.test"), to: ["dora@dest.test"] }),
    /^550 5\.7\./,
  );
  assert.equal((await sink.take(["dora@dest.test"], 300)).size, 0);
});

test("before-queue: each blind recipient gets a copy of his own, which verifies", { skip }, async () => {
  const to = ["eve@dest.test", "blind1@dest.test", "blind2@dest.test"];
  const octets = letter("eve@dest.test", "Bcc: blind1@dest.test, blind2@dest.test\r\n");
  assert.match(
    await send(ports.submission, { octets, to, user: author }),
    /^250 2\.0\.0 .* \(and 2 more copies\)/,
  );
  for (const recipient of to) {
    const message = await arrived(recipient);
    assert.doesNotMatch(message, /^Bcc:/m);
    for (const other of to.slice(1)) assert.equal(message.includes(other), other === recipient);
    const own = message.slice(message.indexOf("VSMTP-Signature:"));
    assert.match(await send(ports.mx, { octets: own, to: [recipient] }), /^250/);
    assert.match(await arrived(recipient), /vsmtp=pass/);
    assert.match(await send(ports.mx, { octets: own, to: ["other@dest.test"] }), /^250/);
    await arrived("other@dest.test");
    assert.equal(logged().at(-1)?.rcpt, "mismatch");
  }
});

test("before-queue: a user writes as nobody else, and a user without account unsigned", {
  skip,
}, async () => {
  const forged = letter("fred@dest.test").replace(author, "boss@someisp.test");
  assert.match(
    await send(ports.submission, { octets: forged, to: ["fred@dest.test"], user: author }),
    /^550 5\.7\.1 boss@someisp\.test in From/,
  );
  const boss = { user: "boss@someisp.test", from: "boss@someisp.test" };
  assert.match(await send(ports.submission, { octets: forged, to: ["fred@dest.test"], ...boss }), /^250/);
  assert.doesNotMatch(await arrived("fred@dest.test"), /VSMTP-Signature/);
  assert.deepEqual(
    [logged().at(-1)?.msg, logged().at(-1)?.user],
    ["passed unsigned: no account", "boss@someisp.test"],
  );
});

test("before-queue: SMTPUTF8, 8 bits, an empty body, 50 recipients", { skip }, async () => {
  const utf8 = "\u00fcser@utf8.test";
  const cases: [octets: Buffer, to: string[]][] = [
    [Buffer.from(letter(utf8)), [utf8]],
    [
      Buffer.from(
        letter(
          "g@dest.test",
          "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: 8bit\r\n",
        ).replace("Hello", "H\u00e9llo"),
        "latin1",
      ),
      ["g@dest.test"],
    ],
    [Buffer.from(letter("h@dest.test").replace(/Hello[\s\S]*$/, "")), ["h@dest.test"]],
    [Buffer.from(letter("i@dest.test")), Array.from({ length: 50 }, (_, index) => `r${index}@dest.test`)],
  ];
  for (const [octets, to] of cases) {
    assert.match(await send(ports.submission, { octets, to, user: author }), /^250/);
    for (const recipient of to) {
      const message = await arrived(recipient);
      const own = Buffer.from(message.slice(message.indexOf("VSMTP-Signature:")), "latin1");
      assert.match(await send(ports.mx, { octets: own, to: [recipient] }), /^250/);
      assert.match(await arrived(recipient), /vsmtp=pass/, message);
    }
  }
});

for (const tell of gateways) {
  test(`first: Postfix behind it hears of the client by ${tell}`, { skip }, async () => {
    const to = `${tell}@dest.test`;
    const message = await signed(letter(to), to);
    assert.match(
      await send(ports.gateway[tell], { octets: message, to: [to] }),
      /^250 2\.0\.0 Ok: queued as/,
    );
    const verified = await arrived(to);
    if (tell === "xforward") assert.match(postfix.log(), /orig_client=unknown\[127\.0\.0\.2\]/);
    else assert.match(verified, /^Received: from \S+ \(unknown \[127\.0\.0\.2\]\)/, verified);
    assert.match(verified, /vsmtp=pass[\s\S]*spf=pass/);
    const relay = await send(ports.gateway[tell], { octets: message, to: ["x@elsewhere.test"] });
    if (tell === "xforward") assert.match(relay, /^250/, "of its own network, as far as restrictions go");
    else assert.match(relay, /^554 5\.7\.1 .*Relay access denied/);
    await send(ports.gateway[tell], { octets: message.replace("Hello", "x"), to: [to] }).then((answer) =>
      assert.match(answer, /^550/),
    );
  });
}
