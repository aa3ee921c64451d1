import assert from "node:assert/strict";
import { isAscii } from "node:buffer";
import { describe, test } from "node:test";
import fc from "fast-check";
import { parseHeader } from "../header.ts";
import { parseContentType } from "./content-type.ts";
import { convertToSevenBit } from "./convert-to-seven-bit.ts";
import { LineMeter } from "./line-meter.ts";
import { convert, scan } from "./test-conversion.ts";
import { brokenMessages, leavesOf, messageOf, mimeMessages } from "./test-mime-trees.ts";

function assertText(actual: Buffer, expected: Buffer): void {
  assert.equal(actual.toString("latin1"), expected.toString("latin1"));
}

/** Long enough that one "ü" makes quoted-printable the smaller one. */
const TEXT = "Guten Morgen, ü";
const QP_TEXT = "Guten Morgen, =C3=BC";
const MIXED = "Content-Type: multipart/mixed; boundary=b";

/** From and MIME-Version, then these lines; "|" ends one, CTE is short for Content-Transfer-Encoding. */
function message(lines: string, charset: "utf8" | "latin1" = "utf8"): Buffer {
  const text = lines.replaceAll("|", "\r\n").replaceAll("CTE", "Content-Transfer-Encoding");
  return Buffer.from(`From: a@x.tld\r\nMIME-Version: 1.0\r\n${text}`, charset);
}

describe("MSG-16, MSG-17 what is encoded, and how", () => {
  const changed: [what: string, before: Buffer, after: Buffer][] = [
    [
      "text without a label, and without MIME-Version",
      Buffer.from(`From: a@x.tld\r\n\r\n${TEXT}\r\n`),
      Buffer.from(
        `From: a@x.tld\r\nContent-Transfer-Encoding: quoted-printable\r\nMIME-Version: 1.0\r\n\r\n${QP_TEXT}\r\n`,
      ),
    ],
    [
      "a label in place, with a comment, folded",
      message(`content-transfer-encoding:| 8BIT (as it came)|To: b@x.tld||${TEXT}|`),
      message(`content-transfer-encoding: quoted-printable|To: b@x.tld||${QP_TEXT}|`),
    ],
    ["a label that lies", message(`CTE: 7bit||${TEXT}|`), message(`CTE: quoted-printable||${QP_TEXT}|`)],
    [
      "text of one octet in six over 127: quoted-printable",
      message("|\xe4bcd|", "latin1"),
      message("CTE: quoted-printable||=E4bcd|"),
    ],
    [
      "text of more: base64, with its line ends",
      message("|\xe4bc|", "latin1"),
      message("CTE: base64||5GJjDQo=|"),
    ],
    [
      "what is no text: base64, in lines of 76",
      message(`Content-Type: image/x||${"x".repeat(57)}ü|`),
      message(`Content-Type: image/x|CTE: base64||${"eHh4".repeat(19)}|w7wNCg==|`),
    ],
    [
      "binary, though it is ASCII (MSG-17)",
      message("CTE: binary||a = b|"),
      message("CTE: quoted-printable||a =3D b|"),
    ],
    [
      "white space at line ends, lone dots, From, soft breaks that make no delimiter line",
      message(`|ü \t|  |.|..|From x|Fro|--|${"x".repeat(75)}--b|${"y".repeat(76)}|`),
      message(
        `CTE: quoted-printable||=C3=BC =09| =20|=2E|=2E.|=46rom x|Fro|--|${"x".repeat(75)}=|=2D-b|${"y".repeat(76)}|`,
      ),
    ],
    ["a body without a line end", message(`|${TEXT} `), message(`CTE: quoted-printable||${QP_TEXT}=20`)],
    [
      "parts: only what needs it, and the multipart's own label",
      message(
        `${MIXED}|CTE: 8bit||preamble|--b||${TEXT}|--b \t|Content-Type: text/plain||plain = ||--b|Content-Type: application/pdf|CTE: 8bit||ü|--b--|epilogue`,
      ),
      message(
        `${MIXED}|CTE: 7bit||preamble|--b|CTE: quoted-printable||${QP_TEXT}|--b \t|Content-Type: text/plain||plain = ||--b|Content-Type: application/pdf|CTE: base64||w7w=|--b--|epilogue`,
      ),
    ],
    [
      "a binary part without content",
      message(`${MIXED}||--b|CTE: binary||--b--`),
      message(`${MIXED}||--b|CTE: quoted-printable||--b--`),
    ],
    [
      "an attached message: its leaf, its MIME-Version, its label",
      message(`Content-Type: message/rfc822|CTE: 8bit||Subject: x||${TEXT}|`),
      message(
        `Content-Type: message/rfc822|CTE: 7bit||Subject: x|CTE: quoted-printable|MIME-Version: 1.0||${QP_TEXT}|`,
      ),
    ],
    [
      "a digest, whose parts are messages",
      message(`Content-Type: multipart/digest; boundary=b||--b||Subject: x||${TEXT}|--b--|`),
      message(
        `Content-Type: multipart/digest; boundary=b||--b||Subject: x|CTE: quoted-printable|MIME-Version: 1.0||${QP_TEXT}|--b--|`,
      ),
    ],
    ...[
      `Content-Type: multipart/signed; boundary=c|CTE: 8bit||--c||${TEXT}|--c--`,
      `Content-Type: multipart/encrypted; boundary=c||--c||${TEXT}|--c--`,
      `Content-Type: multipart/mixed; boundary=c||--c||${TEXT}`, // it never ends
    ].map((kept): [string, Buffer, Buffer] => [
      `what stands beside a part that stays (MSG-18): ${kept}`,
      message(`${MIXED}|CTE: binary||--b|${kept}|--b||${TEXT}|--b--`),
      message(`${MIXED}|CTE: 8bit||--b|${kept}|--b|CTE: quoted-printable||${QP_TEXT}|--b--`),
    ]),
    ...["signed", "mixed"].map((subtype): [string, Buffer, Buffer] => {
      // The second one has no delimiter, and nobody can tell what is in it.
      const kept = `--b|Content-Type: multipart/${subtype}; boundary=c|CTE: binary||x`;
      return [
        `what encloses binary that stays is binary itself: multipart/${subtype}`,
        message(`${MIXED}|CTE: binary||${kept}|--b||${TEXT}|--b--`),
        message(`${MIXED}|CTE: binary||${kept}|--b|CTE: quoted-printable||${QP_TEXT}|--b--`),
      ];
    }),
    [
      "in a signed message what is binary, and nothing else",
      message(`DKIM-Signature: v=1|${MIXED}||--b||${TEXT}|--b|CTE: binary||${TEXT}|--b--`),
      message(`DKIM-Signature: v=1|${MIXED}||--b||${TEXT}|--b|CTE: quoted-printable||${QP_TEXT}|--b--`),
    ],
  ];
  for (const [what, before, after] of changed) {
    test(what, async () => {
      assertText(await convert(before), after);
      assertText(await convert(before, [1]), after);
    });
  }
});

