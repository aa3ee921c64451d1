import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ReplyReader } from "./client/reply-reader.ts";
import { type Envelope, formatReceivedField, formatReply, parseMailbox, reply } from "./index.ts";
import { isDomainOrLiteral } from "./mailbox.ts";
import { CommandReader } from "./server/command-reader.ts";
import { Conversation } from "./server/conversation.ts";
import { type Command, parseCommand } from "./server/parse-command.ts";
import { addressKey } from "./server/server.ts";
import { showCommand } from "./server/show-command.ts";
import { asciiUtf8Address, decodeUtf8Address, decodeXtext } from "./xtext.ts";

function parse(line: string): Command {
  return parseCommand(Buffer.from(line));
}

/** A command in one line: what it came out as. */
function brief(line: string): string {
  const command = parse(line);
  switch (command.verb) {
    case "wrong":
      return `${command.reply.code} ${command.reply.enhanced}`;
    case "foreign":
      return `foreign ${command.reply.code} ${command.reply.enhanced}`;
    case "BDAT":
      return `BDAT ${command.octets}${command.last ? " LAST" : ""}`;
    case "EHLO":
    case "HELO":
      return `${command.verb} ${command.name}`;
    case "MAIL": {
      const { declaredOctets, body, smtputf8, requireTls, returned, envelopeId } = command.parameters;
      return [
        `MAIL ${command.reversePath?.text ?? "<>"} ${declaredOctets} ${body}`,
        ...(smtputf8 ? ["utf8"] : []),
        ...(requireTls ? ["REQUIRETLS"] : []),
        ...(returned === null ? [] : [`RET=${returned}`]),
        ...(envelopeId === null ? [] : [`ENVID=${envelopeId}`]),
      ].join(" ");
    }
    case "RCPT": {
      const { notify, originalRecipient } = command.parameters;
      return [
        `RCPT ${command.recipient.localPart} at ${command.recipient.domain}`,
        ...(notify === null ? [] : [`NOTIFY=${notify.join(",")}`]),
        ...(originalRecipient === null ? [] : [`ORCPT=${originalRecipient}`]),
      ].join(" ");
    }
    case "AUTH":
      return `AUTH ${command.mechanism} ${command.initial}`;
    default:
      return command.verb;
  }
}

const long = (octets: number, line: string) => line.replace("*", "x".repeat(octets - 2 - line.length + 1));

