import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { after, before, beforeEach, describe, test } from "node:test";
import { TLSSocket } from "node:tls";
import fc from "fast-check";
import { ALPN } from "../key-protocol/index.ts";
import { kid, NOW, question, TestNetwork } from "./test-network.ts";

// A hostile key server costs a lookup its deadline and a bounded buffer, nothing more (KEY-1, KEY-17, KEY-18).

const net = new TestNetwork();
before(() => net.start());
after(() => net.close());
beforeEach(() => {
  net.reset();
  net.publish(1);
});

/** For servers that let time pass; all others are to be found out long before, however busy the machine is. */
const deadlines = { stepMs: 100, replyMs: 100, lookupMs: 350 };
const generous = { stepMs: 3000, replyMs: 3000, lookupMs: 8000 };
const statement = `v=1; i=allice@someisp.tld; k=${kid}; a=ed25519-sha256; st=suspended; nb=1; na=9999999999; iat=${NOW}; ttl=600`;

type Behaviour = (socket: Socket) => void;

const say =
  (text: string): Behaviour =>
  (socket) =>
    socket.write(text, "latin1");
const endless =
  (text: string): Behaviour =>
  (socket) => {
    const chunk = Buffer.from(text.repeat(Math.ceil(65536 / text.length)));
    const pour = () => {
      while (!socket.destroyed && socket.write(chunk));
      if (!socket.destroyed) socket.once("drain", pour);
    };
    pour();
  };
const drip =
  (text: string): Behaviour =>
  (socket) => {
    let at = 0;
    const timer = setInterval(() => {
      if (socket.destroyed || at >= text.length) clearInterval(timer);
      else socket.write(text[at++] as string);
    }, 20);
  };
/** Greets, waits for STLS, and then does this instead of the rest. */
const afterStls =
  (then: Behaviour): Behaviour =>
  (socket) => {
    socket.write("+OK VSMTP/1\r\n");
    socket.once("data", () => then(socket));
  };
/** Does all as it should be, and this in answer to KEY. */
const insideTls = (then: Behaviour, protocols: string[] = [ALPN]): Behaviour =>
  afterStls(async (socket) => {
    const secureContext = await net.certificate(["mx1.someisp.tld"]);
    socket.write("+OK begin\r\n");
    const secure = new TLSSocket(socket, { isServer: true, secureContext, ALPNProtocols: protocols });
    secure.on("error", () => {});
    secure.once("data", () => then(secure));
  });

async function lookUp(
  behaviour: Behaviour,
  given = deadlines,
): Promise<{ kind: string; detail: string; ms: number }> {
  await net.listen("8.8.4.1:8757", behaviour);
  const start = performance.now();
  const { answer } = await net.lookup({ deadlines: given }).explain(question);
  const detail = answer.kind === "key" ? "" : answer.kind === "fail" ? answer.reason : answer.detail;
  return { kind: answer.kind, detail, ms: performance.now() - start };
}

/** A machine that does much else may be this late; a wait without a deadline would never end. */
const patienceMs = 5000;

