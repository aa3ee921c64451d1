import fc from "fast-check";
import { mimeMessages } from "../../../src/message/seven-bit/test-mime-trees.ts";
import type { CorpusMessage } from "../corpus.ts";
import { author } from "../two-hosts.ts";

// Messages of every kind that a mail client may hand in, and some that hardly one does, each with what mail servers on
// the way are known to change, or might.

const gap = fc.constantFrom(" ", "  ", "\t", "\r\n ", "\r\n\t", " \t ", " \r\n  ");
const word = fc.constantFrom(
  "Lunch",
  "at",
  "noon",
  "x",
  "1.5",
  "a,b",
  "(see)",
  '"quoted"',
  "=?utf-8?q?Gr=C3=BC=C3=9Fe?=",
  "[a]",
  "semi;colon",
  "a:b",
  "back\\slash",
  "=?x?=",
);
const phrase = fc
  .array(fc.tuple(word, gap), { minLength: 1, maxLength: 12 })
  .map((all) => all.flat().slice(0, -1).join(""));

/** Ways to write mailboxes; the first ones are what mail clients write. */
const mailbox = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      "bob@dest.test",
      "Bob <bob@dest.test>",
      '"Bob B. Builder" <bob@dest.test>',
      "=?utf-8?q?J=C3=BCrgen?= <j@dest.test>",
      "<bob@dest.test>",
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      "bob@dest.test (Bob)",
      "Bob B. Builder <bob@dest.test>",
      "bob@Dest.TEST",
      '"Bob"<bob@dest.test>',
      "Bob<bob@dest.test>",
      "Bob < bob@dest.test >",
      "bob @ dest.test",
      '"b o b"@dest.test',
      '"bob"@dest.test',
      "Bob (the (nested) one) <bob@dest.test> (really)",
      "<@hop.test,@hop2.test:bob@dest.test>",
      '"Bob \\"B\\" O\'B" <bob@dest.test>',
      '"Builder, Bob" <bob@dest.test>',
      "bob%dest.test@gate.test",
      "bob!dest@gate.test",
      "bob+tag@[127.0.0.1]",
      "O'Brien <o'brien@dest.test>",
      'Bob\t "B."  Builder   <bob@dest.test>',
      '"" <bob@dest.test>',
      "bob@dest.test <bob@dest.test>",
      "Bob [B] <bob@dest.test>",
      "/G=Bob/S=Builder/@x400.test",
      "bob@localhost",
      "bob",
    ),
  },
);
const comma = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(", ", ",\r\n ") },
  { weight: 1, arbitrary: fc.constantFrom(",", " , ", ",\t", ",,", ", ,") },
);
const list = fc
  .array(fc.tuple(mailbox, comma), { minLength: 1, maxLength: 6 })
  .map((all) => all.flat().slice(0, -1).join(""));
const addresses = fc.oneof(
  { weight: 8, arbitrary: list },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      "undisclosed-recipients:;",
      "undisclosed-recipients: ;",
      "Friends: bob@dest.test, Carol <c@dest.test>;",
      "A:;,B:;",
      "",
    ),
  },
  {
    weight: 1,
    arbitrary: fc.integer({ min: 20, max: 120 }).map((count) =>
      Array.from({ length: count }, (_, at) => `Person ${at} <p${at}@dest.test>`)
        .join(", ")
        .replace(/(.{900,}?, )/g, "$1\r\n "),
    ),
  },
);
const from = fc.constantFrom(
  author,
  `Allice <${author}>`,
  `"Allice A." <${author}>`,
  `=?utf-8?q?All=C3=ADce?= <${author}>`,
  `<${author}>`,
  `${author} (Allice)`,
  `Allice<${author}>`,
  `Allice A. Author <${author}>`,
  `"Author, Allice"  <${author}>`,
  `Allice (A.) <${author}> (home)`,
  `allice@SomeISP.test`,
);