test("MSG-20 parts with lines of more than 980 octets are encoded, wherever chunks end", async () => {
  const part = (line: string): Buffer =>
    message(`${MIXED}||--b||short|${line}|--b|Content-Type: image/x||${line}|--b--|`);
  const kept = part("y".repeat(980));
  assert.equal(scan(kept).plan, null);
  const before = part("y".repeat(981));
  for (const lengths of [[], [1], [7, 400], [981], [982], [983]]) {
    const { hasLongLines, staysEightBit } = scan(before, lengths);
    assert.deepEqual([hasLongLines, staysEightBit], [true, false]);
    const after = (await convert(before, lengths)).toString();
    assert.ok(after.split("\r\n").every((line) => line.length <= 76));
    assert.deepEqual(
      leavesOf(messageOf(Buffer.from(after))).map(({ decoded }) => decoded),
      leavesOf(messageOf(before)).map(({ raw }) => raw),
    );
  }
  const signed = message(`Content-Type: multipart/signed; boundary=b||--b||${"y".repeat(998)}|--b--|`);
  assert.deepEqual(scan(signed), { plan: null, hasLongLines: false, staysEightBit: false });
});

test("a LineMeter finds what a slow look finds, in any chunks", () => {
  const line = fc.oneof(
    fc.integer({ min: 0, max: 90 }),
    fc.integer({ min: 975, max: 985 }),
    fc.integer({ min: 0, max: 3000 }),
  );
  fc.assert(
    fc.property(
      fc.array(line, { maxLength: 20 }),
      fc.array(fc.integer({ min: 1, max: 2000 }), { maxLength: 5 }),
      (lengths, chunks) => {
        const text = Buffer.from(
          lengths
            .map((length) => `${"x".repeat(length)}\r\n`)
            .join("")
            .slice(0, -2),
        );
        const meter = new LineMeter();
        for (let at = 0, index = 0; at < text.length; index++) {
          const size = chunks.length === 0 ? text.length : (chunks[index % chunks.length] as number);
          meter.write(text.subarray(at, at + size));
          at += size;
        }
        assert.equal(
          meter.isLong,
          lengths.some((length) => length > 980),
        );
      },
    ),
  );
});