const commands: [section: string, line: string, expected: string][] = [
  ["RFC 5321 §4.1.1.1", "EHLO mail.example.test", "EHLO mail.example.test"],
  ["RFC 5321 §2.4 any case", "ehlo Mail.Example.test", "EHLO Mail.Example.test"],
  ["RFC 5321 §4.1.1 trailing space", "HELO mail.example.test  ", "HELO mail.example.test"],
  ["RFC 5321 §4.1.3 literal", "EHLO [192.0.2.1]", "EHLO [192.0.2.1]"],
  ["RFC 5321 §4.1.3 literal", "EHLO [IPv6:2001:db8::1]", "EHLO [IPv6:2001:db8::1]"],
  ["RFC 5321 §4.1.4 names that are none", "EHLO DESKTOP_7", "EHLO DESKTOP_7"],
  ["RFC 5321 §4.1.1.1", "EHLO", "501 5.5.4"],
  ["RFC 5321 §4.1.1.1", "EHLO a b", "501 5.5.4"],
  ["RFC 5321 §4.1.1.1 no comment", "EHLO a(b)", "501 5.5.4"],
  ["RFC 5321 §4.1.3", "EHLO [999.0.2.1]", "501 5.5.4"],
  ["RFC 6531 §3.3 no UTF-8 here", "EHLO bücher.test", "501 5.5.2"],
  ["RFC 5321 §4.1.1.2", "MAIL FROM:<a@b.test>", "MAIL a@b.test null 7bit"],
  ["RFC 5321 §4.1.1.2 null", "MAIL FROM:<>", "MAIL <> null 7bit"],
  ["RFC 5321 §4.1.1.2 case", "mail from:<A@B.test>", "MAIL A@B.test null 7bit"],
  ["space after the colon, tolerated", "MAIL FROM: <a@b.test>", "MAIL a@b.test null 7bit"],
  ["RFC 5321 §4.1.1.2 brackets", "MAIL FROM:a@b.test", "501 5.1.7"],
  ["RFC 5321 §4.1.1.2 brackets", "MAIL FROM:<a@b.test", "501 5.1.7"],
  ["RFC 5321 §4.1.2 nothing behind", "MAIL FROM:<a@b.test>x", "501 5.5.4"],
  ["RFC 5321 §4.1.2", "MAIL FROM:<a@b@c.test>", "501 5.1.7"],
  ["RFC 5321 §4.1.2", "MAIL FROM:<a..b@c.test>", "501 5.1.7"],
  ["RFC 5321 §4.1.2", "MAIL FROM:<.a@c.test>", "501 5.1.7"],
  ["RFC 5321 §4.1.2", "MAIL FROM:<a@b_c.test>", "501 5.1.7"],
  ["RFC 5321 §4.1.2", "MAIL FROM:<a@-b.test>", "501 5.1.7"],
  ["RFC 5321 §4.1.2", "MAIL FROM:<a@b..test>", "501 5.1.7"],
  ["RFC 5321 §4.1.2", "MAIL FROM:<a>", "501 5.1.7"],
  ["RFC 5321 §4.5.1 forward paths only", "MAIL FROM:<postmaster>", "501 5.1.7"],
  ["RFC 5321 §4.1.2", "MAIL FROM", "501 5.5.4"],
  ["RFC 5321 §4.1.2", "MAIL", "501 5.5.4"],
  ["RFC 1870 §6.1", "MAIL FROM:<a@b.test> SIZE=1000", "MAIL a@b.test 1000 7bit"],
  ["RFC 1870 §6.1", "MAIL FROM:<a@b.test> SIZE=1e3", "501 5.5.4"],
  ["RFC 1870 §6.1", "MAIL FROM:<a@b.test> SIZE", "501 5.5.4"],
  ["RFC 1870 §5 20 digits", "MAIL FROM:<a@b.test> SIZE=123456789012345678901", "501 5.5.4"],
  ["RFC 6152 §2", "MAIL FROM:<a@b.test> body=8bitmime", "MAIL a@b.test null 8bitmime"],
  ["RFC 6152 §2", "MAIL FROM:<a@b.test> BODY=7BIT SIZE=1", "MAIL a@b.test 1 7bit"],
  ["RFC 3030 not offered", "MAIL FROM:<a@b.test> BODY=BINARYMIME", "501 5.5.4"],
  ["RFC 5321 §4.1.2 twice", "MAIL FROM:<a@b.test> SIZE=1 size=1", "501 5.5.4"],
  ["RFC 5321 §4.1.1.11", "MAIL FROM:<a@b.test> FOO=1", "555 5.5.4"],
  ["RFC 3461 §4.3", "MAIL FROM:<a@b.test> ret=hdrs", "MAIL a@b.test null 7bit RET=headers"],
  ["RFC 3461 §4.3", "MAIL FROM:<a@b.test> RET=FULL", "MAIL a@b.test null 7bit RET=full"],
  ["RFC 3461 §4.3", "MAIL FROM:<a@b.test> RET=ALL", "501 5.5.4"],
  ["RFC 3461 §4.3", "MAIL FROM:<a@b.test> RET", "501 5.5.4"],
  ["RFC 3461 §4.4", "MAIL FROM:<a@b.test> ENVID=QQ+2B314159", "MAIL a@b.test null 7bit ENVID=QQ+2B314159"],
  ["RFC 3461 §4.4", `MAIL FROM:<> ENVID=${"x".repeat(100)}`, `MAIL <> null 7bit ENVID=${"x".repeat(100)}`],
  ["RFC 3461 §4.4", `MAIL FROM:<> ENVID=${"x".repeat(101)}`, "501 5.5.4"],
  ["RFC 3461 §4 xtext", "MAIL FROM:<> ENVID=a+2b", "501 5.5.4"],
  ["RFC 3461 §4 xtext", "MAIL FROM:<> ENVID=a+2", "501 5.5.4"],
  ["RFC 3461 §4.4 printable", "MAIL FROM:<> ENVID=a+0D+0AX", "501 5.5.4"],
  ["RFC 3461 §4.4", "MAIL FROM:<> ENVID", "501 5.5.4"],
  ["RFC 8689 §2", "MAIL FROM:<a@b.test> REQUIRETLS", "MAIL a@b.test null 7bit REQUIRETLS"],
  ["RFC 8689 §2", "MAIL FROM:<a@b.test> REQUIRETLS=1", "501 5.5.4"],
  ["RFC 5321 §4.1.2 parameter syntax", "MAIL FROM:<a@b.test> =1", "501 5.5.4"],
  ["RFC 4954 §5", "MAIL FROM:<a@b.test> AUTH=<>", "MAIL a@b.test null 7bit"],
  ["RFC 4954 §5 xtext", "MAIL FROM:<a@b.test> AUTH=e+3Dmc2@example.com", "MAIL a@b.test null 7bit"],
  ["RFC 4954 §5 xtext", "MAIL FROM:<a@b.test> AUTH=e+mc2", "501 5.5.4"],
  ["RFC 6531 §3.4", "MAIL FROM:<ä@bücher.test> SMTPUTF8", "MAIL ä@bücher.test null 7bit utf8"],
  ["RFC 6531 §3.4", "MAIL FROM:<ä@b.test>", "553 5.6.7"],
  ["RFC 6531 §3.4", "MAIL FROM:<a@b.test> SMTPUTF8=1", "501 5.5.4"],
  ["RFC 5321 §4.1.1.3", "RCPT TO:<a.b+c@d.test>", "RCPT a.b+c at d.test"],
  ["RFC 5321 §4.1.2 quoted", 'RCPT TO:<"a b"@d.test>', "RCPT a b at d.test"],
  ["RFC 5321 §4.1.2 quoted", 'RCPT TO:<"a\\"b>@c"@d.test>', 'RCPT a"b>@c at d.test'],
  ["RFC 5321 §4.1.2 quoted", 'RCPT TO:<"a"b@d.test>', "501 5.1.3"],
  ["RFC 5321 §4.1.2 quoted", 'RCPT TO:<"a@d.test>', "501 5.1.3"],
  ["RFC 5321 §4.1.3 literal", "RCPT TO:<a@[192.0.2.1]>", "RCPT a at [192.0.2.1]"],
  ["RFC 5321 §4.1.3 literal", "RCPT TO:<a@[IPv6:::1]>", "RCPT a at [IPv6:::1]"],
  ["RFC 5321 §4.1.3 literal", "RCPT TO:<a@[IPv6:fe80::1%eth0]>", "501 5.1.3"],
  ["RFC 5321 §4.1.3 literal", "RCPT TO:<a@[x]>", "501 5.1.3"],
  ["RFC 5321 §4.5.1", "RCPT TO:<Postmaster>", "RCPT Postmaster at "],
  ["RFC 5321 §3.6.1 source route", "RCPT TO:<@x.test,@y.test:a@b.test>", "RCPT a at b.test"],
  ["RFC 5321 §3.6.1 source route", "RCPT TO:<@x.test,a@b.test>", "501 5.1.3"],
  ["RFC 5321 §4.1.1.3", "RCPT TO:<>", "501 5.1.3"],
  ["RFC 5321 §4.1.1.11", "RCPT TO:<a@b.test> FOO=NEVER", "555 5.5.4"],
  ["RFC 3461 §4.1", "RCPT TO:<a@b.test> NOTIFY=never", "RCPT a at b.test NOTIFY=never"],
  [
    "RFC 3461 §4.1",
    "RCPT TO:<a@b.test> NOTIFY=Delay,SUCCESS,failure",
    "RCPT a at b.test NOTIFY=delay,success,failure",
  ],
  ["RFC 3461 §4.1", "RCPT TO:<a@b.test> NOTIFY=NEVER,DELAY", "501 5.5.4"],
  ["RFC 3461 §4.1", "RCPT TO:<a@b.test> NOTIFY=DELAY,DELAY", "501 5.5.4"],
  ["RFC 3461 §4.1", "RCPT TO:<a@b.test> NOTIFY=DELAY,", "501 5.5.4"],
  ["RFC 3461 §4.1", "RCPT TO:<a@b.test> NOTIFY", "501 5.5.4"],
  [
    "RFC 3461 §4.2",
    "RCPT TO:<a@b.test> ORCPT=rfc822;Bob+2Bx@c.test",
    "RCPT a at b.test ORCPT=rfc822;Bob+2Bx@c.test",
  ],
  ["RFC 3461 §4.2", "RCPT TO:<a@b.test> ORCPT=x400;/c+3Dde/", "RCPT a at b.test ORCPT=x400;/c+3Dde/"],
  ["RFC 3461 §4.2", "RCPT TO:<a@b.test> ORCPT=bob@c.test", "501 5.5.4"],
  ["RFC 3461 §4.2", "RCPT TO:<a@b.test> ORCPT=rfc822;", "501 5.5.4"],
  ["RFC 3461 §4.2", "RCPT TO:<a@b.test> ORCPT=;a", "501 5.5.4"],
  ["RFC 3461 §4.2 printable", "RCPT TO:<a@b.test> ORCPT=rfc822;a+0Ab", "501 5.5.4"],
  ["RFC 3461 §4.2 xtext", "RCPT TO:<a@b.test> ORCPT=rfc822;ä@c.test", "501 5.5.4"],
  ["RFC 6533 §3", "RCPT TO:<a@b.test> ORCPT=utf-8;ä@c.test", "RCPT a at b.test ORCPT=utf-8;ä@c.test"],
  [
    "RFC 6533 §3",
    "RCPT TO:<a@b.test> ORCPT=utf-8;\\x{E4}\\x{2B}@c.test",
    "RCPT a at b.test ORCPT=utf-8;\\x{E4}\\x{2B}@c.test",
  ],
  [
    "RFC 6533 §3 as Postfix has it",
    "RCPT TO:<a@b.test> ORCPT=rfc822;j+C3+BCr+2Bx@c.test",
    "RCPT a at b.test ORCPT=utf-8;j\\x{FC}r\\x{2B}x@c.test",
  ],
  ["RFC 6533 §3 not UTF-8", "RCPT TO:<a@b.test> ORCPT=rfc822;j+FCr@c.test", "501 5.5.4"],
  ["RFC 6533 §3 control", "RCPT TO:<a@b.test> ORCPT=rfc822;j+C3+BC+0A@c.test", "501 5.5.4"],
  ["RFC 6533 §3", "RCPT TO:<a@b.test> ORCPT=utf-8;a\\x{0A}b", "501 5.5.4"],
  ["RFC 6533 §3", "RCPT TO:<a@b.test> ORCPT=utf-8;a\\x{D800}", "501 5.5.4"],
  ["RFC 6533 §3", "RCPT TO:<a@b.test> ORCPT=utf-8;a\\b", "501 5.5.4"],
  [
    "RFC 3461 §4.2 500 characters",
    `RCPT TO:<a@b.test> ORCPT=rfc822;${"x".repeat(493)}`,
    `RCPT a at b.test ORCPT=rfc822;${"x".repeat(493)}`,
  ],
  ["RFC 3461 §4.2 501 characters", `RCPT TO:<a@b.test> ORCPT=rfc822;${"x".repeat(494)}`, "501 5.5.4"],
  [
    "RFC 5321 §4.5.3.1.3 path of 256 octets",
    `RCPT TO:<${"a".repeat(247)}@b.test>`,
    `RCPT ${"a".repeat(247)} at b.test`,
  ],
  ["RFC 5321 §4.5.3.1.3 path of 257 octets", `RCPT TO:<${"a".repeat(248)}@b.test>`, "501 5.1.3"],
  ["RFC 1035 §2.3.4 label of 64 octets", `RCPT TO:<a@${"b".repeat(64)}.test>`, "501 5.1.3"],
  ["RFC 5321 §4.1.1.4", "DATA", "DATA"],
  ["RFC 5321 §4.1.1.4", "DATA x", "501 5.5.4"],
  ["RFC 5321 §4.1.1.5", "RSET ", "RSET"],
  ["RFC 5321 §4.1.1.6", "VRFY smith", "VRFY"],
  ["RFC 5321 §4.1.1.6", "VRFY", "501 5.5.4"],
  ["RFC 6531 §3.7.4.2", "VRFY ä", "VRFY"],
  ["RFC 5321 §4.1.1.7", "EXPN staff", "EXPN"],
  ["RFC 5321 §4.1.1.8", "HELP MAIL", "HELP"],
  ["RFC 5321 §4.1.1.9", "NOOP anything", "NOOP"],
  ["RFC 5321 §4.1.1.10", "QUIT", "QUIT"],
  ["RFC 5321 §4.1.1.10", "QUIT now", "501 5.5.4"],
  ["RFC 3207 §4", "STARTTLS x", "501 5.5.4"],
  ["RFC 4954 §4", "AUTH plain AGEAYg==", "AUTH PLAIN AGEAYg=="],
  ["RFC 4954 §4", "AUTH LOGIN", "AUTH LOGIN null"],
  ["RFC 4954 §4", "AUTH", "501 5.5.4"],
  ["RFC 4954 §4", "AUTH PLAIN a b", "501 5.5.4"],
  ["RFC 5321 §4.2.4", "TURN", "502 5.5.1"],
  ["RFC 5321 §4.2.4", "FOO", "500 5.5.1"],
  ["RFC 5321 §4.2.4", "MAILX", "500 5.5.1"],
  ["RFC 5321 §4.2.4", "", "500 5.5.1"],
  ["RFC 5321 §4.2.4", " MAIL FROM:<a@b.test>", "500 5.5.1"],
  ["RFC 3030 §2", "BDAT 5", "BDAT 5"],
  ["RFC 3030 §2", "bdat 0005 last ", "BDAT 5 LAST"],
  ["RFC 3030 §2", "BDAT 0 LAST", "BDAT 0 LAST"],
  ["RFC 3030 §2 15 digits", "BDAT 999999999999999", "BDAT 999999999999999"],
  ["RFC 3030 §2 16 digits", "BDAT 1000000000000000", "foreign 501 5.5.4"],
  ["RFC 3030 §2", "BDAT", "foreign 501 5.5.4"],
  ["RFC 3030 §2", "BDAT -1", "foreign 501 5.5.4"],
  ["RFC 3030 §2", "BDAT 0x10", "foreign 501 5.5.4"],
  ["RFC 3030 §2", "BDAT 5 LASTLY", "foreign 501 5.5.4"],
  ["RFC 3030 §2", "BDAT LAST", "foreign 501 5.5.4"],
  ["RFC 3030 §2", long(600, "BDAT 5 *"), "foreign 501 5.5.4"],
  ["RFC 5321 §7.9 browsers", "POST / HTTP/1.1", "foreign 500 5.5.1"],
  ["RFC 5321 §4.1.1 control characters", "NOOP \x07", "500 5.5.2"],
  ["RFC 5321 §4.1.1 control characters", "MAIL\tFROM:<a@b.test>", "500 5.5.2"],
  ["RFC 5321 §4.5.3.1.4 512 octets with CRLF", long(512, "NOOP *"), "NOOP"],
  ["RFC 5321 §4.5.3.1.4 513 octets", long(513, "NOOP *"), "500 5.5.2"],
  [
    "RFC 5321 §4.5.3.1.4 longer with extensions",
    long(2048, "MAIL FROM:<a@b.test> AUTH=*"),
    "MAIL a@b.test null 7bit",
  ],
  ["RFC 5321 §4.5.3.1.4 longer with extensions", long(2049, "MAIL FROM:<a@b.test> AUTH=*"), "500 5.5.2"],
  ["RFC 4954 §4 12288 octets", long(12288, "AUTH PLAIN *"), `AUTH PLAIN ${"x".repeat(12288 - 13)}`],
  ["RFC 4954 §4 12289 octets", long(12289, "AUTH PLAIN *"), "500 5.5.2"],
];

