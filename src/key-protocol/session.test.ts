import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, test } from "node:test";
import fc from "fast-check";
import { parseAddress } from "../message/index.ts";
import { keyId } from "../signature/index.ts";
import {
  decoyKey,
  isPermanent,
  type KeyResponder,
  KeyServerSession,
  parseKeyRequest,
  parseReplyLine,
  type ServerSessionOptions,
  type SessionStep,
  usablePublicKey,
} from "./index.ts";
import { LineReader } from "./line-reader.ts";

const kid = "FIH_rUKoiX6PoyILK0Uagg";

/** Answers every request with its kid. */
const echo: KeyResponder = {
  recall: (line) => (line.endsWith("remembered@x.tld") ? "+OK 1\r\nremembered\r\n.\r\n" : undefined),
  answer: (request) =>
    request.kid === null ? "-ERR [NOKEY] unknown\r\n" : `+OK 1\r\n${request.kid}\r\n.\r\n`,
};

function session(options: Partial<ServerSessionOptions> = {}, secure = true): KeyServerSession {
  const made = new KeyServerSession({ responder: echo, exposure: "decoy", signed: () => false, ...options });
  if (secure) made.secured();
  return made;
}

function say(to: KeyServerSession, text: string, limited = false): SessionStep {
  const step = to.receive(Buffer.from(text, "latin1"), limited);
  assert.ok(!(step instanceof Promise));
  return step;
}