const fields: Record<string, fc.Arbitrary<string>> = {
  To: addresses,
  Cc: addresses,
  "Reply-To": addresses,
  Subject: fc.oneof(
    phrase,
    fc.constantFrom(
      "",
      " ",
      "Re: [list] =?iso-8859-1?q?Gr=FC=DFe?=\r\n =?iso-8859-1?q?_an_alle?=",
      "x".repeat(900),
      "trailing blanks \t ",
      "a\r\n \r\n b",
      "word ".repeat(190).trim(),
    ),
  ),
  Date: fc.constantFrom(
    "Thu, 26 Nov 2026 07:00:00 +0000",
    "26 Nov 2026 07:00 GMT",
    "Thu, 26 Nov 2026 07:00:00 -0000 (UTC)",
    "Thu,  6 Nov 2026 07:00:00 +0100",
    "26 Nov 26 07:00:00 EST",
    "today",
  ),
  "Message-ID": fc.constantFrom(
    "<1@someisp.test>",
    "1@someisp.test",
    "<a b@someisp.test>",
    "\r\n <long.enough.to.be.folded.by.some.client.or.other.0123456789@someisp.test>",
    '<"q"@[127.0.0.1]>',
  ),
  "In-Reply-To": fc.constantFrom("<0@dest.test>", "Your message of Monday", "<0@dest.test>\t<1@dest.test>"),
  References: fc
    .integer({ min: 1, max: 60 })
    .map((count) =>
      Array.from({ length: count }, (_, at) => `<${at}.${"0".repeat(20)}@dest.test>`).join("\r\n\t"),
    ),
  Comments: fc.oneof(phrase, fc.constantFrom("c".repeat(988))),
  Keywords: phrase,
};
/** Fields that mail servers look at, add, or remove. */
const more = fc.constantFrom(
  "X-Mailer: test 1.0",
  "Return-Path: <someone@else.test>",
  "Delivered-To: bob@dest.test",
  "Status: RO",
  "Content-Length: 17",
  "Lines: 3",
  "Errors-To: <errors@someisp.test>",
  "Return-Receipt-To: allice@someisp.test",
  "Disposition-Notification-To: <allice@someisp.test>",
  "Precedence: bulk",
  "Priority: urgent",
  "Full-Name: Allice",
  "Apparently-To: bob@dest.test",
  "Resent-From: carol@dest.test,dan@dest.test",
  'Resent-To: "Bob"<bob@dest.test>',
  "Resent-Date: Thu, 26 Nov 2026 08:00:00 +0000",
  "List-Id: <list.someisp.test>",
  "List-Unsubscribe: <mailto:off@someisp.test>,<https://someisp.test/off>",
  "Sensitivity: private",
  "X-Empty:",
  "X-Folded: a\r\n\tb\r\n  c ",
  "X-Eight: Gr\xfc\xdfe",
  "Comments: twice",
  "Bcc: blind@dest.test",
  "Envelope-To: bob@dest.test",
  "Authentication-Results: mx.dest.test; none",
  "Auto-Submitted: auto-generated",
  "Organization: A (B) C",
);
const received = fc
  .integer({ min: 0, max: 27 })
  .map((count) =>
    Array.from(
      { length: count },
      (_, at) =>
        `Received: from h${at}.test (h${at}.test [192.0.2.${at}])\r\n\tby h${at + 1}.test with ESMTP id ${at};\r\n\tThu, 26 Nov 2026 07:00:00 +0000`,
    ),
  );

const plain = "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=";
const line = fc.oneof(
  fc.constantFrom(
    "Hi",
    "",
    ".",
    "..",
    ".x",
    "From here",
    ">From there",
    " ",
    "\t",
    "trailing  \t ",
    "two  blanks",
    "--",
    "-- ",
    "=20",
    "tab\tbed",
    "\x0c",
    "x\x1b[1m",
  ),
  fc.integer({ min: 985, max: 998 }).map((length) => "x".repeat(length)),
  fc.integer({ min: 985, max: 998 }).map((length) => "word ".repeat(200).slice(0, length)),
  fc.integer({ min: 60, max: 120 }).map((length) => "y".repeat(length)),
);
const text = fc
  .tuple(fc.array(line, { maxLength: 8 }), fc.constantFrom("\r\n", "", "\r\n\r\n\r\n", " \r\n\t\r\n"))
  .map(([lines, end]) => lines.join("\r\n") + end);