test("command grammar (RFC 5321 §4.1)", () => {
  for (const [section, line, expected] of commands) {
    assert.equal(brief(line), expected, `${section}: ${line.slice(0, 80)}`);
  }
  assert.equal(
    parseCommand(Buffer.from("MAIL FROM:<\xe4@b.test> SMTPUTF8", "latin1")).verb,
    "wrong",
    "not UTF-8",
  );
});

test("any octets make a command or a refusal, never an exception", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (octets) => {
      parseCommand(Buffer.from(octets));
    }),
  );
  const words = fc.constantFrom(
    "MAIL",
    "RCPT",
    " FROM:",
    " TO:",
    "<",
    ">",
    "@",
    '"',
    "\\",
    ",",
    ":",
    "[",
    "]",
    ".",
    "a",
    "ä",
    "SIZE=",
    " ",
  );
  fc.assert(
    fc.property(fc.array(words, { maxLength: 24 }), (parts) => {
      const command = parse(parts.join(""));
      // What is accepted survives being written out and parsed again.
      const mailbox = command.verb === "RCPT" ? command.recipient : null;
      if (mailbox !== null) assert.deepEqual(parseMailbox(mailbox.text), mailbox);
    }),
    { numRuns: 2000 },
  );
});

test("what parameters of DSN say is printable, whatever was sent (RFC 3461, RFC 6533)", () => {
  const printable = fc.string({
    unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)),
  });
  fc.assert(
    fc.property(printable, (text) => {
      const encoded = text.replaceAll(/[^!-*,-<>-~]/g, (character) => {
        return `+${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;
      });
      assert.equal(decodeXtext(encoded), text === "" ? null : text);
    }),
  );
  const address = fc.string({ unit: "grapheme", minLength: 1 }).filter((text) => text.isWellFormed());
  fc.assert(
    fc.property(address, (text) => {
      if (/[\0-\x1f\x7f-\x9f]/.test(text)) return;
      const encoded = text.replaceAll(/[+=\\ ]/g, (character) => {
        return `\\x{${character.charCodeAt(0).toString(16).toUpperCase()}}`;
      });
      assert.equal(decodeUtf8Address(encoded), text);
      // What is made ASCII for others says the same.
      const ascii = asciiUtf8Address(encoded);
      assert.match(ascii, /^[!-~]+$/);
      assert.equal(decodeUtf8Address(ascii), text);
    }),
  );
  const piece = fc.constantFrom(
    ...[
      "NOTIFY=",
      "ORCPT=",
      "RET=",
      "ENVID=",
      "REQUIRETLS",
      "NEVER",
      "SUCCESS",
      "FAILURE",
      ",",
      " ",
      ";",
      "rfc822;",
    ],
    ...[
      "utf-8;",
      "+0A",
      "+0D",
      "+2B",
      "+",
      "\\x{A}",
      "\\x{110000}",
      "\\x{E4}",
      "HDRS",
      "FULL",
      "=",
      "a",
      "ä",
    ],
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      for (const [start, verb] of [
        ["MAIL FROM:<a@b.test> ", "MAIL"],
        ["RCPT TO:<a@b.test> ", "RCPT"],
      ] as const) {
        const command = parse(start + pieces.join(""));
        assert.ok(command.verb === verb || command.verb === "wrong");
        if (command.verb === "wrong") assert.match(`${command.reply.code}`, /^5/);
        if (command.verb === "MAIL" && command.parameters.envelopeId !== null) {
          assert.match(decodeXtext(command.parameters.envelopeId) ?? "\n", /^[ -~]*$/);
        }
        if (command.verb === "RCPT" && command.parameters.originalRecipient !== null) {
          const [type, encoded] = command.parameters.originalRecipient.split(/;(.*)/s) as [string, string];
          const text = type.toLowerCase() === "utf-8" ? decodeUtf8Address(encoded) : decodeXtext(encoded);
          assert.match(text ?? "\n", /^[^\0-\x1f\x7f-\x9f]+$/);
        }
      }
    }),
    { numRuns: 3000 },
  );
});

test("mailboxes and domains (RFC 5321 §4.1.2)", () => {
  assert.deepEqual(parseMailbox('"a\\ b"@x.test'), {
    text: '"a\\ b"@x.test',
    localPart: "a b",
    domain: "x.test",
    ascii: true,
  });
  assert.equal(parseMailbox("a@b.test>"), null);
  assert.equal(parseMailbox("<a@b.test>"), null);
  assert.equal(parseMailbox("a@b.test\r\nRCPT TO:<c@d.test>"), null);
  assert.equal(parseMailbox(""), null);
  for (const [text, expected] of [
    ["a.test", true],
    ["a.test.", false],
    ["", false],
    ["[127.0.0.1]", true],
    ["[IPv6:::]", true],
    ["[::1]", false],
  ] as const) {
    assert.equal(isDomainOrLiteral(text), expected, text);
  }
});

test("command lines end with CRLF alone (RFC 5321 §2.3.8), however they are cut", () => {
  const octets = Buffer.from(`EHLO a\r\nbare\nNOOP\rX\r\n${"y".repeat(20000)}\r\nQUIT\r\n`);
  const expected = ["EHLO a", "(bare-lf)", "(bare-cr)", "(too-long)", "QUIT"];
  for (const size of [1, 2, 7, 1000, octets.length]) {
    const reader = new CommandReader();
    const lines: string[] = [];
    for (let at = 0; at < octets.length; at += size) {
      reader.push(octets.subarray(at, at + size));
      for (let found = reader.next(); found !== null; found = reader.next()) {
        lines.push(found.kind === "line" ? found.line.toString() : `(${found.kind})`);
      }
    }
    assert.deepEqual(lines, expected, `chunks of ${size}`);
    assert.equal(reader.hasOctets, false);
  }
});

test("an endless line and a binary protocol are given up, not stored", () => {
  const endless = new CommandReader();
  let found = null;
  let pushed = 0;
  for (; found === null && pushed < 1e6; pushed += 1000) {
    endless.push(Buffer.alloc(1000, 0x61));
    found = endless.next();
  }
  assert.equal(found?.kind, "hopeless");
  assert.ok(pushed < 100_000, "within 100,000 octets");
  const hello = new CommandReader();
  hello.push(Buffer.from("16030100c2010000be0303", "hex"));
  assert.equal(hello.next()?.kind, "hopeless", "a TLS ClientHello without LF");
});

test("replies (RFC 5321 §4.2, RFC 2034 §4)", () => {
  assert.equal(formatReply(reply(250, "2.0.0", "Ok")), "250 2.0.0 Ok\r\n");
  assert.equal(formatReply(reply(354, null, "Go")), "354 Go\r\n");
  assert.equal(formatReply(reply(550, "5.7.1", ["No.", "Never."])), "550-5.7.1 No.\r\n550 5.7.1 Never.\r\n");
  assert.equal(formatReply(reply(550, "5.7.1", "a\r\n250 b\0ü")), "550 5.7.1 a??250 b??\r\n", "no injection");
  for (const line of formatReply(reply(550, "5.7.1", "x".repeat(3000))).split("\r\n")) {
    assert.ok(line.length <= 510, "RFC 5321 §4.5.3.1.5");
  }
  assert.equal(formatReply(reply(250, null, [])), "250 \r\n");
});

test("a client reads what a server formats, however it is cut", () => {
  const text = fc.array(fc.string({ maxLength: 50 }), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(text, fc.integer({ min: 1, max: 40 }), (lines, size) => {
      const octets = Buffer.from(
        formatReply(reply(450, "4.2.1", lines)) + formatReply(reply(250, null, "x")),
      );
      const reader = new ReplyReader();
      const steps = [];
      for (let at = 0; at < octets.length; at += size) {
        reader.push(octets.subarray(at, at + size));
        for (let step = reader.next(); step !== null; step = reader.next()) steps.push(step);
      }
      const clean = lines.map((line) => line.replaceAll(/[^\x20-\x7e]/gu, "?"));
      assert.deepEqual(steps, [
        { kind: "reply", reply: { code: 450, enhanced: "4.2.1", lines: clean } },
        { kind: "reply", reply: { code: 250, enhanced: null, lines: ["x"] } },
      ]);
    }),
  );
});

test("what is no reply is a fault within bounds", () => {
  const faults: [string, RegExp][] = [
    ["hello\r\n", /not a reply/],
    ["250 ok\n", /not a reply/],
    ["250 a\rb\r\n", /not a reply/],
    ["999 ok\r\n", /not a reply/],
    ["250-a\r\n251 b\r\n", /differ/],
    [`250 ${"x".repeat(3000)}`, /longer than 2048/],
    ["250-x\r\n".repeat(101), /more than 100/],
  ];
  for (const [octets, expected] of faults) {
    const reader = new ReplyReader();
    reader.push(Buffer.from(octets));
    const step = reader.next();
    assert.equal(step?.kind, "fault", octets.slice(0, 20));
    assert.match(step.kind === "fault" ? step.detail : "", expected);
  }
});

test("transcripts hide secrets", () => {
  assert.equal(showCommand(Buffer.from("auth plain AGEAYg==")), "auth plain (credentials)");
  assert.equal(showCommand(Buffer.from("NOOP \x1b[2J")), "NOOP ?[2J");
});

test("one client is an IPv4 address or an IPv6 /64", () => {
  assert.equal(addressKey("192.0.2.1"), "192.0.2.1");
  assert.equal(addressKey("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
  assert.equal(addressKey("2001:DB8:1:2::9"), "2001:db8:1:2::/64");
  assert.equal(addressKey("2001:db8::9"), "2001:db8:0:0::/64");
  assert.equal(addressKey("::1"), "0:0:0:0::/64");
  assert.equal(addressKey("fe80::1%eth0"), "fe80:0:0:0::/64");
});

test("Received (RFC 5321 §4.4, RFC 3848, RFC 6531 §3.7.3, RFC 8314 §4.3)", () => {
  const session = new Conversation("s1", { remoteAddress: "192.0.2.1", remotePort: 1, localPort: 25 });
  const mailbox = (text: string) => ({
    ...(parseMailbox(text) ?? assert.fail()),
    notify: null,
    originalRecipient: null,
  });
  const envelope: Envelope = {
    id: "s1.1",
    reversePath: null,
    recipients: [mailbox("b@dest.test")],
    declaredOctets: null,
    body: "7bit",
    smtputf8: false,
    requireTls: false,
    returned: null,
    envelopeId: null,
    submitter: null,
  };
  const options = { hostname: "mx.dest.test", date: new Date(Date.UTC(2004, 0, 5, 9, 5, 7)) };
  session.saidHelo = "client.test";
  assert.equal(
    formatReceivedField(session, envelope, options),
    "Received: from client.test ([192.0.2.1])\r\n by mx.dest.test with SMTP\r\n id s1.1\r\n for <b@dest.test>;\r\n Mon, 05 Jan 2004 09:05:07 +0000\r\n",
  );
  session.extended = true;
  session.user = "u";
  session.tls = { version: "TLSv1.3", cipher: "TLS_AES_128_GCM_SHA256" };
  session.transaction = { ...envelope, recipients: [], transfer: null, smtputf8: true };
  session.saidHelo = "DESKTOP_7";
  const two = { ...envelope, recipients: [mailbox("b@dest.test"), mailbox("c@dest.test")] };
  assert.equal(
    formatReceivedField(session, two, options),
    "Received: from [192.0.2.1] (HELO DESKTOP_7)\r\n by mx.dest.test with UTF8SMTPSA tls TLS_AES_128_GCM_SHA256\r\n id s1.1;\r\n Mon, 05 Jan 2004 09:05:07 +0000\r\n",
    "no recipient shown where there are several",
  );
  assert.doesNotMatch(formatReceivedField(session, two, { ...options, hideClient: true }), /from|192/);
});
