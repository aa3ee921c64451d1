import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { decodeAddress, encodeAddress } from "../message/index.ts";
import { formatRequest } from "./grammar.ts";
import {
  errorReply,
  limitReply,
  parseLimitText,
  parseRequest,
  type VaultReply,
  type VaultRequest,
  type VaultResponder,
  VaultServerSession,
} from "./index.ts";
import { formatReply } from "./reply.ts";
import { ReplyReader } from "./reply-reader.ts";

const ticket = "AAECAwQFBgcICQoLDA0ODw";
const kid = "FIH_rUKoiX6PoyILK0Uagg";

/** Answers requests with what they were, as text of an error: what was parsed is what is seen. */
const echo: VaultResponder = {
  capabilities: () => ({ mechanisms: ["SCRAM-SHA-256", "PLAIN"], modes: ["SIGN"], mayAssert: false }),
  logIn: ({ mechanism, channelBinding, client }) => {
    if (mechanism === "NONE") return errorReply("UNSUPP", "no such mechanism");
    const seen: string[] = [mechanism, String(channelBinding && Buffer.from(channelBinding)), String(client)];
    return {
      respond: async (response) => {
        seen.push(response === null ? "null" : `"${Buffer.from(response)}"`);
        return seen.length < 5
          ? { kind: "challenge", octets: Buffer.from("go on") }
          : errorReply("AUTH", seen.join(" "));
      },
      cancel: () => void cancelled++,
    };
  },
  answer: async (request) =>
    request.verb === "DROP" ? { kind: "done" } : errorReply("POLICY", formatRequest(request)),
  sign: async (request, h) => errorReply("POLICY", `${formatRequest(request)}: ${Buffer.from(h)}`),
};
let cancelled = 0;

class Conversation {
  sent = "";
  closed = false;
  resumed = 0;
  readonly session: VaultServerSession;

  constructor(responder: VaultResponder = echo) {
    this.session = new VaultServerSession(responder, {
      send: (text) => {
        this.sent += text;
      },
      resume: () => void this.resumed++,
      close: () => {
        this.closed = true;
      },
    });
  }

  /** What the server says to these octets, until it waits for more. */
  async say(text: string): Promise<string> {
    this.sent = "";
    this.session.receive(Buffer.from(text, "latin1"));
    await new Promise((resolve) => setImmediate(resolve));
    return this.sent;
  }
}

const say = (text: string): Promise<string> => new Conversation().say(text);

