import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { connect as secure } from "node:tls";
import { Talker } from "../src/smtp/test-peers.ts";
import type { Author } from "./support/authors.ts";
import { GullibleServer } from "./support/gullible-server.ts";
import { ProviderHere } from "./support/provider-here.ts";
import { ReceivingSite } from "./support/receiving-site.ts";

// Attacks on the connections themselves: what ends a message, what belongs to TLS, who holds a place (docs/attacks.md).
// inner.test is passed on to a server that believes in every end of data that ever was one somewhere.

let site: ReceivingSite;
let allice: Author;
const inner = new GullibleServer();

before(async () => {
  const port = await inner.listen();
  site = await ReceivingSite.start({
    settings: `[limits]
idle_timeout = "1s"
connections_per_address = 20
[[domains]]
name = "inner.test"
next_hop = "127.0.0.1:${port}"
[[domains]]
name = "strict.test"
next_hop = "127.0.0.1:${port}"
tls = "required"`,
  });
  site.places.set(`127.0.0.1:${port}`, { host: "127.0.0.1", port });
  allice = site.author("allice@someisp.test");
});
after(async () => {
  await site.stop();
  inner.close();
});

const smuggled = (from: string): string =>
  `MAIL FROM:<${from}>\r\nRCPT TO:<bob@dest.test>\r\nDATA\r\nFrom: <${from}>\r\nSubject: Smuggled\r\n\r\nPay here.\r\n`;
/** What some server somewhere has taken for the end of data. */
const ends = [
  "\n.\n",
  "\n.\r\n",
  "\r\n.\n",
  "\r.\r",
  "\r\n.\r",
  "\r.\r\n",
  "\n.\r",
  "\r.\n",
  "\r\r\n.\r\r\n",
  "\r\n.\r\r\n",
  "\r\n\r.\r\n",
  "\r\n.\0\r\n",
  "\r\n\0.\r\n",
  "\r\n .\r\n",
  "\r\n.\t\r\n",
  "\r\n.x\r\n",
];

