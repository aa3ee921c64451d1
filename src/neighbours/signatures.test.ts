import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import fc from "fast-check";
import { dkimVerify } from "mailauth/lib/dkim/verify.js";
import type { NeighbourCheck } from "./index.ts";
import {
  dkimSigned,
  dkimSignedByMailauth,
  keyRecord,
  keys,
  LETTER,
  pem,
  questionAbout,
  sealed,
  World,
} from "./test-world.ts";

const world = new World();
let check: NeighbourCheck;
before(async () => {
  await world.start();
  world.publish("someisp.test");
  world.publish("list.test");
  check = await world.check();
});
after(async () => {
  await world.dns.close();
  assert.deepEqual(world.failures, []);
});

/** What mailauth's own way of reading a message finds: the results of the signatures, and of the newest ARC set. */
async function byMailauth(message: Buffer): Promise<{ dkim: string[]; arc: string | null }> {
  const { results, arc } = (await dkimVerify(message, {
    strict: true,
    resolver: async (name: string) => (name.startsWith("rsa.") ? [[keyRecord(keys.rsa)]] : [["p="]]),
  } as Parameters<typeof dkimVerify>[1])) as Awaited<ReturnType<typeof dkimVerify>> & {
    arc?: { lastEntry?: { messageSignature?: { status: { result: string } } } };
  };
  const dkim = results.map(({ status }) => String(status.result)).filter((result) => result !== "none");
  return { dkim, arc: arc?.lastEntry?.messageSignature?.status.result ?? null };
}

const text = fc.stringMatching(/^[\x20-\x7e]{0,60}$/);
const body = fc
  .array(fc.oneof(text, fc.constantFrom("", " ", "a \t b ", "\t", "é \u00a0", ".")), { maxLength: 12 })
  .chain((lines) => fc.constantFrom(lines.join("\r\n"), `${lines.join("\r\n")}\r\n`));
const field = fc
  .tuple(
    fc.constantFrom("X-A", "Subject", "To", "Content-Type", "Received", "List-Id", "x-a"),
    fc.constantFrom("", " ", "\t ", " \r\n "),
    text,
    fc.constantFrom("", "\r\n\tfolded  twice", "\r\n \r\n x"),
  )
  .map(([name, space, value, folded]) => `${name}:${space}${value}${folded}`);
const letter = fc
  .tuple(fc.array(field, { maxLength: 6 }), fc.array(field, { maxLength: 6 }), body)
  .map(([above, below, text]) =>
    Buffer.from([...above, "From: a@someisp.test", ...below, "", text].join("\r\n")),
  );

test("the fields as our parser finds them and the known body hash give what mailauth finds by itself", async () => {
  await fc.assert(
    fc.asyncProperty(
      letter,
      fc.constantFrom("relaxed/relaxed", "simple/simple", "relaxed/simple", "simple/relaxed"),
      fc.boolean(),
      fc.constantFrom("", "a", "\r\n", " "),
      async (message, canonicalization, isSealed, damage) => {
        let signed = await dkimSignedByMailauth(message, { canonicalization });
        if (isSealed) signed = await sealed(signed, "list.test", "mx.list.test; none");
        signed = Buffer.concat([signed, Buffer.from(damage)]);
        const expected = await byMailauth(signed);
        const { dkim, arc } = await check.check(questionAbout(signed));
        assert.deepEqual(
          dkim.map(({ result }) => result),
          expected.dkim,
        );
        assert.equal(arc.result, expected.arc === null ? "none" : expected.arc === "pass" ? "pass" : "fail");
      },
    ),
    { numRuns: 150 },
  );
});

test("no change of one octet of the header is taken for signed unless mailauth takes it, too", async () => {
  const signed = await sealed(dkimSigned(LETTER), "list.test", "mx.list.test; none");
  const end = signed.indexOf("\r\n\r\n");
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 0, max: end - 1 }),
      fc.constantFrom(0x20, 0x09, 0x41, 0x3a, 0x3b, 0x3d, 0x0a, 0x0d, 0x2e, 0xe9),
      async (at, octet) => {
        const changed = Buffer.from(signed);
        changed[at] = octet;
        // Such lines do not get as far as this (MSG-5).
        if (/\r(?!\n)|(?<!\r)\n/.test(changed.toString("latin1"))) return;
        const { dkim } = await check.check(questionAbout(changed));
        const passed = dkim.some(({ result }) => result === "pass");
        if (passed) assert.ok((await byMailauth(changed)).dkim.includes("pass"), changed.toString("latin1"));
      },
    ),
    { numRuns: 300 },
  );
});

test("what OpenDKIM signs passes", { skip: missingOpendkim() }, async () => {
  for (const canonicalization of ["simple/simple", "relaxed/relaxed", "relaxed/simple"]) {
    const results = await check.check(questionAbout(signedByOpendkim(LETTER, canonicalization)));
    assert.deepEqual(
      results.dkim,
      [{ result: "pass", domain: "someisp.test", selector: "rsa" }],
      canonicalization,
    );
    assert.equal(results.dmarc.result, "pass");
  }
});

function missingOpendkim(): string | false {
  return spawnSync("opendkim", ["-V"]).status === 0 ? false : "peer: opendkim is not installed";
}

/** By its filter, which tells in test mode which field it would insert. */
function signedByOpendkim(message: string, canonicalization: string): Buffer {
  const folder = mkdtempSync(join(tmpdir(), "vsmtp-opendkim-"));
  try {
    writeFileSync(join(folder, "key.pem"), pem.rsa, { mode: 0o600 });
    writeFileSync(join(folder, "letter.eml"), message);
    const settings = [
      "Mode s",
      "Syslog no",
      "Domain someisp.test",
      "Selector rsa",
      `KeyFile ${join(folder, "key.pem")}`,
      `Canonicalization ${canonicalization}`,
      "RequireSafeKeys no",
    ];
    writeFileSync(join(folder, "opendkim.conf"), `${settings.join("\n")}\n`);
    const options = ["-x", join(folder, "opendkim.conf"), "-t", join(folder, "letter.eml"), "-vv"];
    const { stdout, stderr } = spawnSync("opendkim", options, { encoding: "utf8" });
    const value = /hname='DKIM-Signature' hvalue='([^']*)'/.exec(stdout)?.[1];
    assert.ok(value, `${stdout}${stderr}`);
    return Buffer.from(`DKIM-Signature: ${value.replaceAll("\n", "\r\n")}\r\n${message}`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
