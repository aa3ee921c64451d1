import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import fc from "fast-check";
import type { NeighbourCheck, NeighbourResults } from "./index.ts";
import { dkimSigned, dkimSignedByMailauth, LETTER, questionAbout, sealed, World } from "./test-world.ts";

const world = new World();
let check: NeighbourCheck;
before(async () => {
  await world.start();
  world.publish("someisp.test");
  check = await world.check();
  await check.check(questionAbout(dkimSigned(LETTER))); // what is only slow at first
});
after(async () => {
  await world.dns.close();
  assert.deepEqual(world.failures, []);
});

const DAYS = `${LETTER.slice(LETTER.indexOf("\r\n\r\n"))}`;
const signature = (tags: string) => `DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; ${tags}\r\n`;
const usual = "d=someisp.test; s=rsa; h=from; bh=AAAA; b=AAAA";

/** Names of what takes longest, with headers as long as a session takes them. */
const heavy: Readonly<Record<string, () => string>> = {
  "a field of very many lines": () =>
    `${signature(usual)}X: a${"\r\n b".repeat(250_000)}\r\nFrom: a@someisp.test`,
  "a signature of very many lines": () =>
    `${signature(`${usual}${"\r\n ".repeat(300_000)}`)}From: a@someisp.test`,
  "very many fields": () => `${signature(usual)}${"X:\r\n".repeat(200_000)}From: a@someisp.test`,
  "very many signatures": () => `${signature(usual).repeat(8000)}From: a@someisp.test`,
  "names in h without end": () =>
    `${signature(`${usual}; h=from${":x".repeat(4000)}`).repeat(15)}${"X: y\r\n".repeat(900)}From: a@someisp.test`,
  "names in h up to the bound": () =>
    `${signature(`d=someisp.test; s=rsa; bh=AAAA; b=AAAA; h=from${":q".repeat(480)}`).repeat(10)}${"X: y\r\n".repeat(900)}From: a@someisp.test`,
  "U-labels": () => `${signature(`${usual}; d=${"é".repeat(3900)}.test`).repeat(10)}From: a@someisp.test`,
  "U-labels up to the bound": () => {
    const label = String.fromCodePoint(...Array.from({ length: 200 }, (_, index) => 0x4e00 + index));
    return `${signature(`d=${label}.test; s=${label.slice(0, 50)}; i=@${label.slice(0, 50)}.test; h=from; bh=AAAA; b=AAAA`).repeat(10)}From: a@someisp.test`;
  },
  "a chain of fifty": () =>
    `${Array.from({ length: 50 }, (_, at) => arcSet(at + 1, "x".repeat(500))).join("")}From: a@someisp.test`,
  "a chain of very many": () =>
    `${Array.from({ length: 900 }, (_, at) => arcSet(at + 1, "")).join("")}From: a@someisp.test`,
  "results of another host without end": () =>
    `ARC-Authentication-Results: i=1; ${"(".repeat(15_000)}\r\nARC-Seal: i=1; ${";".repeat(8000)}\r\nARC-Message-Signature: i=1; =\r\nFrom: a@someisp.test`,
  "a From without end": () => `${signature(usual)}From: ${"a@someisp.test, ".repeat(50_000)}`,
  "a From of comments": () => `${signature(usual)}From: ${"(".repeat(100_000)}a@someisp.test`,
  "a Content-Type of parameters": () =>
    `${signature(usual)}Content-Type: multipart/mixed${'; a*0*="'.repeat(12_000)}\r\nFrom: a@someisp.test`,
  "a tag list of separators": () => `${signature(`${";".repeat(8000)}=`).repeat(10)}From: a@someisp.test`,
};

function arcSet(instance: number, filling: string): string {
  const tags = `i=${instance}; a=rsa-sha256; d=someisp.test; s=s${instance}`;
  return `ARC-Seal: ${tags}; cv=${instance === 1 ? "none" : "pass"}; b=AAAA\r\nARC-Message-Signature: ${tags}; h=from; bh=AAAA; b=AAAA\r\nARC-Authentication-Results: i=${instance}; mx.someisp.test; none (${filling})\r\n`;
}

for (const [name, header] of Object.entries(heavy)) {
  test(`${name}: no pass, and no time`, async () => {
    const question = questionAbout(`${header()}${DAYS}`, { reversePath: "x@gone.test" });
    const before = process.cpuUsage();
    const results = await check.check(question);
    const { user, system } = process.cpuUsage(before);
    // Far more than it takes, for machines that are busy with other things.
    assert.ok(user + system < 1_500_000, `${(user + system) / 1000} ms`);
    assert.ok(results.dkim.length <= 10);
    assert.ok(!results.dkim.some(({ result }) => result === "pass"));
    assert.notEqual(results.arc.result, "pass");
    assert.ok(results.recorded.length <= 14);
  });
}

test("a large body costs one pass, however many signatures want another form of it", async () => {
  const large = `${LETTER}${" x \r\n".repeat(600_000)}`;
  let signed: Buffer = Buffer.from(large);
  const forms = ["relaxed/relaxed", "relaxed/simple", "simple/relaxed"];
  for (const canonicalization of forms) signed = await dkimSignedByMailauth(signed, { canonicalization });
  const lengths = Array.from({ length: 6 }, (_, at) =>
    signature(`d=someisp.test; s=rsa; h=from; bh=AAAA; b=AAAA; l=${at}00`),
  );
  const before = process.cpuUsage();
  const { dkim } = await check.check(questionAbout(Buffer.concat([Buffer.from(lengths.join("")), signed])));
  const { user, system } = process.cpuUsage(before);
  assert.ok(user + system < 2_000_000, `${(user + system) / 1000} ms`);
  const results = dkim.map(({ result }) => result);
  // Those at the top took all forms that there are; the three below are of two forms, of which one is known.
  assert.deepEqual(results.slice(0, 6), Array(6).fill("neutral"));
  assert.equal(results.filter((result) => result === "pass").length, 2);
});