describe("SMTP smuggling", () => {
  for (const end of ends) {
    test(`${JSON.stringify(end)} ends nothing (MSG-5)`, async () => {
      const before = site.events.length;
      const talker = await Talker.hello(site.port);
      await talker.ask("MAIL FROM:<x@none.test>");
      await talker.ask("RCPT TO:<bob@inner.test>");
      await talker.ask("DATA");
      talker.send(
        `From: x@none.test\r\nSubject: Outer\r\n\r\nHi${end}${smuggled("admin@someisp.test")}.\r\nQUIT\r\n`,
      );
      const replies = (await talker.rest()).split("\r\n").filter((line) => line !== "");
      // One answer to the message; where its end is doubtful the connection ends with it.
      assert.match(replies[0] ?? "", /^(?:550 5\.6\.0|250 2\.0\.0) /);
      assert.match(replies.slice(1).join(), /^(?:221 .*|421 .*)?$/);
      const events = site.events.slice(before);
      assert.ok(events.every(({ envelope }) => envelope.reversePath?.text === "x@none.test"));
      assert.ok(events.length <= 1);
    });
  }

  test("by BDAT any line may stand alone, and reaches the next server as one message (MSG-6)", async () => {
    const body = [".", "..", ".x", "", "MAIL FROM:<admin@someisp.test>", "RCPT TO:<bob@inner.test>", "DATA"];
    for (const [index, lines] of [body, [".", ".", "."], ["x", ".", ...body]].entries()) {
      const mark = `Subject: Chunks ${index}`;
      const content = `From: x@none.test\r\n${mark}\r\n\r\n${lines.join("\r\n")}\r\n.\r\n`;
      const talker = await Talker.hello(site.port);
      await talker.ask("MAIL FROM:<x@none.test>");
      await talker.ask("RCPT TO:<bob@inner.test>");
      talker.send(`BDAT ${content.length} LAST\r\n${content}`);
      assert.match(await talker.reply(), /^250 /);
      talker.destroy();
      const message = await inner.message(mark);
      assert.ok(message.endsWith(content.slice(content.indexOf("\r\n\r\n"))), message);
    }
  });

  test("and by BDAT nothing with a doubtful line end comes in", async () => {
    for (const end of ends.filter((some) => /\r(?!\n)|(?<!\r)\n|\0/.test(some))) {
      const content = `From: x@none.test\r\n\r\nHi${end}${smuggled("admin@someisp.test")}.\r\n`;
      const talker = await Talker.hello(site.port);
      await talker.ask("MAIL FROM:<x@none.test>");
      await talker.ask("RCPT TO:<bob@inner.test>");
      talker.send(`BDAT ${content.length} LAST\r\n${content}`);
      assert.match(await talker.reply(), /^550 5\.6\.0 /, JSON.stringify(end));
      talker.destroy();
    }
  });

  test("nothing that was smuggled has come to the next server", async () => {
    for (const { envelope } of site.events) assert.equal(envelope.reversePath?.text, "x@none.test");
    for (const message of inner.messages) assert.match(message, /\r\nSubject: (?:Outer|Chunks)/);
  });

  test("what our users hand in cannot smuggle either: refused before it is signed (MSG-2, SIG-43)", async () => {
    const places = new Map([["*", { host: "127.0.0.1", port: inner.port }]]);
    const world = { authority: site.authority, dnsPort: site.dnsPort, places };
    const settings = `roles = ["submission", "delivery", "key-server"]
[submission]
listen = ["127.0.0.1:0"]
[key_server]
listen = ["127.0.0.1:0"]
[routes]
"*" = "127.0.0.1:${inner.port}"`;
    const sender = await ProviderHere.start("mx.our.test", settings, world);
    try {
      const { keyring } = sender;
      assert.ok((await keyring.addDomain("our.test")).ok);
      assert.ok((await keyring.addAccount({ address: "u@our.test", password: "secret" })).ok);
      const before = inner.messages.length;
      for (const end of ends) {
        const talker = await Talker.secured(sender.port("submission"));
        const plain = Buffer.from("\0u@our.test\0secret").toString("base64");
        assert.match(await talker.ask(`AUTH PLAIN ${plain}`), /^235/);
        await talker.ask("MAIL FROM:<u@our.test>");
        await talker.ask("RCPT TO:<bob@inner.test>");
        await talker.ask("DATA");
        const doubtful = /\r(?!\n)|(?<!\r)\n|\0/.test(end);
        talker.send(`From: u@our.test\r\nSubject: Out\r\n\r\nHi${end}${smuggled("boss@our.test")}.\r\n`);
        const answer = await talker.reply();
        assert.match(answer, doubtful ? /^550 5\.6\.0 / : /^250 /, JSON.stringify(end));
        talker.destroy();
      }
      const good = ends.filter((end) => !/\r(?!\n)|(?<!\r)\n|\0/.test(end));
      while (inner.messages.length < before + good.length) await sleep(10);
      await sleep(50);
      const sent = inner.messages.slice(before);
      assert.equal(sent.length, good.length);
      assert.ok(sent.every((message) => message.includes("VSMTP-Signature:")));
    } finally {
      await sender.stop();
    }
  });
});

describe("STARTTLS injection", () => {
  test("commands behind STARTTLS end the connection (RFC 3207 §5)", async () => {
    const before = site.events.length;
    const talker = await Talker.hello(site.port);
    talker.send(`STARTTLS\r\n${smuggled("admin@someisp.test")}.\r\n`);
    assert.match(await talker.rest(), /^(?:421 [^\r]*\r\n)?$/);
    assert.equal(site.events.length, before);
  });

  test("what was said before TLS does not count in it, and plain text for a handshake ends it", async () => {
    const talker = await Talker.hello(site.port);
    await talker.ask("MAIL FROM:<admin@someisp.test>");
    await talker.ask("RCPT TO:<bob@dest.test>");
    await talker.ask("STARTTLS");
    await talker.startTls();
    assert.match(await talker.ask("DATA"), /^503 /);
    assert.match(await talker.ask("MAIL FROM:<admin@someisp.test>"), /^503 /);
    talker.destroy();
    const plain = await Talker.hello(site.port);
    await plain.ask("STARTTLS");
    plain.send("MAIL FROM:<admin@someisp.test>\r\n");
    // An alert of TLS at most, no reply.
    assert.doesNotMatch(await plain.rest(), /^\d{3} /m);
  });

  test("replies behind 220 are not taken for the server's (RFC 3207 §5)", async () => {
    inner.injects = true;
    const before = inner.messages.length;
    const toStrict = { to: ["bob@strict.test"] };
    const strict = allice.sign(allice.write({ Subject: "Strict" }));
    assert.equal((await site.send(strict, toStrict)).reply.slice(0, 3), "250");
    while (inner.injections < 2) await sleep(10);
    assert.equal(inner.messages.length, before, "where TLS is required it waits");
    // Who may send in clear text does so by a connection on which nobody has injected anything.
    const message = allice.sign(allice.write({ Subject: "Injected" }));
    assert.equal((await site.send(message, { to: ["bob@inner.test"] })).reply.slice(0, 3), "250");
    assert.match(await inner.message("Subject: Injected"), /Noon\?\r\n$/);
    inner.injects = false;
  });

  test("requests behind STLS end the connection to our key server (KEY-11)", async () => {
    const server = await site.keyServer("keys.someisp.test", site.keys);
    assert.equal(server.connections, 0);
    const place = site.places.get("keys.someisp.test:8757");
    const socket = connect(place?.port ?? 0, "127.0.0.1");
    socket.write(`STLS\r\nKEY allice@someisp.test ${allice.key.kid}\r\n`);
    const text = await textOf(socket);
    assert.doesNotMatch(text, /v=1|\[NOKEY\]/);
  });

  test("answers that a key server, or who is between, sends behind its +OK to STLS prove nothing", async () => {
    site.publish("tap.test", "mx.tap.test", null);
    await site.raw("mx.tap.test:8757", (socket) => {
      socket.write("+OK VSMTP/1\r\n");
      socket.once("data", () => {
        const line = `v=1; i=eve@tap.test; k=${allice.key.kid}; a=ed25519-sha256; st=active; nb=1; na=9999999999; iat=1; ttl=600`;
        socket.write(`+OK begin\r\n+OK 1\r\n${line}\r\n.\r\n`);
      });
    });
    const eve = site.author("eve@tap.test");
    assert.equal((await site.send(eve.sign())).summary, "451 unavailable");
  });
});

