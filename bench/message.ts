// Signing and verifying whole messages, beside mailauth's DKIM (Ed25519, relaxed/relaxed, the key in this process) and
// beside the bare cost: one Ed25519 operation and SHA-256 of the message's octets. All rates are for a second of CPU time,
// since nothing here waits. Signing ends, for both, with the field that goes before the message.
import assert from "node:assert/strict";
import { sign as cryptoSign, verify as cryptoVerify, generateKeyPairSync, hash } from "node:crypto";
import { dkimSign } from "mailauth/lib/dkim/sign.js";
import { dkimVerify } from "mailauth/lib/dkim/verify.js";
import { decodeAddress } from "../src/message/index.ts";
import { type KeySource, keyId, sign, verify } from "../src/signature/index.ts";
import { calling, figure, percent, printTable, race, readEffort, times } from "./harness.ts";
import { attachment, letter, spacedText } from "./sample-messages.ts";

const SIGNED_AT = 1_767_605_400;

const { privateKey, publicKey } = generateKeyPairSync("ed25519");
const spki = publicKey.export({ format: "der", type: "spki" });
const kid = keyId(spki);
const identity = decodeAddress("allice@someisp.test");
const bob = decodeAddress("bob@dest.test");
assert.ok(identity && bob);

const options = {
  identity,
  keys: [{ kid, algorithm: "ed25519-sha256", privateKey }],
  signedAt: SIGNED_AT,
  recipients: [bob],
} as const;
const keys: KeySource = { lookUp: async () => ({ kind: "key", spki, grants: [], trust: "host" }) };
const context = { now: SIGNED_AT + 5, recipients: [bob], keys };

const dkimKey = {
  signingDomain: "someisp.test",
  selector: "bench",
  privateKey: privateKey.export({ format: "pem", type: "pkcs8" }),
  algorithm: "ed25519-sha256",
};
// Its types want the key at the top as well.
const dkimOptions = {
  ...dkimKey,
  canonicalization: "relaxed/relaxed",
  signTime: new Date(SIGNED_AT * 1000),
  signatureData: [dkimKey],
};
const dkimRecord = `v=DKIM1; k=ed25519; p=${spki.subarray(12).toString("base64")}`;
const resolver = async (): Promise<string[][]> => [[dkimRecord]];

/** As long as what VSMTP signs. */
const input = Buffer.alloc(43, 1);
const bareSignature = cryptoSign(null, input, privateKey);

const samples = [
  { what: "2 KiB letter", message: letter(2048), aims: { sign: ["80 %", "6 ×"], verify: ["80 %", "5 ×"] } },
  { what: "50 KiB letter", message: letter(51_200), aims: { sign: ["", "12 ×"], verify: ["", "6 ×"] } },
  {
    what: "5 MiB attachment",
    message: attachment(5 << 20),
    aims: { sign: ["70 %", "10 ×"], verify: ["70 %", "10 ×"] },
  },
  { what: "2 KiB of white space", message: spacedText(2048), aims: null },
  { what: "50 KiB of white space", message: spacedText(51_200), aims: null },
  { what: "5 MiB of white space", message: spacedText(5 << 20), aims: null },
];

const effort = readEffort({ seconds: 0.05, runs: 25 });
const rows: string[][] = [];
for (const { what, message, aims } of samples) {
  const signed = sign(message, options);
  assert.ok(signed.ok);
  assert.equal((await verify(signed.message, context)).result, "pass");
  const { signatures } = await dkimSign(message, dkimOptions);
  const dkimSigned = Buffer.concat([Buffer.from(signatures), message]);
  const dkimVerdict = await dkimVerify(dkimSigned, { resolver });
  assert.equal(dkimVerdict.results[0]?.status.result, "pass");

  const signing = await race(
    {
      vsmtp: calling(() => sign(message, options)),
      bare: calling(() => [hash("sha256", message, "buffer"), cryptoSign(null, input, privateKey)]),
      mailauth: calling(() => dkimSign(message, dkimOptions)),
    },
    effort,
  );
  const verifying = await race(
    {
      vsmtp: calling(() => verify(signed.message, context)),
      bare: calling(() => [
        hash("sha256", signed.message, "buffer"),
        cryptoVerify(null, input, publicKey, bareSignature),
      ]),
      mailauth: calling(() => dkimVerify(dkimSigned, { resolver })),
    },
    effort,
  );
  for (const [verb, measured] of [["sign", signing] as const, ["verify", verifying] as const]) {
    const perSecond = measured.perCpuSecond("vsmtp");
    const [ofBare, ofMailauth] = aims?.[verb] ?? ["", ""];
    rows.push([
      `${what}, ${verb}`,
      figure(perSecond),
      figure((perSecond * message.length) / 1e6),
      figure(1e6 / perSecond),
      figure(measured.perCpuSecond("bare")),
      percent(measured.cpuRatio("vsmtp", "bare")),
      ofBare ?? "",
      figure(measured.perCpuSecond("mailauth")),
      times(measured.cpuRatio("vsmtp", "mailauth")),
      ofMailauth ?? "",
    ]);
  }
}
const heading = [
  "message, one core",
  "a second",
  "MB/s",
  "µs",
  "bare/s",
  "of bare",
  "aim",
  "mailauth/s",
  "of mailauth",
  "aim",
];
printTable("Messages signed and verified", heading, rows);
