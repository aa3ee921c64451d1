// The milter protocol as octets: packets cut anywhere against a model of them, the data of each kind, and edits of headers
// as a mail server carries them out.
import assert from "node:assert/strict";
import { applyEdits, type HeaderEdit, parseHeader } from "../../src/message/index.ts";
import { MailServerHeader } from "../../src/milter/test-mail-server-header.ts";
import { packetOf, takeAnswers } from "../../src/milter/test-milter-client.ts";
import {
  editPackets,
  HeaderRecord,
  MacroTable,
  negotiate,
  PacketReader,
  readConnection,
  readPath,
} from "../../src/milter/test-session.ts";
import type { FuzzTarget, Random } from "./fuzz-target.ts";

export const target: FuzzTarget = {
  measure: "packets",
  run(random) {
    const part = random.below(10);
    if (part < 5) return tryPackets(random);
    return part < 8 ? tryData(random) : tryEdits(random);
  },
};

const LETTERS = "ABCDEHKLMNOQRTU";

function tryPackets(random: Random): number {
  const packets = Array.from({ length: 1 + random.below(12) }, () => {
    const size = random.pick([0, 0, 3, 40, 700]);
    const letter = random.oneIn(60) ? String.fromCharCode(random.below(256)) : random.pick([...LETTERS]);
    return packetOf(letter, random.octets(random.below(size + 1)));
  });
  if (random.oneIn(40)) packets.push(hugeLength(random));
  let stream: Buffer = Buffer.concat(packets);
  if (random.oneIn(4)) stream = random.mutate(stream);
  const expected = modelPackets(stream);
  assert.deepEqual(readPackets(random.pieces(stream)), expected);
  return expected.length;
}

/** A length at, around and far above what is allowed. */
function hugeLength(random: Random): Buffer {
  const octets = Buffer.alloc(5 + random.below(200));
  octets.writeUInt32BE(random.pick([65_535, 65_536, 65_537, 1_048_576, 1_048_577, 0x7fffffff, 0xffffffff]));
  octets[4] = random.pick([...LETTERS]).charCodeAt(0);
  return octets;
}

/** A whole packet, one that has begun, or the end of all: offset, letter, data in hexadecimal. */
type Seen = readonly [offset: number, letter: string, data: string];

function readPackets(pieces: readonly Buffer[]): Seen[] {
  const reader = new PacketReader();
  const seen: Seen[] = [];
  let body: Buffer[] = [];
  let letter = "";
  for (const piece of pieces) {
    reader.push(piece);
    for (let step = reader.next(); step !== null; step = reader.next()) {
      if (step.kind === "broken") return [...seen, [reader.offset, "broken", ""]];
      if (step.kind === "packet") seen.push([reader.offset, step.command, step.data.toString("hex")]);
      else {
        body.push(step.octets);
        letter = step.command;
        if (!step.last) continue;
        seen.push([reader.offset, step.command, Buffer.concat(body).toString("hex")]);
        body = [];
      }
    }
  }
  if (body.length > 0) seen.push([reader.offset, `part of ${letter}`, Buffer.concat(body).toString("hex")]);
  return seen;
}

function modelPackets(stream: Buffer): Seen[] {
  const seen: Seen[] = [];
  let at = 0;
  while (stream.length >= at + 5) {
    const length = stream.readUInt32BE(at);
    const letter = String.fromCharCode(stream[at + 4] as number);
    const isContent = "BEL".includes(letter);
    if (length === 0 || !LETTERS.includes(letter) || length > (isContent ? 1_048_576 : 65_536)) {
      return [...seen, [at, "broken", ""]];
    }
    const data = stream.subarray(at + 5, at + 4 + length);
    if (stream.length < at + 4 + length) {
      if ("BE".includes(letter) && data.length > 0)
        seen.push([at, `part of ${letter}`, data.toString("hex")]);
      break;
    }
    seen.push([at, letter, data.toString("hex")]);
    at += 4 + length;
  }
  return seen;
}

const DATA = [
  packetOf("", 6, 0x1ff, 0x1fffff),
  packetOf("", "client.example", Buffer.from("4\x09\xdd192.0.2.1\0", "latin1")),
  packetOf("", "client.example", Buffer.from("6\x09\xddIPv6:2001:db8::1\0", "latin1")),
  packetOf("", "localhost", Buffer.from("U")),
  packetOf("", "localhost", Buffer.from("L\0\0/run/socket\0")),
  packetOf("", "<alice@a.example>", "BODY=8BITMIME", "SIZE=1000"),
  packetOf("", "Mi", "4XyZ", "{auth_authen}", "alice"),
  packetOf("", "Cj", "mx.example", "_", "localhost [127.0.0.1]"),
].map((octets) => octets.subarray(4));

