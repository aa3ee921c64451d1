import assert from "node:assert/strict";
import { isAscii } from "node:buffer";
import { join } from "node:path";
import { test } from "node:test";
import {
  applyEdits,
  convertToSevenBit,
  EightBitScanner,
  HeaderReader,
  parseHeader,
} from "../src/message/index.ts";
import { missingProgram, runClient } from "./support/client-program.ts";
import { missingCorpus, readCorpus } from "./support/corpus.ts";
import { Tally } from "./support/tally.ts";

// Messages from the wild become 7-bit, or stay as they are, and Python's email package finds the same content in them.

const noCorpus = missingCorpus();
const noPeer = noCorpus || missingProgram("python3");
const program = join(import.meta.dirname, "support/decode-leaves.py");

interface Converted {
  readonly octets: Buffer;
  readonly outcome: "needs nothing" | "7-bit now" | "8-bit in part still" | "left as it is";
}

async function convert(octets: Buffer): Promise<Converted> {
  const reader = new HeaderReader();
  const body = reader.write(octets);
  const header = parseHeader(reader.finish());
  const scanner = new EightBitScanner(header);
  scanner.write(body);
  const { plan, staysEightBit } = scanner.finish();
  if (plan === null) return { octets, outcome: staysEightBit ? "left as it is" : "needs nothing" };
  const converted = convertToSevenBit(plan, header, [body]);
  const chunks: Uint8Array[] = [applyEdits(header, converted.edits), Buffer.from("\r\n")];
  for await (const chunk of converted.body) chunks.push(chunk);
  return { octets: Buffer.concat(chunks), outcome: staysEightBit ? "8-bit in part still" : "7-bit now" };
}

/** As a client would hand it in that encodes nothing: words of Latin-1 in each part, labelled `8bit` and `binary`. */
function undoEncoding(octets: Buffer): Buffer {
  let labels = 0;
  const text = octets
    .toString("latin1")
    .replace(/(?<=^Content-Transfer-Encoding:[ \t]*)(?:quoted-printable|base64)/gim, () =>
      labels++ % 3 === 2 ? "binary" : "8bit",
    )
    .replace(/^(?!--|[ \t]|[!-~]+:).*\be.*/gm, (line) => line.replace(/\be/g, "\xe9"));
  return Buffer.from(text, "latin1");
}

async function readByPython(messages: readonly Buffer[]): Promise<string[]> {
  const input = messages.map((message) => `${message.toString("base64")}\n`).join("");
  const { status, output } = await runClient("python3", [program], input);
  assert.equal(status, 0, output);
  return output.trimEnd().split("\n");
}

for (const [title, prepare] of [
  ["as they are", (octets: Buffer) => octets],
  ["as if nothing had been encoded", undoEncoding],
] as const) {
  test(`MSG-16, MSG-17 messages of others, ${title}, keep their content`, { skip: noPeer }, async () => {
    const messages = readCorpus().map(({ name, octets }) => ({ name, octets: prepare(octets) }));
    const tally = new Tally(`8-bit conversion of ${messages.length} messages, ${title}:`);
    const converted = await Promise.all(messages.map(({ octets }) => convert(octets)));
    const before = await readByPython(messages.map(({ octets }) => octets));
    const after = await readByPython(converted.map(({ octets }) => octets));
    assert.equal(before.length, messages.length);
    for (const [index, { name }] of messages.entries()) {
      const { octets, outcome } = converted[index] as Converted;
      tally.add(outcome, name);
      assert.equal(after[index], before[index], name);
      const again = await convert(octets);
      assert.ok(again.octets.equals(octets), `${name}: the second time`);
      if (outcome === "7-bit now") assert.ok(isAscii(octets.subarray(octets.indexOf("\r\n\r\n"))), name);
    }
    tally.print();
    assert.ok(tally.count("7-bit now") > 5);
  });
}