describe("server session (PRV-4 to PRV-13)", () => {
  const policy = (text: string) => `-ERR [POLICY] ${text}\r\n`;
  const cases: [string, string, string][] = [
    [
      "CAPA (PRV-25)",
      "capa\r\n",
      "+OK\r\nVSMTP-VAULT 1\r\nAUTH SCRAM-SHA-256 PLAIN\r\nMODES SIGN\r\nPIPELINING\r\n.\r\n",
    ],
    ["NOOP and DROP (PRV-13)", `NOOP\r\nDROP ${ticket}\r\n`, "+OK\r\n+OK\r\n"],
    ["ID (PRV-10)", `ID ${ticket} allice@someisp.test\r\n`, policy(`ID ${ticket} allice@someisp.test`)],
    ["an encoded address", `id ${ticket} a%20b@someisp.test\r\n`, policy(`ID ${ticket} a%20b@someisp.test`)],
    ["GETKEY (PRV-12)", `GETKEY ${ticket} a@x.test\r\n`, policy(`GETKEY ${ticket} a@x.test`)],
    ["SPEND (PRV-27)", `SPEND ${ticket} 12\r\n`, policy(`SPEND ${ticket} 12`)],
    ["ASSERT (PRV-9, PRV-31)", "ASSERT a@x.test ip=192.0.2.1\r\n", policy("ASSERT a@x.test ip=192.0.2.1")],
    ["ASSERT without ip", "ASSERT a@x.test\r\n", policy("ASSERT a@x.test")],
    [
      "SIGN (PRV-11): octets are no lines",
      `SIGN ${ticket} a@x.test ${kid} 3 8\r\nQUIT\r\n\r\nNOOP\r\n`,
      `${policy(`SIGN ${ticket} a@x.test ${kid} 3 8: QUIT????`)}+OK\r\n`,
    ],
    [
      "AUTH with a mechanism that there is not",
      "AUTH none AAAA\r\nNOOP\r\n",
      "-ERR [UNSUPP] no such mechanism\r\n+OK\r\n",
    ],
  ];
  for (const [name, text, expected] of cases) test(name, async () => assert.equal(await say(text), expected));

  test("AUTH (PRV-5, PRV-7, PRV-31): octet for octet, with cb and ip", async () => {
    const one = new Conversation();
    assert.equal(await one.say("AUTH X YQ== cb=Y2I= ip=2001:db8::1\r\n"), "+ Z28gb24=\r\n");
    assert.equal(await one.say("\r\n"), '-ERR [AUTH] X cb 2001:db8::1 "a" ""\r\n');
    assert.equal(await one.say("AUTH X\r\n"), "+ Z28gb24=\r\n");
    assert.equal(await one.say("YWI=\r\nNOOP\r\n"), '-ERR [AUTH] X null null null "ab"\r\n+OK\r\n');
    assert.equal(await one.say("AUTH X =\r\n"), "+ Z28gb24=\r\n");
    const before = cancelled;
    assert.equal(await one.say("*\r\n"), "-ERR [SYNTAX] broken off\r\n");
    assert.equal(await one.say("AUTH X =\r\n"), "+ Z28gb24=\r\n");
    assert.equal(await one.say("a\r\n"), "-ERR [SYNTAX] expected base64\r\n");
    assert.equal(await one.say("AUTH X =\r\n"), "+ Z28gb24=\r\n");
    one.session.closed();
    assert.equal(cancelled, before + 3);
  });

  const bad = [
    `ID ${ticket}`,
    `ID ${ticket} A@x.test`,
    `ID ${ticket} a@x.test x`,
    `ID  ${ticket} a@x.test`,
    "ID short a@x.test",
    `ID ${ticket.slice(0, 21)}x a@x.test`,
    `SPEND ${ticket} 0`,
    `SPEND ${ticket} 01`,
    `SPEND ${ticket} -1`,
    `SPEND ${ticket} 1000001`,
    "AUTH",
    "AUTH X=",
    "AUTH X YQ",
    "AUTH X YR==",
    "AUTH X cb==",
    "AUTH X ip=host",
    "AUTH X ip=192.0.2.1 cb=AAAA",
    "AUTH X YQ== YQ==",
    "ASSERT",
    "ASSERT a@x.test ip=",
    "ASSERT a@x.test cb=AAAA",
    "DROP",
    "NOOP x",
    `ID ${ticket} \u00e9@x.test`,
  ];
  for (const line of bad) {
    test(`[SYNTAX] and go on: ${line}`, async () => {
      assert.match(await say(`${line}\r\nNOOP\r\n`), /^-ERR \[SYNTAX\] expected [^\r]*\r\n\+OK\r\n$/);
    });
  }

  test("what cannot be framed ends the connection (PRV-24)", async () => {
    for (const [text, problem] of [
      [`SIGN ${ticket} a@x.test ${kid} 3 65537\r\n`, "at most 65536"],
      [`SIGN ${ticket} a@x.test ${kid} 3 0\r\n`, "expected SIGN"],
      ["NOOP\nNOOP\r\n", "lines end in CRLF"],
      ["\n", "lines end in CRLF"],
      [`${"x".repeat(16_383)}\r\n`, "at most 16384 octets"],
      ["x".repeat(16_384), "at most 16384 octets"],
    ]) {
      const one = new Conversation();
      const reply = await one.say(`${text}NOOP\r\n`);
      assert.ok(reply.startsWith("-ERR [SYNTAX]") && reply.includes(problem as string), reply);
      assert.ok(one.closed && !reply.includes("+OK"));
    }
    const longest = new Conversation();
    assert.match(await longest.say(`${"x".repeat(16_382)}\r\n`), /^-ERR \[UNSUPP\]/);
    assert.ok(!longest.closed);
  });

  test("QUIT answers what was asked before, and nothing behind it", async () => {
    const one = new Conversation();
    assert.equal(await one.say(`DROP ${ticket}\r\nQUIT\r\nNOOP\r\n`), "+OK\r\n+OK\r\n");
    assert.ok(one.closed);
  });

  test("PRV-24 replies keep the order of requests, and at most 64 are in work", async () => {
    const waiting: ((reply: VaultReply) => void)[] = [];
    const one = new Conversation({ ...echo, answer: () => new Promise((resolve) => waiting.push(resolve)) });
    assert.equal(await one.say(`ID ${ticket} a@x.test\r\n`.repeat(80)), "");
    assert.deepEqual([waiting.length, one.session.ready], [64, false]);
    for (const [index, settle] of waiting.slice(1).entries()) settle(errorReply("TEMP", String(index + 1)));
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(one.sent, "");
    waiting[0]?.(errorReply("TEMP", "0"));
    await new Promise((resolve) => setImmediate(resolve));
    const order = [...one.sent.matchAll(/TEMP\] (\d+)/g)].map(([, number]) => Number(number));
    assert.deepEqual(
      order,
      Array.from({ length: 64 }, (_, index) => index),
    );
    assert.deepEqual([waiting.length, one.session.ready, one.resumed > 0], [80, true, true]);
  });

  test("any portions give the same replies", () => {
    const text = `NOOP\r\nSIGN ${ticket} a@x.test ${kid} 3 8\r\nQUIT\r\n\r\nCAPA\r\nAUTH X YQ==\r\nYQ==\r\nQUIT\r\n`;
    return fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 30 }), { maxLength: 20 }), async (sizes) => {
        const one = new Conversation();
        let sent = "";
        let at = 0;
        for (const size of [...sizes, text.length]) {
          sent += await one.say(text.slice(at, at + size));
          at += size;
        }
        assert.equal(sent, await say(text));
      }),
      { numRuns: 50 },
    );
  });
});