/** Nothing throws, and what is made of the data is what can be made of it. */
function tryData(random: Random): number {
  let data = random.pick(DATA);
  if (!random.oneIn(4)) data = random.mutate(data);
  const agreement = negotiate(data, random.oneIn(2));
  if (typeof agreement !== "string") {
    const [version, , steps] = [0, 4, 8].map((at) => data.readUInt32BE(at)) as [number, number, number];
    const { answers, rest } = takeAnswers(agreement.reply);
    const [answer] = answers;
    assert.ok(answer !== undefined && answers.length === 1 && rest.length === 0);
    assert.equal(answer.data.readUInt32BE(0), Math.min(6, version));
    const agreed = answer.data.readUInt32BE(8);
    assert.equal((agreed & ~(steps === 0 ? 0x3f : steps)) >>> 0, 0);
    assert.equal(agreed & 0x27f, 0, "nothing that is needed is given up");
    assert.ok(agreement.answered.has("T") && agreement.answered.has("E"));
  }
  readConnection(data);
  const path = readPath(data);
  if (path !== null) assert.ok(data.at(-1) === 0);
  const macros = new MacroTable();
  for (const letter of "MRTLNBE") {
    if (!random.oneIn(3))
      macros.define(Buffer.concat([Buffer.from(letter), random.oneIn(3) ? data : (DATA[6] as Buffer)]));
    if (!random.oneIn(3)) macros.enter(letter);
  }
  macros.endMessage();
  macros.define(Buffer.from("Mi\x001\0"));
  macros.enter("M");
  assert.equal(macros.get("{i}"), "1");
  assert.equal(macros.get("auth_authen"), undefined, "nothing stays of the message before");
  return 1;
}

const NAMES = ["X-A", "x-a", "X-B", "Subject", "To", "Authentication-Results", "VSMTP-Signature"];
const VALUES = [
  " 1",
  "",
  "\t2",
  " folded\n over lines",
  " \u00fc",
  "  two spaces",
  " a: b",
  "=",
  " x\n\ty\n z",
];

function tryEdits(random: Random): number {
  const leadingSpace = random.oneIn(2);
  const fields = Array.from({ length: 1 + random.below(10) }, () => {
    const value = random.pick(VALUES);
    return [random.pick(NAMES), leadingSpace ? value : ` ${value.trimStart()}`] as const;
  });
  const server = new MailServerHeader(fields, { countsGone: random.oneIn(2), leadingSpace });
  const record = new HeaderRecord(leadingSpace);
  for (const [name, value] of server.shown()) record.add(Buffer.from(name), Buffer.from(value, "latin1"));
  const octets = record.end();
  const header = parseHeader(octets.subarray(0, -2));
  assert.equal(header.fields.length, fields.length);
  const edits: HeaderEdit[] = [];
  for (const field of header.fields) {
    const kind = random.pick(["remove", "replace", "keep"]);
    if (kind === "remove") edits.push({ kind, field });
    else if (kind === "replace") edits.push({ kind, field, value: newValue(random) });
  }
  for (let count = random.below(4); count > 0; count--) {
    const octets = Buffer.concat([Buffer.from(`${random.pick(NAMES)}:`), newValue(random)]);
    edits.splice(random.below(edits.length + 1), 0, { kind: "prepend", octets });
  }
  let packets: Buffer[];
  try {
    packets = editPackets(edits, record, leadingSpace);
  } catch (error) {
    assert.ok(error instanceof RangeError, String(error));
    return 1;
  }
  for (const answer of takeAnswers(Buffer.concat(packets)).answers) server.carryOut(answer);
  // A field whose new value is empty gets a space: without it, it would be gone. Where the space behind the colon is not
  // agreed, one more or less may differ.
  const filled = (text: string) => text.replace(/^([^:\s]+): *\r$/gm, "$1: \r");
  const shape = (text: string) =>
    leadingSpace ? filled(text) : filled(text.replace(/^([^:\s]+): ?/gm, "$1: "));
  assert.equal(shape(server.octets()), shape(applyEdits(header, edits).toString("latin1")));
  return packets.length;
}

/** A value with its CRLF, or nearly. */
function newValue(random: Random): Buffer {
  const text = random.pick(VALUES.filter((value) => value !== ""));
  const value = Buffer.from(`${text.replaceAll("\n", "\r\n")}\r\n`, "latin1");
  return random.oneIn(12) ? random.mutate(value) : value;
}