describe("hostile servers", () => {
  const rows: [string, Behaviour, RegExp][] = [
    ["silence", () => {}, /out of time/],
    ["closes at once", (socket) => void socket.end(), /closed the connection/],
    ["resets", (socket) => void socket.resetAndDestroy(), /ECONNRESET|closed/],
    ["drips its greeting", drip("+OK VSMTP/1 and a long text\r\n"), /out of time/],
    ["another protocol", say("220 mx1.someisp.tld ESMTP\r\n"), /not a greeting/],
    ["garbage", say("\x00\xff\r\n\x01"), /not a greeting/],
    ["a greeting without CR", say("+OK\n"), /CRLF/],
    ["an endless line", endless("x"), /more than 4096 octets/],
    ["endless lines", endless("+OK\r\n"), /more than its greeting/],
    ["an error as greeting", say("-ERR [BUSY] later\r\n"), /\[BUSY\]/],
    ["says it does not serve before TLS", say("-ERR [NOTHERE]\r\n"), /\[NOTHERE\]/],
    ["answers STLS in advance", say("+OK\r\n+OK begin\r\n"), /more than its greeting/],
    ["refuses STLS", afterStls(say("-ERR [UNSUPP]\r\n")), /STLS was refused/],
    ["redirects at STLS", afterStls(say("-FW evil.tld:8757\r\n")), /STLS was refused/],
    ["is silent at STLS", afterStls(() => {}), /out of time/],
    ["plain text behind STLS (KEY-11)", afterStls(say("+OK begin\r\n+OK 1\r\n")), /plain text behind/],
    [
      "garbage for a handshake",
      afterStls((socket) => {
        socket.write("+OK\r\n");
        setTimeout(say("garbage"), 20, socket);
      }),
      /ERR_SSL|closed/,
    ],
    ["silence for a handshake", afterStls(say("+OK begin\r\n")), /out of time/],
    ["closes in the handshake", afterStls((socket) => void socket.end("+OK begin\r\n")), /closed|ECONN/],
    ["does not speak ALPN (KEY-14)", insideTls(() => {}, []), /ALPN/],
    ["speaks another ALPN", insideTls(() => {}, ["smtp"]), /ERR_SSL|ALPN|closed|ECONN/],
    ["is silent inside TLS", insideTls(() => {}), /no reply in time/],
    ["drips inside TLS", insideTls(drip(`+OK 1\r\n${statement}\r\n`)), /no reply in time/],
    ["drips one line after the other", insideTls(drip("+\r\n".repeat(50))), /not of the protocol/],
    ["garbage inside TLS", insideTls(say("\x00\r\n")), /not of the protocol/],
    ["an endless line inside TLS", insideTls(endless("+OK 1 ")), /more than 4096 octets/],
    ["endless lines inside TLS", insideTls(endless("+OK 1\r\n")), /more statements than announced/],
    ["endless replies", insideTls(endless("-ERR [NOKEY]\r\n")), /without being asked|no-key/],
    ["closes inside TLS", insideTls((socket) => void socket.end()), /closed the connection/],
    ["announces no number", insideTls(say("+OK\r\n")), /announces no number/],
    ["announces no statement", insideTls(say("+OK 0\r\n.\r\n")), /announces no number/],
    ["announces three statements (KEY-38)", insideTls(say("+OK 3\r\n")), /announces no number/],
    ["fewer than announced (KEY-9)", insideTls(say("+OK 1\r\n.\r\n")), /fewer statements/],
    [
      "more than announced (KEY-9)",
      insideTls(say(`+OK 1\r\n${statement}\r\n${statement}\r\n.\r\n`)),
      /more statements/,
    ],
    [
      "two where one was asked for",
      insideTls(say(`+OK 2\r\n${statement}\r\n${statement}\r\n.\r\n`)),
      /2 statements/,
    ],
    [
      "a line of 4097 octets (KEY-2)",
      insideTls(say(`+OK 1\r\n${"x".repeat(4095)}\r\n.\r\n`)),
      /more than 4096/,
    ],
    ["redirects to itself inside TLS", insideTls(say("-FW mx1.someisp.tld:8757\r\n")), /in a circle/],
    ["an unknown code (KEY-31)", insideTls(say("-ERR [WHATEVER]\r\n")), /\[WHATEVER\]/],
  ];
  for (const [name, behaviour, detail] of rows) {
    test(name, async () => {
      const given = detail.test("out of time, no reply in time") ? deadlines : generous;
      const answer = await lookUp(behaviour, given);
      assert.match(answer.detail, detail);
      assert.equal(answer.kind, answer.detail === "no-key" ? "fail" : "temperror");
      assert.ok(answer.ms < given.lookupMs + patienceMs, `${answer.ms} ms`);
    });
  }

  test("what is well formed is taken, whatever it says (KEY-8)", async () => {
    const suspended = await lookUp(insideTls(say(`+OK 1 key\r\n${statement}\r\n.\r\n`)));
    assert.equal(suspended.detail, "suspended");
    assert.equal((await lookUp(insideTls(say("+OK 1\r\nnonsense\r\n.\r\n")))).detail, "bad-key");
    assert.equal((await lookUp(insideTls(say("-err [nokey]\r\n")))).detail, "no-key");
  });

  test("a kept connection on which the server falls silent is not tried a second time", async () => {
    await net.listen(
      "8.8.4.1:8757",
      insideTls((socket) => socket.write("-ERR [NOKEY] unknown\r\n")),
    );
    const lookup = net.lookup({ deadlines });
    const { answer } = await lookup.explain(question);
    assert.equal(answer.kind === "fail" && answer.reason, "no-key");
    const second = await lookup.explain({ ...question, kid: "AAAAAAAAAAAAAAAAAAAAAA" });
    assert.match(second.answer.kind === "temperror" ? second.answer.detail : "", /no reply in time/);
    assert.equal(net.dialled.length, 1);
  });

  test("the deadline ends a lookup whose servers are all slow (KEY-17, KEY-18)", async () => {
    net.dns.set("someisp.tld", { MX: Array.from({ length: 5 }, (_, n) => [n, `slow${n}.tld`] as const) });
    for (let n = 0; n < 5; n++) {
      net.dns.set(`slow${n}.tld`, { A: [`8.8.7.${n}`] });
      net.blackhole(`8.8.7.${n}:8757`);
    }
    const start = performance.now();
    const { answer } = await net.lookup({ deadlines }).explain(question);
    assert.match(answer.kind === "temperror" ? answer.detail : "", /no answer in time; slow0\.tld/);
    assert.ok(performance.now() - start < 800);
    assert.ok(net.dialled.length < 5);
  });

  test("no octets a server can send do anything but fail the lookup", async () => {
    const texts = [
      "+OK",
      " 1",
      "\r\n",
      "\n",
      "-ERR [NOKEY]",
      "-FW x.tld:8757",
      statement,
      ".",
      "\0",
      "x".repeat(5000),
    ];
    const octets = fc.oneof(
      fc.array(fc.constantFrom(...texts)).map((list) => list.join("")),
      fc.string({ unit: "binary", maxLength: 200 }),
    );
    const quick = { stepMs: 30, replyMs: 30, lookupMs: 100 };
    await fc.assert(
      fc.asyncProperty(octets, fc.boolean(), async (text, inside) => {
        const send: Behaviour = (socket) => void socket.end(text, "latin1");
        await net.listen("8.8.4.1:8757", inside ? insideTls(send) : send);
        const lookup = net.lookup({ deadlines: quick });
        const { answer } = await lookup.explain(question);
        lookup.close();
        assert.notEqual(answer.kind, "key");
      }),
      { numRuns: 25 },
    );
  });
});
