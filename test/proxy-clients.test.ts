import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { DnsServer } from "../src/dns/index.ts";
import { Talker } from "../src/smtp/test-peers.ts";
import { createAuthority } from "./support/certificates.ts";
import { freePorts } from "./support/free-ports.ts";
import { MailSink } from "./support/mail-sink.ts";
import { ProviderHere } from "./support/provider-here.ts";

// Who may connect where mail is signed for whom the server before us names, and what of his word counts.

const author = "allice@someisp.test";
const dns = new DnsServer({ ttlSeconds: 0 });
const sink = new MailSink();
let provider: ProviderHere;
let ports: { own: number; proxied: number; others: number; path: number };

before(async () => {
  const { port: dnsPort } = await dns.listen(0, "127.0.0.1");
  await sink.listen();
  const [own = 0, proxied = 0, others = 0, path = 0] = await freePorts(4);
  ports = { own, proxied, others, path };
  const trust = 'xclient = ["127.0.0.1"], mail_auth = ["127.0.0.1"]';
  const table = (listener: string, more = "") => `[[proxy]]
job = "sign"
listen = [${listener}]
next_hop = "127.0.0.1:${sink.port}"
login_domain = "someisp.test"
unknown_users = "reject"
${more}
`;
  provider = await ProviderHere.start(
    "mx.someisp.test",
    `roles = ["proxy"]
${table(`{ address = "127.0.0.1:${own}", ${trust} }`)}
${table(`{ address = "127.0.0.1:${proxied}", proxy_protocol = ["127.0.0.1"], ${trust} }`)}
${table(`{ address = "127.0.0.1:${others}", ${trust} }`, 'clients = ["192.0.2.0/24"]')}
${table(`{ address = "127.0.0.1:${path}", ${trust} }`, 'sender = "reverse-path"')}`,
    { authority: await createAuthority(), dnsPort, places: new Map() },
  );
  await provider.keyring.addDomain("someisp.test");
  await provider.keyring.addAccount({ address: author });
});

after(async () => {
  await provider?.stop();
  await sink.close();
  await dns.close();
});

async function greeting(port: number, header = ""): Promise<[string, Talker]> {
  const talker = await Talker.connect(port);
  if (header !== "") talker.send(header);
  return [await talker.reply(), talker];
}

async function send(talker: Talker, mail: string, to: string): Promise<string> {
  for (const line of [mail, `RCPT TO:<${to}>`, "DATA"]) {
    const answer = await talker.ask(line);
    if (!/^[23]/.test(answer)) return answer;
  }
  talker.send(`From: ${author}\r\nTo: ${to}\r\nSubject: x\r\n\r\nHello\r\n.\r\n`);
  return talker.reply();
}

test("this host, and no other: whoever PROXY names is the one who connects", async () => {
  assert.match((await greeting(ports.own))[0], /^220/);
  assert.match((await greeting(ports.others))[0], /^554 5\.7\.1 This server is not for you/);
  const header = (address: string) => `PROXY TCP4 ${address} 127.0.0.1 4242 25\r\n`;
  assert.match((await greeting(ports.proxied, header("192.0.2.9")))[0], /^554 5\.7\.1/);
  assert.match((await greeting(ports.proxied, header("127.0.0.3")))[0], /^220/);
});

test("XCLIENT names the client and the user: the client need not be of this host", async () => {
  const [, talker] = await greeting(ports.own);
  assert.match(await talker.ask("EHLO front.test"), /250-XCLIENT [^|]*\bLOGIN\b/);
  assert.match(await talker.ask("XCLIENT ADDR=192.0.2.9 LOGIN=allice"), /^220/);
  await talker.ask("EHLO front.test");
  assert.match(await send(talker, "MAIL FROM:<bounces@lists.test>", "bob@dest.test"), /^250/);
  assert.match(String((await sink.take(["bob@dest.test"])).get("bob@dest.test")), /^VSMTP-Signature: /m);
  const line = provider.log.findLast(({ role, msg }) => role === "proxy" && msg === "signed");
  assert.deepEqual([line?.remote, line?.via, line?.identity], ["192.0.2.9", "127.0.0.1", author]);
  // The next client has the rights of its own address, and nobody's login.
  const [, other] = await greeting(ports.own);
  await other.ask("EHLO front.test");
  assert.match(
    await other.ask("MAIL FROM:<allice@someisp.test>"),
    /^550 5\.7\.1 It is not known who sends this/,
  );
});

test("AUTH= of MAIL names the user; with reverse paths neither it nor a login does", async () => {
  const [, talker] = await greeting(ports.own);
  await talker.ask("EHLO front.test");
  assert.match(await send(talker, `MAIL FROM:<> AUTH=${author}`, "carl@dest.test"), /^250/);
  assert.match(
    await talker.ask("MAIL FROM:<> AUTH=nobody@someisp.test"),
    /^550 5\.7\.1 nobody@someisp\.test has no account/,
  );
  const [, byPath] = await greeting(ports.path);
  assert.doesNotMatch(await byPath.ask("EHLO front.test"), /XCLIENT [^|]*LOGIN/);
  assert.match(await byPath.ask(`MAIL FROM:<nobody@someisp.test> AUTH=${author}`), /^550 5\.7\.1/);
  assert.match(await send(byPath, `MAIL FROM:<${author}>`, "dora@dest.test"), /^250/);
});