describe("slow clients", () => {
  const attackers: Socket[] = [];
  after(() => {
    for (const socket of attackers) socket.destroy();
  });
  /** From another network than honest clients. */
  const attack = (port: number, from = "127.0.7.1"): Socket => {
    const socket = connect({ port, host: "127.0.0.1", localAddress: from });
    socket.on("error", () => {});
    attackers.push(socket);
    return socket;
  };
  const drip = (socket: Socket, text: string): NodeJS.Timeout => {
    let at = 0;
    return setInterval(() => void socket.write(text[at++ % text.length] ?? ""), 50);
  };

  test("port 25: octets that trickle do not hold a place, and no address gets more than its share", async (t) => {
    const closed: Promise<string>[] = [];
    const timers: NodeJS.Timeout[] = [];
    t.after(() => timers.forEach(clearInterval));
    for (let n = 0; n < 20; n++) {
      const socket = attack(site.port);
      closed.push(textOf(socket));
      // Who talks before the greeting is sent away at once.
      await once(socket, "data");
      timers.push(drip(socket, "EHLO a.very.long.name.of.a.client"));
    }
    assert.match(await textOf(attack(site.port)), /^421 4\.7\.0 Too many connections/);
    assert.equal((await site.send(allice.sign())).summary, "250 pass");
    const start = performance.now();
    for (const text of await Promise.all(closed)) assert.match(text, /^220 .*\r\n421 /s);
    assert.ok(performance.now() - start < 5000);
    const again = attack(site.port);
    const [greeting] = await once(again, "data");
    assert.match(String(greeting), /^220 /);
    again.destroy();
  });

  test("port 8757: handshakes that never begin end, a network gets its share, others are served", async () => {
    const limits = { handshakeMs: 1500, connectionsPerPrefix: 20 };
    const server = await site.keyServer("mx.someisp.test", site.keys, { limits });
    const { port } = site.places.get("mx.someisp.test:8757") ?? { port: 0 };
    const ended: Promise<string>[] = [];
    for (let n = 0; n < 10; n++) {
      const silent = attack(port);
      silent.write("STLS\r\n");
      const dripping = attack(port, "127.0.7.9");
      dripping.write("STLS\r\n");
      setTimeout(() => void dripping.write("\x16\x03\x01"), 100);
      ended.push(textOf(silent), textOf(dripping));
    }
    while (server.connections < 20) await sleep(5);
    assert.match(await textOf(attack(port)), /^-ERR \[BUSY\]/);
    const dan = site.author("dan@someisp.test");
    assert.equal((await site.send(dan.sign())).summary, "250 pass");
    await Promise.all(ended);
    const secured = secure({ port, host: "127.0.0.1", rejectUnauthorized: false });
    secured.on("error", () => {}).destroy();
  });
});

/** All that a server sends until it closes. */
async function textOf(socket: Socket): Promise<string> {
  let text = "";
  socket.on("data", (chunk) => {
    text += chunk.toString("latin1");
  });
  if (!socket.destroyed) await new Promise((resolve) => socket.once("close", resolve));
  return text;
}