interface Content {
  readonly fields: string;
  readonly body: string;
}
/** As latin1: an octet a character. */
const content: fc.Arbitrary<Content> = fc.oneof(
  { weight: 3, arbitrary: text.map((body) => ({ fields: "", body })) },
  { weight: 2, arbitrary: text.map((body) => ({ fields: `${plain}us-ascii\r\n`, body })) },
  {
    weight: 2,
    arbitrary: text.map((body) => ({
      fields: `${plain}utf-8\r\nContent-Transfer-Encoding: 8bit\r\n`,
      body: `${body}Gr\xc3\xbc\xc3\x9fe\r\n`,
    })),
  },
  {
    weight: 1,
    arbitrary: text.map((body) => ({
      fields: `${plain}iso-8859-1;\r\n\tformat=flowed\r\n`,
      body: `Gr\xfc\xdfe\r\n${body}`,
    })),
  },
  { weight: 1, arbitrary: text.map((body) => ({ fields: "", body: `Gr\xfc\xdfe\r\n${body}` })) },
  {
    weight: 1,
    arbitrary: fc.constant({
      fields: `${plain}utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\nContent-Disposition: inline\r\n`,
      body: "Gr=C3=BC=C3=9Fe =\r\nsoft\r\n=2E\r\n",
    }),
  },
  {
    weight: 1,
    arbitrary: fc.uint8Array({ minLength: 1, maxLength: 3000 }).map((octets) => ({
      fields:
        "MIME-Version: 1.0 (test)\r\nContent-Type: application/octet-stream; name=a.bin\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment;\r\n filename*=utf-8''%C3%BC.bin\r\n",
      body: `${Buffer.from(octets).toString("base64").replace(/.{76}/g, "$&\r\n")}\r\n`,
    })),
  },
  {
    weight: 3,
    arbitrary: mimeMessages.map((octets) => {
      const all = octets.toString("latin1");
      const end = all.indexOf("\r\n\r\n") + 2;
      return { fields: all.slice(0, end).replace("From: a@x.tld\r\n", ""), body: all.slice(end + 2) };
    }),
  },
);

/** One time in ten. */
function seldom(arbitrary: fc.Arbitrary<string>): fc.Arbitrary<string | null> {
  return fc.oneof({ weight: 9, arbitrary: fc.constant(null) }, { weight: 1, arbitrary });
}

const message = fc
  .record({
    from,
    sender: seldom(fc.constantFrom(author, `"The Secretary" <${author}>`)),
    values: fc.record(fields, { requiredKeys: ["To"] }),
    more: fc.array(more, { maxLength: 4 }),
    received,
    content,
    order: fc.boolean(),
    utf8: seldom(
      fc.constantFrom(
        "Subject: Gr\u00fc\u00dfe an alle\r\n",
        "To: j\u00fcrgen@dest.test\r\n",
        "X-Note: \u65e5\u672c\r\n",
      ),
    ),
  })
  .map(({ from, sender, values, more, received, content, order, utf8 }) => {
    const named = Object.entries(values)
      .filter(([name]) => !utf8?.startsWith(`${name}:`))
      .map(([name, value]) => `${name}: ${value}`);
    const written = [`From: ${from}`, ...(sender === null ? [] : [`Sender: ${sender}`]), ...named];
    const header = [...received, ...(order ? written : written.toReversed()), ...more]
      .map((field) => `${field}\r\n`)
      .join("");
    const octets = Buffer.concat([
      Buffer.from(header, "latin1"),
      Buffer.from(utf8 ?? ""),
      Buffer.from(`${content.fields}\r\n${content.body}`, "latin1"),
    ]);
    return octets;
  });

/** So many messages, the same ones each time. */
export function generatedMessages(count: number): CorpusMessage[] {
  return fc
    .sample(message, { numRuns: count, seed: 6 })
    .map((octets, index) => ({ name: `generated ${index + 1}`, octets }));
}