describe("MSG-18 what stays as it is", () => {
  const signed = "Content-Type: multipart/signed; boundary=b";
  const encrypted = "Content-Type: multipart/encrypted; boundary=b";
  const manyFields = `X: ${"x".repeat(40)}|`.repeat(2000);
  const eightBit: [what: string, lines: string][] = [
    ["an encoding that is not what it says", `CTE: base64||${TEXT}|`],
    ["an unknown encoding", `CTE: x-uuencode||${TEXT}|`],
    ["two labels", `CTE: 8bit|CTE: 8bit||${TEXT}|`],
    ["two types", `Content-Type: text/plain|Content-Type: text/plain||${TEXT}|`],
    ["a type that is none", `Content-Type: text||${TEXT}|`],
    ["a header that breaks the rules", `bad line||${TEXT}|`],
    ["signed", `${signed}||--b||${TEXT}|--b--|`],
    ["encrypted", `${encrypted}||--b||${TEXT}|--b--|`],
    ["a fragment", `Content-Type: message/partial; id=a; number=1||${TEXT}|`],
    ["a delivery report", `Content-Type: message/delivery-status||${TEXT}|`],
    ["a message that was signed", `VSMTP-Signature: v=1||${TEXT}|`],
    ["an attached message that was signed", `Content-Type: message/rfc822||DKIM-Signature: v=1||${TEXT}|`],
    ["no boundary", `Content-Type: multipart/mixed||--b||${TEXT}|--b--`],
    ["two boundaries", `${MIXED}; boundary=b||--b||${TEXT}|--b--`],
    ["a boundary in pieces", `${MIXED}; boundary*0=b||--b||${TEXT}|--b--`],
    ["no delimiter", `${MIXED}||${TEXT}`],
    ["no last delimiter", `${MIXED}||--b||${TEXT}|--b||${TEXT}|`],
    ["a line that begins with the delimiter", `${MIXED}||--b||${TEXT}|--bc|--b--`],
    ["a delimiter behind the last one", `${MIXED}||--b||${TEXT}|--b--|--b||${TEXT}|--b--`],
    ["a boundary used again inside", `${MIXED}||--b|${MIXED}||--b||${TEXT}|--b--|--b||${TEXT}|--b--`],
    ["a boundary used again inside, and closed once", `${MIXED}||--b|${MIXED}||--b||${TEXT}|--b--`],
    ["a boundary that begins with the one outside", `${MIXED}||--b|${MIXED}2||--b2||${TEXT}|--b2--|--b--`],
    ["preamble and epilogue", `${MIXED}||${TEXT}|--b||plain|--b--${TEXT}`],
    ["8-bit in a part's header", `${MIXED}||--b|Content-Type: x/y; name=ü||a|--b--`],
    ["a header of more than 64 KiB", `${MIXED}||--b|${manyFields}|${TEXT}|--b--`],
  ];
  const ascii: [what: string, lines: string][] = [
    ["ASCII", "|plain = |"],
    ["a label higher than need be", "CTE: 8bit||plain|"],
    ["no body", "CTE: 8bit|"],
    ["a part's header without an end", `${MIXED}||--b|X: plain|--b--`],
  ];
  for (const [cases, staysEightBit] of [
    [eightBit, true],
    [ascii, false],
  ] as const) {
    for (const [what, lines] of cases) {
      test(what, () => {
        assert.deepEqual(scan(message(lines)), { plan: null, hasLongLines: false, staysEightBit });
        assert.deepEqual(scan(message(lines), [1, 2]), { plan: null, hasLongLines: false, staysEightBit });
      });
    }
  }
});

test("MSG-16 what is nested deeper than 50 levels stays; so does a message of more parts than a plan may hold", () => {
  const nested = (depth: number): string =>
    depth === 0
      ? `|${TEXT}`
      : `Content-Type: multipart/mixed; boundary="<${depth}>"||--<${depth}>|${nested(depth - 1)}|--<${depth}>--`;
  assert.notEqual(scan(message(nested(50))).plan, null);
  assert.deepEqual(scan(message(nested(51))), { plan: null, hasLongLines: false, staysEightBit: true });
  const manyParts = (count: number): Buffer => message(`${MIXED}||${`--b||${TEXT}|`.repeat(count)}--b--|`);
  assert.equal(scan(manyParts(10_000)).plan?.bodyEdits.length, 20_000);
  assert.deepEqual(scan(manyParts(10_001)), { plan: null, hasLongLines: false, staysEightBit: true });
});