describe("server session (KEY-1 to KEY-20)", () => {
  const before: [string, string, SessionStep][] = [
    ["CAPA", "CAPA\r\n", { reply: "+OK\r\nVSMTP 1\r\nSTLS\r\nEXPOSURE decoy\r\n.\r\n", next: "read" }],
    ["STLS", "STLS\r\n", { reply: "+OK begin\r\n", next: "start-tls" }],
    ["NOOP, any case (KEY-3)", "nOOp\r\n", { reply: "+OK\r\n", next: "read" }],
    ["QUIT", "QUIT\r\nNOOP\r\n", { reply: "+OK\r\n", next: "close" }],
    ["KEY (KEY-10)", `KEY a@x.tld ${kid}\r\n`, { reply: "-ERR [TLSREQ] use STLS\r\n", next: "read" }],
    [
      "what recall knows (KEY-10)",
      "KEY remembered@x.tld\r\n",
      { reply: "-ERR [TLSREQ] use STLS\r\n", next: "read" },
    ],
    ["octets behind STLS (KEY-11)", "STLS\r\nX", { reply: "", next: "abort" }],
    [
      "a request before STLS in the same read",
      "NOOP\r\nSTLS\r\n",
      { reply: "+OK\r\n+OK begin\r\n", next: "start-tls" },
    ],
  ];
  for (const [name, text, expected] of before) {
    test(`before TLS: ${name}`, () => assert.deepEqual(say(session({}, false), text), expected));
  }

  const usage = "-ERR [SYNTAX] expected KEY address [kid]\r\n";
  const inside: [string, string, string][] = [
    ["CAPA", "CAPA\r\n", "+OK\r\nVSMTP 1\r\nPIPELINING\r\nEXPOSURE decoy\r\n.\r\n"],
    ["STLS again", "STLS\r\n", "-ERR [UNSUPP] TLS is active already\r\n"],
    ["KEY with kid", `KEY a@x.tld ${kid}\r\n`, `+OK 1\r\n${kid}\r\n.\r\n`],
    ["KEY in lower case (KEY-3)", `key a@x.tld ${kid}\r\n`, `+OK 1\r\n${kid}\r\n.\r\n`],
    ["KEY without kid", "KEY a@x.tld\r\n", "-ERR [NOKEY] unknown\r\n"],
    ["KEY that recall knows", "KEY remembered@x.tld\r\n", "+OK 1\r\nremembered\r\n.\r\n"],
    ["KEY without address", "KEY\r\n", usage],
    ["KEY with an address not in canonical form", `KEY A@x.tld ${kid}\r\n`, usage],
    ["KEY with needless encoding", `KEY %61@x.tld ${kid}\r\n`, usage],
    ["KEY with a short kid", "KEY a@x.tld FIH_rUKoiX6PoyILK0Uag\r\n", usage],
    ["KEY with unused bits set", "KEY a@x.tld FIH_rUKoiX6PoyILK0Uagh\r\n", usage],
    ["KEY with two spaces", `KEY  a@x.tld ${kid}\r\n`, usage],
    ["KEY with a final space", `KEY a@x.tld ${kid} \r\n`, usage],
    ["KEY with a bare CR", `KEY a@x.tld\r ${kid}\r\n`, usage],
    ["an argument too many", "NOOP x\r\n", "-ERR [SYNTAX] NOOP takes no argument\r\n"],
    ["an unknown request", "HELO x\r\n", "-ERR [UNSUPP] expected CAPA, STLS, NOOP, QUIT or KEY\r\n"],
    ["an empty request", "\r\n", "-ERR [UNSUPP] expected CAPA, STLS, NOOP, QUIT or KEY\r\n"],
    ["not ASCII", "KEY \u00e9@x.tld\r\n", usage],
    [
      "three at once, in order (KEY-15)",
      `NOOP\r\nKEY a@x.tld ${kid}\r\nNOOP\r\n`,
      `+OK\r\n+OK 1\r\n${kid}\r\n.\r\n+OK\r\n`,
    ],
  ];
  for (const [name, text, expected] of inside) {
    test(`inside TLS: ${name}`, () =>
      assert.deepEqual(say(session(), text), { reply: expected, next: "read" }));
  }

  test("CAPA announces SIGNED where every statement is signed (KEY-20, STA-5)", () => {
    const capabilities = "+OK\r\nVSMTP 1\r\nPIPELINING\r\nSIGNED\r\nEXPOSURE kid\r\n.\r\n";
    assert.equal(say(session({ signed: () => true, exposure: "kid" }), "CAPA\r\n").reply, capabilities);
  });

  test("a line may have 1024 octets with its CRLF and no more (KEY-1, KEY-2)", () => {
    const tooLong = { reply: "-ERR [SYNTAX] a request has at most 1024 octets\r\n", next: "close" };
    assert.equal(say(session(), `${"x".repeat(1022)}\r\n`).next, "read");
    assert.deepEqual(say(session(), `${"x".repeat(1023)}\r\n`), tooLong);
    assert.equal(say(session(), "x".repeat(1023)).next, "read");
    assert.deepEqual(say(session(), "x".repeat(1024)), tooLong);
  });

  test("a line without CR ends the session", () => {
    const step = { reply: "+OK\r\n-ERR [SYNTAX] lines end in CRLF\r\n", next: "close" };
    assert.deepEqual(say(session(), "NOOP\r\nNOOP\nNOOP\r\n"), step);
    assert.equal(say(session(), "\n").next, "close");
  });

  test("at most 1000 requests in a session (KEY-16)", () => {
    const long = session();
    const replies = say(long, "NOOP\r\n".repeat(1000));
    assert.deepEqual([replies.reply.length, replies.next], [5000, "read"]);
    assert.deepEqual(say(long, "NOOP\r\n"), {
      reply: "-ERR [LIMIT] too many requests in one session\r\n",
      next: "close",
    });
  });

  test("a client over its rate gets [RATE] for KEY and nothing is looked up (KEY-37)", () => {
    const rate = "-ERR [RATE] too many requests, come back later\r\n";
    assert.equal(say(session(), "KEY remembered@x.tld\r\nNOOP\r\n", true).reply, `${rate}+OK\r\n`);
    const weighed = session();
    say(weighed, `KEY a@x.tld ${kid}\r\nKEY remembered@x.tld\r\n`);
    assert.equal(weighed.cost, 2);
    say(weighed, "KEY a@x.tld\r\n");
    assert.equal(weighed.cost, 12);
  });

  test("answers that take time keep their order; not more than 16 are under way (KEY-15)", async () => {
    let asked = 0;
    const slow: KeyResponder = {
      recall: () => undefined,
      answer: async (request) => {
        const mine = ++asked;
        await new Promise((resolve) => setTimeout(resolve, 10 - (mine % 5)));
        return `+OK 1\r\n${request.address.localPart}\r\n.\r\n`;
      },
    };
    const waiting = session({ responder: slow });
    const names = Array.from({ length: 20 }, (_, index) => `u${index}`);
    const lines = names.map((name) => `KEY ${name}@x.tld ${kid}\r\n`).join("");
    const first = await waiting.receive(Buffer.from(`NOOP\r\n${lines}QUIT\r\n`));
    assert.equal(asked, 16);
    assert.equal(first.next, "again");
    const second = await waiting.receive(Buffer.alloc(0));
    assert.equal(second.next, "close");
    const expected = `+OK\r\n${names.map((name) => `+OK 1\r\n${name}\r\n.\r\n`).join("")}+OK\r\n`;
    assert.equal(first.reply + second.reply, expected);
  });

  test("a redirect in reply to KEY is the last reply (KEY-21)", async () => {
    const away = "-FW keys.x.tld:8757\r\n";
    const text = `KEY a@x.tld\r\nKEY b@x.tld\r\n`;
    const now = session({ responder: { recall: () => undefined, answer: () => away } });
    assert.deepEqual(say(now, text), { reply: away, next: "close" });
    const later = session({ responder: { recall: () => undefined, answer: async () => away } });
    assert.deepEqual(await later.receive(Buffer.from(text)), { reply: away, next: "close" });
  });

  test("how the octets arrive makes no difference, and none make it throw", () => {
    const piece = fc.constantFrom(
      "KEY ",
      "a@x.tld",
      " ",
      kid,
      "\r\n",
      "\n",
      "NOOP",
      "CAPA",
      "STLS",
      "QUIT",
      "\0",
      "\u00ff",
      "x".repeat(600),
    );
    fc.assert(
      fc.property(fc.array(piece), fc.array(fc.nat(200)), fc.boolean(), (pieces, cuts, secure) => {
        const text = pieces.join("");
        const whole = say(session({}, secure), text);
        const chunked = session({}, secure);
        let reply = "";
        let next: SessionStep["next"] = "read";
        for (let at = 0; at < text.length && next === "read"; ) {
          const end = at + 1 + (cuts.shift() ?? 50);
          const step = say(chunked, text.slice(at, end));
          reply += step.reply;
          next = step.next;
          at = end;
        }
        // Only what follows STLS depends on whether it came in the same read (KEY-11).
        if (whole.next !== "abort") assert.deepEqual({ reply, next }, whole);
        else assert.ok(next === "abort" || next === "start-tls");
      }),
    );
  });
});