test("any header, any body: an answer, and nothing that fails here", async () => {
  const junk = fc.oneof(
    fc.string({ maxLength: 80 }),
    fc.stringMatching(/^[;=: "()\\<>@,a-zA-Z0-9/+-]{0,120}$/),
    fc.constantFrom("v=1; a=rsa-sha256; d=someisp.test; s=rsa; h=from:to; bh=x; b=y", "i=1; cv=none; a=x"),
  );
  const anyField = fc
    .tuple(
      fc.constantFrom(
        "DKIM-Signature",
        "ARC-Seal",
        "ARC-Message-Signature",
        "ARC-Authentication-Results",
        "From",
        "Content-Type",
        "no field",
      ),
      fc.constantFrom(":", ": ", "", " :"),
      junk,
    )
    .map((parts) => parts.join(""));
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyField, { maxLength: 12 }),
      junk,
      junk,
      junk,
      async (fields, body, helo, from) => {
        const message = Buffer.from([...fields, "", body].join("\r\n"));
        const results = await check.check(questionAbout(message, { helo, reversePath: from }));
        assert.ok(!results.fromPasses || results.spf.result === "pass");
        for (const { properties, reason } of results.recorded) {
          for (const [, value] of properties) assert.match(value, /^[\x21-\x7e]{1,255}$/);
          assert.match(reason ?? "", /^[\x20-\x7e]{0,100}$/);
        }
      },
    ),
    { numRuns: 500 },
  );
});

test("records of strangers: as long and as wild as the DNS takes them", async () => {
  for (const record of [
    `v=spf1 ${"include:a.test ".repeat(4000)}`,
    `v=spf1 ${"x=y ".repeat(2000)}`,
    `v=spf1 ${"?all ".repeat(1600)}`,
    `v=spf1 ip4:${"1".repeat(8000)}`,
    `v=spf1 a:/${"1".repeat(8000)}x`,
    `v=spf1 exists:${"%{i}".repeat(1900)}`,
    `v=spf1 exists:${"%{ir-}".repeat(1300)}.test`,
    `v=spf1 exp=${"a".repeat(8000)} -all`,
    `v=spf1 redirect=${"a.".repeat(4000)}`,
    "v=spf1 \u0000\u00ff",
    "x".repeat(60_000),
  ]) {
    for (const name of ["wild.test", "_dmarc.wild.test", "s._domainkey.wild.test"]) {
      world.dns.set(name, {
        TXT: [record.replace("v=spf1", name.startsWith("_") ? "v=DMARC1; p=reject;" : "v=spf1")],
      });
    }
    const question = questionAbout(
      `${signature("d=wild.test; s=s; h=from; bh=AAAA; b=AAAA")}From: a@wild.test${DAYS}`,
      { reversePath: "a@wild.test" },
    );
    const before = process.cpuUsage();
    const results = await (await world.check()).check(question);
    const { user, system } = process.cpuUsage(before);
    assert.ok(user + system < 1_000_000, `${record.slice(0, 30)}: ${(user + system) / 1000} ms`);
    assert.notEqual(results.spf.result, "pass");
    assert.equal(results.fromPasses, false);
  }
});

test("the deadline ends everything, with what is known by then", async () => {
  const quick = await world.check({ deadlineMs: 300 });
  world.dns.fail("_dmarc.someisp.test", "silent");
  const begin = performance.now();
  const some = await quick.check(questionAbout(dkimSigned(LETTER)));
  assert.ok(performance.now() - begin < 2000);
  const words = ({ recorded }: NeighbourResults) => recorded.map(({ result }) => result).join(" ");
  assert.equal(words(some), "pass pass temperror");
  for (const name of ["someisp.test", "rsa._domainkey.someisp.test"]) world.dns.fail(name, "silent");
  const nothing = await (await world.check({ deadlineMs: 200 })).check(
    questionAbout(await sealed(dkimSigned(LETTER), "someisp.test", "mx.someisp.test; none")),
  );
  assert.equal(words(nothing), "temperror temperror temperror temperror");
  assert.equal(nothing.fromPasses, false);
  // A disk that hangs, and one that fails.
  const simple = questionAbout(await dkimSignedByMailauth(LETTER, { canonicalization: "simple/simple" }));
  const hung = {
    ...simple,
    body: () => ({ [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }) }),
  };
  const late = words(await (await world.check({ deadlineMs: 200 })).check(hung));
  assert.equal(late, "temperror temperror temperror");
  for (const name of ["someisp.test", "_dmarc.someisp.test", "rsa._domainkey.someisp.test"])
    world.dns.fail(name, null);
  const broken = {
    ...simple,
    // biome-ignore lint/correctness/useYield: it fails at once
    body: async function* (): AsyncGenerator<Uint8Array> {
      throw new Error("the disk is broken");
    },
  };
  const results = await (await world.check()).check(broken);
  assert.equal(results.recorded.find(({ method }) => method === "dkim")?.result, "temperror");
  assert.equal(String(world.failures.pop()), "Error: the disk is broken");
});