test("MSG-16 so does a message of too many lines that may be delimiters, as far as they would cost time", () => {
  const boundary = (level: number): string => `like-this-${level + 10}`;
  const opened = Array.from(
    { length: 50 },
    (_, level) => `Content-Type: multipart/mixed; boundary=${boundary(level)}||--${boundary(level)}|`,
  );
  const closed = Array.from({ length: 50 }, (_, level) => `--${boundary(49 - level)}--|`);
  const withLines = (count: number): Buffer =>
    message(`${opened.join("")}|${TEXT}|${"--like-this-too|".repeat(count)}${closed.join("")}`);
  assert.notEqual(scan(withLines(20_000)).plan, null);
  assert.deepEqual(scan(withLines(21_000)), { plan: null, hasLongLines: false, staysEightBit: true });
});

test("MSG-16 comments and quoted words in Content-Type; boundaries that are no words", async () => {
  for (const type of [
    'Multipart/Mixed (a "comment" (nested) \\) ;) ; boundary="b"; x=y',
    'multipart/mixed; charset="a;boundary=c"; BOUNDARY="b";',
    "multipart / mixed;; boundary = b ;",
  ]) {
    const converted = await convert(message(`Content-Type: ${type}||--b||${TEXT}|--b--`));
    assert.ok(converted.includes(QP_TEXT), type);
  }
  const odd = message(`${MIXED}=_a:/?@b||--b=_a:/?@b||${TEXT}|--b=_a:/?@b--`);
  assert.ok((await convert(odd)).includes(QP_TEXT));
  for (const type of ["b(c)", "b (c", '"b', '"\\b"', '"b| c"']) {
    for (const boundary of ["b", "b c", "b(c)"]) {
      const body = `--${boundary}||${TEXT}|--${boundary}--`;
      assert.equal(
        scan(message(`Content-Type: multipart/mixed; boundary=${type}||${body}`)).plan,
        null,
        type,
      );
    }
  }
});

test("a Content-Type of very many comments is read in linear time", () => {
  const began = performance.now();
  const read = parseContentType(`multipart/mixed; boundary="b"${" (c)".repeat(250_000)}`);
  assert.equal(read?.boundary, "b");
  assert.ok(performance.now() - began < 1000);
});

test("MSG-15 a body of another length than the one that was scanned is not converted", async () => {
  const { header, body } = messageOf(message(`|${TEXT}|`));
  const { plan } = scan(message(`|${TEXT}|`));
  assert.ok(plan);
  for (const other of [body.subarray(1), Buffer.concat([body, body])]) {
    await assert.rejects(async () => {
      for await (const chunk of convertToSevenBit(plan, parseHeader(header), [other]).body) assert.ok(chunk);
    }, RangeError);
  }
});

const cuts = fc.array(fc.integer({ min: 1, max: 90 }), { maxLength: 6 });

test("MSG-16 any message: the same leaves, 7-bit but for what must not be touched, in any chunks, once", async () => {
  await fc.assert(
    fc.asyncProperty(mimeMessages, cuts, async (message, lengths) => {
      const before = scan(message, lengths);
      const after = await convert(message, lengths);
      assertText(after, await convert(message));
      const [original, converted] = [leavesOf(messageOf(message)), leavesOf(messageOf(after))];
      assert.deepEqual(
        converted.map(({ decoded }) => decoded.toString("latin1")),
        original.map(({ decoded }) => decoded.toString("latin1")),
      );
      assert.equal(before.staysEightBit, !isAscii(messageOf(after).body));
      const second = scan(after, lengths);
      assert.deepEqual(second, { plan: null, hasLongLines: false, staysEightBit: before.staysEightBit });
      if (isAscii(message) && !/binary/i.test(message.toString("latin1"))) assert.equal(before.plan, null);
    }),
    { numRuns: 500 },
  );
});

test("MSG-16 broken messages: nothing is thrown, and any reader finds the same leaves", async () => {
  await fc.assert(
    fc.asyncProperty(brokenMessages, cuts, async (message, lengths) => {
      const after = await convert(message, lengths);
      assertText(after, await convert(message));
      assert.deepEqual(
        leavesOf(messageOf(after)).map(({ decoded }) => decoded.toString("latin1")),
        leavesOf(messageOf(message)).map(({ decoded }) => decoded.toString("latin1")),
      );
      assert.equal(scan(after).plan, null);
    }),
    { numRuns: 2000 },
  );
});