describe("replies (KEY-5)", () => {
  const lines: [string, ReturnType<typeof parseReplyLine>][] = [
    ["+OK", { kind: "ok", text: "" }],
    ["+OK VSMTP/1 mx1", { kind: "ok", text: "VSMTP/1 mx1" }],
    ["+ok x", { kind: "ok", text: "x" }],
    ["-FW keys.someisp.tld:8757", { kind: "redirect", host: "keys.someisp.tld", port: 8757 }],
    ["-FW KEYS.someisp.tld:443", { kind: "redirect", host: "keys.someisp.tld", port: 443 }],
    ["-FW [::1]:8757", { kind: "redirect", host: "[::1]", port: 8757 }],
    ["-ERR [NOKEY] unknown", { kind: "error", code: "NOKEY" }],
    ["-ERR [new]", { kind: "error", code: "NEW" }],
    ["", { kind: "other" }],
    ["+OKAY", { kind: "other" }],
    ["220 mail.example ESMTP", { kind: "other" }],
    ["-FW keys.someisp.tld", { kind: "other" }],
    ["-FW keys.someisp.tld:0", { kind: "other" }],
    ["-FW keys.someisp.tld:65536", { kind: "other" }],
    ["-FW a b:1", { kind: "other" }],
    ["-ERR NOKEY", { kind: "other" }],
    ["-ERR []", { kind: "other" }],
    ["+OK \0", { kind: "other" }],
  ];
  for (const [line, expected] of lines) {
    test(JSON.stringify(line), () => assert.deepEqual(parseReplyLine(line), expected));
  }

  test("error codes: these are permanent, all others temporary (KEY-30, KEY-31)", () => {
    for (const code of ["SYNTAX", "UNSUPP", "NOKEY", "KIDREQ"]) assert.equal(isPermanent(code), true);
    for (const code of ["NOTHERE", "TLSREQ", "RATE", "BUSY", "LIMIT", "TEMP", "NEW"])
      assert.equal(isPermanent(code), false);
  });

  test("lines are cut at any chunk boundary and never grow beyond their limit (KEY-2)", () => {
    const read = (reader: LineReader, text: string) => {
      const lines: string[] = [];
      const problem = reader.push(Buffer.from(text, "latin1"), (line) => lines.push(line) > 0);
      return problem ?? lines;
    };
    const reader = new LineReader(8);
    assert.deepEqual(read(reader, "ab\r"), []);
    assert.deepEqual(read(reader, "\ncd\r\n123456\r\nx"), ["ab", "cd", "123456"]);
    assert.equal(reader.pendingOctets, 1);
    assert.match(String(read(new LineReader(8), "1234567\r\n")), /more than 8 octets/);
    assert.match(String(read(new LineReader(8), "123456789")), /more than 8 octets/);
    assert.match(String(read(new LineReader(8), "ab\n")), /CRLF/);
  });
});

describe("decoys (KEY-34)", () => {
  const parsed = parseAddress("nobody@someisp.tld");
  assert.ok(parsed.ok);
  const address = parsed.address;
  const secret = randomBytes(32);
  const now = 1_073_304_000;

  test("are real keys, stable for their time, different by address and secret", () => {
    const decoy = decoyKey(secret, address, now);
    assert.equal(decoy.kid, keyId(decoy.spki));
    assert.ok(usablePublicKey(decoy.spki, "ed25519-sha256"));
    assert.ok(decoy.notBefore <= now && decoy.notBefore > now - 365 * 86_400);
    assert.deepEqual(decoyKey(secret, address, decoy.notBefore), decoy);
    assert.deepEqual(decoyKey(secret, address, decoy.notBefore + 365 * 86_400 - 1), decoy);
    assert.notEqual(decoyKey(secret, address, decoy.notBefore - 1).kid, decoy.kid);
    assert.notEqual(decoyKey(secret, { ...address, localPart: "other" }, now).kid, decoy.kid);
    assert.notEqual(decoyKey(secret, { ...address, localPart: "other" }, now).notBefore, decoy.notBefore);
    assert.notEqual(decoyKey(randomBytes(32), address, now).kid, decoy.kid);
  });

  test("requests for KEY (KEY-5)", () => {
    assert.deepEqual(parseKeyRequest("a%2Fb@x.tld"), {
      address: { localPart: "a/b", domain: "x.tld" },
      kid: null,
    });
    assert.deepEqual(parseKeyRequest(`nobody@someisp.tld ${kid}`), { address, kid });
    assert.equal(parseKeyRequest("a@[127.0.0.1]"), null);
  });
});
