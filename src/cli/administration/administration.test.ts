import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseLoadLine } from "../account/load-line.ts";
import { ageArgument, countArgument, periodEndArgument, timeArgument, unixNow } from "../arguments.ts";
import { headArgument } from "../audit/head-argument.ts";
import { ShownOctets } from "../terminal-text.ts";
import { UsageError } from "../usage-error.ts";
import { formatFacts } from "./facts.ts";
import { Table } from "./table.ts";

const columns = [
  { heading: "NAME", cell: (row: string[]) => row[0] ?? "", yields: true as const },
  { heading: "NO", cell: (row: string[]) => row[1] ?? "" },
];

test("a table comes in pages: headings once, columns only ever widen", () => {
  const table = new Table(columns, null);
  assert.equal(table.format([["a", "1"]]), "NAME  NO\na     1\n");
  assert.equal(table.format([["a-long-name", "12345"]]), "a-long-name  12345\n");
  assert.equal(table.format([["b", "2"]]), "b            2\n");
});

test("a narrow terminal cuts what may be cut, and nothing else", () => {
  const table = new Table(columns, 20);
  assert.equal(
    table.format([["somebody@example.org", "123"]]),
    "NAME             NO\nsomebody@examp…  123\n",
  );
  const narrow = new Table(columns, 4);
  assert.equal(narrow.format([["somebody@example.org", "123"]]), "NAME          NO\nsomebody@ex…  123\n");
});

test("facts are aligned; those without a value are left out", () => {
  assert.equal(
    formatFacts("title", [
      ["one", "1"],
      ["many", ["a", "b"]],
      ["none", null],
      ["empty", []],
    ]),
    "title\n  one    1\n  many   a\n         b",
  );
});

test("strangers' words do nothing to a terminal", () => {
  const address = "\u202egro.elpmaxe@eve\x1b]0;x\x07\x9b2J";
  const shown = "\u{fffd}gro.elpmaxe@eve\u{fffd}]0;x\u{fffd}\u{fffd}2J";
  assert.equal(new Table(columns, null).format([[address, "1"]]).split("\n")[1], `${shown}  1`);
  assert.equal(formatFacts("title", [["one", address]]), `title\n  one  ${shown}`);
  const octets = new ShownOctets();
  // C1 characters are octets of their own for some terminals, and two in UTF-8.
  const pieces = [
    [0x1b, 0x5b, 0x48, 0x0d, 0x0a, 0x09, 0xc2],
    [0x9b, 0xc3],
    [0xbc, 0x9b, 0xc3],
  ];
  const text = pieces.map((piece) => octets.write(Uint8Array.from(piece))).join("") + octets.end();
  assert.equal(text, "\u{fffd}[H\r\n\t\u{fffd}ü\u{fffd}\u{fffd}");
});

test("times on the command line", () => {
  assert.equal(timeArgument("2026-11-25"), Date.UTC(2026, 10, 25) / 1000);
  assert.equal(timeArgument("2026-11-25 22:08"), Date.UTC(2026, 10, 25, 22, 8) / 1000);
  assert.equal(timeArgument("2026-11-25T22:08:09Z"), Date.UTC(2026, 10, 25, 22, 8, 9) / 1000);
  assert.ok(Math.abs(timeArgument("2h") - (unixNow() - 7200)) <= 1);
  assert.ok(Math.abs(periodEndArgument("90d") - (unixNow() + 90 * 86_400)) <= 1);
  assert.equal(ageArgument("365d"), 365 * 86_400);
  for (const text of ["", "yesterday", "2026-13-01", "2026-11-25 25:00", "5", "5y", "-1d"]) {
    assert.throws(() => timeArgument(text), { code: "commander.invalidArgument" }, text);
  }
  for (const text of ["0", "-1", "1.5", "1e3", "9999999999"]) {
    assert.throws(() => countArgument(text), { code: "commander.invalidArgument" }, text);
  }
});

test("lines of account load: addresses with commas, or a JSON object", () => {
  assert.equal(parseLoadLine("  "), null);
  assert.equal(parseLoadLine("# comment"), null);
  const rows: [line: string, account: object][] = [
    ["alice@example.org", { address: "alice@example.org", aliases: [] }],
    ["a@x.test, al@x.test ,", { address: "a@x.test", aliases: ["al@x.test"] }],
    [
      '{"address":"b@x.test","password":"p","key_lock":true}',
      { address: "b@x.test", password: "p", keyLock: true },
    ],
  ];
  for (const [line, account] of rows) assert.deepEqual(parseLoadLine(line), { ok: true, account });
  for (const line of ["{", "{}", '{"address":1}', '{"address":"a@x.test","paswsord":"p"}']) {
    assert.equal(parseLoadLine(line)?.ok, false, line);
  }
});

test("no line and no head throws anything else", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.json(),
        fc.string().map((text) => `{${text}`),
      ),
      (text) => {
        parseLoadLine(text);
        try {
          headArgument(text);
        } catch (error) {
          assert.ok(error instanceof UsageError);
        }
      },
    ),
  );
});
