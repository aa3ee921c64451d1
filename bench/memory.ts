// Signs and verifies a message of 1 GiB that comes in chunks, and shows what memory that takes.
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { decodeAddress } from "../src/message/index.ts";
import { judge, keyId, MessageSigner, MessageVerifier, signPrepared } from "../src/signature/index.ts";
import { figure, printTable } from "./harness.ts";
import { attachment } from "./sample-messages.ts";

const GIBIBYTE = 1 << 30;
const CHUNK_OCTETS = 65_536;
const AIM_MIB = 100;

const { privateKey, publicKey } = generateKeyPairSync("ed25519");
const spki = publicKey.export({ format: "der", type: "spki" });
const identity = decodeAddress("allice@someisp.test");
assert.ok(identity);

const peak = { heap: 0, buffers: 0, resident: 0 };
const rows: string[][] = [];

const signer = new MessageSigner();
const signingMs = feed(signer);
const prepared = signer.finish();
assert.ok(prepared.ok);
const keys = [{ kid: keyId(spki), algorithm: "ed25519-sha256", privateKey }] as const;
const signed = signPrepared(prepared, { identity, keys, signedAt: 1_767_605_400 });
assert.ok(signed.ok);
report("sign", signingMs);

const verifier = new MessageVerifier();
verifier.write(signed.fields);
const verifyingMs = feed(verifier);
const verdict = await judge(verifier.finish(), {
  now: 1_767_605_401,
  keys: { lookUp: async () => ({ kind: "key", spki, grants: [], trust: "host" }) },
});
assert.equal(verdict.result, "pass");
report("verify", verifyingMs);

const heading = [
  "1 GiB in chunks of 64 KiB",
  "MB/s",
  "peak heap MiB",
  "buffers MiB",
  "resident MiB",
  "aim, heap",
];
printTable("Memory of a large message", heading, rows);

/** The header and the same part of a body again and again, up to 1 GiB; how long the reader took, milliseconds. */
function feed(reader: { write(chunk: Uint8Array): void }): number {
  const message = attachment(1 << 20);
  const bodyStart = message.indexOf("\r\n\r\n") + 4;
  let ms = 0;
  let from = 0;
  for (let octets = 0, chunks = 0; octets < GIBIBYTE; chunks++) {
    // Each chunk is new memory, as it would come from a socket.
    const chunk = Uint8Array.from(message.subarray(from, from + CHUNK_OCTETS));
    const start = performance.now();
    reader.write(chunk);
    ms += performance.now() - start;
    octets += chunk.length;
    from += chunk.length;
    if (from >= message.length) from = bodyStart;
    if (chunks % 64 === 0) notePeak();
  }
  return ms;
}

function notePeak(): void {
  const { heapUsed, arrayBuffers, rss } = process.memoryUsage();
  peak.heap = Math.max(peak.heap, heapUsed);
  peak.buffers = Math.max(peak.buffers, arrayBuffers);
  peak.resident = Math.max(peak.resident, rss);
}

function report(what: string, ms: number): void {
  notePeak();
  const mebibytes = [peak.heap, peak.buffers, peak.resident].map((octets) => figure(octets / (1 << 20)));
  rows.push([what, figure(GIBIBYTE / ms / 1000), ...mebibytes, `< ${AIM_MIB}`]);
  if (peak.heap > AIM_MIB << 20) process.exitCode = 1;
}