/** Plain objects, as the code makes them. */
const record = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
  fc.record(model, { noNullPrototype: true });

describe("what one side writes the other reads", () => {
  const id16 = fc
    .uint8Array({ minLength: 16, maxLength: 16 })
    .map((octets) => Buffer.from(octets).toString("base64url"));
  const octets = fc.uint8Array({ maxLength: 80 }).map((some) => Buffer.from(some));
  const address = fc
    .tuple(
      fc.string({ unit: "grapheme", minLength: 1, maxLength: 12 }),
      fc.constantFrom("x.test", "xn--bcher-kva.test"),
    )
    .map(([localPart, domain]) => ({ localPart: localPart.normalize("NFC").toLowerCase(), domain }))
    .filter((one) => decodeAddress(encodeAddress(one)) !== null);
  const client = fc.option(fc.oneof(fc.ipV4(), fc.ipV6()));
  const count = fc.integer({ min: 1, max: 1_000_000 });
  const request: fc.Arbitrary<VaultRequest> = fc.oneof(
    fc.constantFrom<VaultRequest>({ verb: "CAPA" }, { verb: "NOOP" }, { verb: "QUIT" }),
    record({
      verb: fc.constant("AUTH" as const),
      mechanism: fc.constantFrom("PLAIN", "SCRAM-SHA-256-PLUS"),
      initial: fc.option(octets),
      channelBinding: fc.option(octets.filter(({ length }) => length > 0)),
      client,
    }),
    record({ verb: fc.constant("ASSERT" as const), address, client }),
    record({ verb: fc.constantFrom("ID" as const, "GETKEY" as const), ticket: id16, address }),
    record({ verb: fc.constant("SPEND" as const), ticket: id16, recipients: count }),
    record({
      verb: fc.constant("SIGN" as const),
      ticket: id16,
      address,
      kid: id16,
      recipients: count,
      length: fc.integer({ min: 1, max: 65_536 }),
    }),
    record({ verb: fc.constant("DROP" as const), ticket: id16 }),
  );
  test("requests", () =>
    fc.assert(fc.property(request, (one) => assert.deepEqual(parseRequest(formatRequest(one)), one))));

  const key = record({
    kid: id16,
    algorithm: fc.constantFrom("ed25519-sha256" as const, "rsa-sha256" as const),
  });
  const named = record({
    kid: id16,
    algorithm: fc.constant("ed25519-sha256" as const),
    statement: fc.option(fc.constant("v=1; i=a@x.test; s=AAAA")),
  });
  const some = octets.filter(({ length }) => length > 0);
  const lent = fc
    .tuple(key, fc.nat(900), some)
    .map(([lentKey, expiresIn, pkcs8]) => ({ ...lentKey, expiresIn, pkcs8 }));
  const reply: fc.Arbitrary<[VaultRequest["verb"], VaultReply]> = fc.oneof(
    fc.tuple(fc.constantFrom("NOOP" as const, "SPEND" as const), fc.constant<VaultReply>({ kind: "done" })),
    fc.tuple(
      fc.constant("AUTH" as const),
      octets.map((it): VaultReply => ({ kind: "challenge", octets: it })),
    ),
    fc.tuple(
      fc.constant("ASSERT" as const),
      record({ kind: fc.constant("ticket" as const), ticket: id16, primary: address, accountId: id16 }),
    ),
    fc.tuple(
      fc.constant("ID" as const),
      record({
        kind: fc.constant("identified" as const),
        identity: address,
        keys: fc.array(named, { minLength: 1, maxLength: 2 }),
      }),
    ),
    fc.tuple(
      fc.constant("SIGN" as const),
      some.map((it): VaultReply => ({ kind: "signature", octets: it })),
    ),
    fc.tuple(
      fc.constant("GETKEY" as const),
      fc.array(lent, { minLength: 1, maxLength: 2 }).map((keys): VaultReply => ({ kind: "keys", keys })),
    ),
    fc.tuple(
      fc.constant("CAPA" as const),
      fc.constant<VaultReply>({
        kind: "capabilities",
        capabilities: { mechanisms: ["PLAIN"], modes: ["SIGN", "GETKEY"], mayAssert: true },
      }),
    ),
    fc.tuple(fc.constant("ID" as const), fc.constant<VaultReply>(errorReply("DISABLED", "suspended"))),
  );
  test("replies", () =>
    fc.assert(
      fc.property(reply, ([verb, one]) => {
        const reader = new ReplyReader(verb);
        const lines = formatReply(one).split("\r\n");
        assert.equal(lines.pop(), "");
        const last = lines.pop() as string;
        for (const line of lines) assert.equal(reader.take(line).kind, "more");
        assert.deepEqual(reader.take(last), one);
      }),
    ));

  test("what users wrote and an error quotes is one line of printable ASCII, whatever its octets become (PRV-4)", () => {
    const written = "you may not write From \u010d\u010a+OK b=AAAA\r\n@someisp.test\x87";
    const line = formatReply(errorReply("POLICY", written));
    assert.equal(line, "-ERR [POLICY] you may not write From ??+OK b=AAAA??@someisp.test?\r\n");
    assert.ok(formatReply(errorReply("POLICY", "x".repeat(100_000))).length < 1024);
  });

  test("PRV-28 the text of [LIMIT]", () => {
    const read = (limit: number, freeAt: number | null) => parseLimitText(limitReply(limit, freeAt).text);
    assert.deepEqual(read(500, 1_073_304_000_001), { limit: 500, freeAt: 1_073_304_001_000 });
    assert.deepEqual(read(0, null), { limit: 0, freeAt: null });
    for (const text of ["", "too many", "limit=x", "limit=5; free=", "free=5"])
      assert.equal(parseLimitText(text), null);
  });

  test("PRV-15, PRV-29 codes of later versions are temporary; nothing else passes for a reply", () => {
    const take = (line: string, verb: VaultRequest["verb"] = "SIGN") => new ReplyReader(verb).take(line);
    assert.deepEqual(take("-err [weather] rain"), errorReply("TEMP", "rain"));
    assert.deepEqual(take("-ERR [LIMIT]"), errorReply("LIMIT", ""));
    for (const line of [
      "",
      "+OK",
      "+OK b=",
      "+OK b=A",
      "+ AAAA",
      "-ERR no",
      "250 OK",
      "+OK b=AAAA; b=AAAA",
      "+OK b=AAAA\u00e9",
    ]) {
      assert.equal(take(line).kind, "wrong", line);
    }
    for (const [line, verb] of [
      ["+OK tk=short; i=a@x.test; ac=1", "AUTH"],
      [`+OK tk=${ticket}; i=A@x.test; ac=1`, "AUTH"],
      [`+OK tk=${ticket}; i=a@x.test`, "ASSERT"],
    ] as const) {
      assert.equal(take(line, verb).kind, "wrong", line);
    }
    const key = new ReplyReader("GETKEY");
    key.take("+OK");
    key.take(`k=${kid}; a=ed25519-sha256; exp=901; sk=AAAA`);
    assert.equal(key.take(".").kind, "wrong", "PRV-18: exp is at most 900");
  });

  test("property: no line throws", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), (line) => void parseRequest(line)));
    const verbs = ["AUTH", "ID", "SIGN", "GETKEY", "CAPA", "SPEND"] as const;
    fc.assert(
      fc.property(fc.constantFrom(...verbs), fc.array(fc.string({ unit: "binary" })), (verb, lines) => {
        const reader = new ReplyReader(verb);
        for (const line of ["+OK", ...lines, "."]) reader.take(line);
      }),
    );
  });
});
