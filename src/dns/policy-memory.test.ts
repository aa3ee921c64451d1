import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  type DnsAnswer,
  isKeptPolicyRecord,
  type KeptPolicyRecord,
  PolicyMemory,
  type PolicyMemoryOptions,
  type Resolver,
} from "./index.ts";

const HOUR = 3600;
const DAY = 86_400;
const YEAR = 365 * DAY;
const START = 1_073_304_000;

type Txt = string | "gone" | "SERVFAIL" | "denied";

/** A memory over a DNS that a test writes; `D` is DNSSEC. */
function world(over: Partial<PolicyMemoryOptions> = {}) {
  const names = new Map<string, Txt>();
  const validated = new Set<string>();
  let now = START;
  const txt = async (name: string): Promise<DnsAnswer<string>> => {
    const text = names.get(name.replace("_vsmtp.", "")) ?? "gone";
    const authenticated = validated.has(name.replace("_vsmtp.", ""));
    if (text === "SERVFAIL") return { kind: "failure", detail: "the server answered SERVFAIL" };
    if (text === "gone" || text === "denied")
      return { kind: "nxdomain", authenticated: text === "denied", ttlSeconds: 0 };
    return { kind: "records", records: [text], authenticated, ttlSeconds: 300 };
  };
  const resolver = { txt } as Partial<Resolver> as Resolver; // nothing else is asked for
  let written: () => Iterable<KeptPolicyRecord> = () => [];
  let writes = 0;
  const file = {
    read: () => [],
    write: (records: typeof written) => {
      written = records;
      writes++;
    },
  };
  const open = (more: Partial<PolicyMemoryOptions> = {}) =>
    new PolicyMemory({ resolver, file, nowMs: () => now * 1000, ...over, ...more });
  const memory = open();
  return {
    names,
    validated,
    memory,
    open,
    pass: (seconds: number) => {
      now += seconds;
    },
    file: () => [...written()],
    writes: () => writes,
    /** In short: the policy, `!` where it is remembered, `@` where DNSSEC vouches, the epoch. */
    ask: async (domain = "d.tld", from: PolicyMemory = memory) => {
      const answer = await from.recordOf(domain);
      if (answer.kind !== "record") return answer.kind;
      const { record, authenticated, remembered } = answer;
      const epoch = record.epoch === 0 ? "" : ` ${record.epoch - START}`;
      return `${record.policy}${remembered ? "!" : ""}${authenticated ? "@" : ""}${epoch}`;
    },
  };
}

/** As mail that comes every day shows it. */
async function seenDaily({ ask, pass }: ReturnType<typeof world>, days: number): Promise<void> {
  for (let day = 0; day < days; day++) {
    await ask();
    pass(DAY);
  }
  await ask();
}

describe("remembered policy records (POL-10, POL-15)", () => {
  test("one serves while the DNS fails, and where the record is gone, for its ma", async () => {
    const net = world();
    net.names.set("d.tld", `v=VSMTP1; p=reject; ma=${10 * DAY}`);
    await seenDaily(net, 20);
    for (const answer of ["gone", "SERVFAIL", "v=VSMTP1; p=wrong"]) {
      net.names.set("d.tld", answer);
      assert.equal(await net.ask(), "reject!", answer);
    }
    net.pass(10 * DAY - 1);
    assert.equal(await net.ask(), "reject!");
    net.pass(1);
    assert.equal(await net.ask(), "none");
    net.names.set("d.tld", "SERVFAIL");
    assert.equal(await net.ask(), "failure");
  });

  test("while the DNS fails it is asked twice a minute, not for each message", async () => {
    const net = world();
    net.names.set("d.tld", "v=VSMTP1; p=reject; ma=86400");
    assert.equal(await net.ask(), "reject");
    net.names.set("d.tld", "SERVFAIL");
    assert.equal(await net.ask(), "reject!");
    net.names.set("d.tld", "v=VSMTP1; p=none; ma=86400");
    net.pass(29);
    assert.equal(await net.ask(), "reject!");
    net.pass(1);
    assert.equal(await net.ask(), "none");
    net.names.set("other.tld", "SERVFAIL");
    assert.equal(await net.ask("other.tld"), "failure");
    net.names.set("other.tld", "v=VSMTP1");
    assert.equal(await net.ask("other.tld"), "none");
  });

  test("without ma nothing is remembered; a record in force replaces the remembered one", async () => {
    const net = world();
    net.names.set("d.tld", "v=VSMTP1; p=reject");
    assert.equal(await net.ask(), "reject");
    net.names.set("d.tld", "SERVFAIL");
    assert.equal(await net.ask(), "failure");
    net.names.set("d.tld", "v=VSMTP1; p=reject; ma=86400");
    assert.equal(await net.ask(), "reject");
    net.names.set("d.tld", "v=VSMTP1; p=none; ma=86400");
    assert.equal(await net.ask(), "none");
    net.names.set("d.tld", "gone");
    assert.equal(await net.ask(), "none!");
    net.names.set("d.tld", "v=VSMTP1; p=quarantine");
    assert.equal(await net.ask(), "quarantine");
    net.pass(HOUR);
    net.names.set("d.tld", "gone");
    assert.equal(await net.ask(), "none");
    assert.deepEqual(net.file(), []);
  });

  test("a walk up the tree finds remembered records of domains above, each by its own answer", async () => {
    const net = world();
    net.names.set("d.tld", "v=VSMTP1; p=none; sp=reject; ma=86400");
    const policyOf = async (domain: string) => {
      const answer = await net.memory.policyFor(domain);
      return answer.kind === "policy" ? `${answer.policy} of ${answer.publishedAt}` : answer.kind;
    };
    assert.equal(await policyOf("a.b.d.tld"), "reject of d.tld");
    net.names.set("d.tld", "SERVFAIL");
    assert.equal(await policyOf("a.b.d.tld"), "reject of d.tld");
    net.names.set("a.b.d.tld", "SERVFAIL"); // it may have one of its own, that wants less
    assert.equal(await policyOf("a.b.d.tld"), "failure");
  });
});

describe("what forgers of the DNS gain by the memory (POL-23)", () => {
  test("a record forged for a moment is gone in an hour, forged again later too", async () => {
    const net = world();
    for (let month = 0; month < 3; month++) {
      net.names.set("d.tld", `v=VSMTP1; p=reject; auth=domain; ma=${YEAR}`);
      assert.equal(await net.ask(), "reject");
      net.names.set("d.tld", "gone");
      net.pass(HOUR - 1);
      assert.equal(await net.ask(), "reject!");
      net.pass(1);
      assert.equal(await net.ask(), "none");
      net.pass(30 * DAY);
    }
  });

  test("each further day that it is held for costs another forgery, with nobody asking in between", async () => {
    const net = world();
    net.names.set("d.tld", `v=VSMTP1; p=reject; ma=${YEAR}`);
    for (const held of [HOUR, 2 * DAY, 3 * DAY]) {
      net.names.set("d.tld", `v=VSMTP1; p=reject; ma=${YEAR}`);
      assert.equal(await net.ask(), "reject");
      net.names.set("d.tld", "SERVFAIL");
      net.pass(held - 1);
      assert.equal(await net.ask(), "reject!");
      net.pass(1);
      assert.equal(await net.ask(), "failure");
      net.pass(30 * DAY);
    }
    net.names.set("d.tld", "gone");
    assert.equal(await net.ask(), "none");
    net.names.set("d.tld", `v=VSMTP1; p=reject; ma=${YEAR}`);
    assert.equal(await net.ask(), "reject");
    net.names.set("d.tld", "SERVFAIL");
    net.pass(HOUR);
    assert.equal(await net.ask(), "failure");
  });

  test("one that DNSSEC vouches for is held for its ma at once, and only a denial that it vouches for ends it", async () => {
    const net = world();
    net.validated.add("d.tld");
    net.names.set("d.tld", `v=VSMTP1; p=reject; ma=${YEAR}`);
    assert.equal(await net.ask(), "reject@");
    net.names.set("d.tld", "gone");
    net.pass(300 * DAY);
    assert.equal(await net.ask(), "reject!@");
    net.names.set("d.tld", "denied");
    assert.equal(await net.ask(), "none");
    net.names.set("d.tld", "gone");
    assert.equal(await net.ask(), "none");
  });

  test("a forged record does not stand in the way of the one that was known, whether it comes back or not", async () => {
    const net = world();
    const known = `v=VSMTP1; p=reject; ma=${YEAR}`;
    for (const forged of [
      `v=VSMTP1; ma=${YEAR}`,
      "v=VSMTP1",
      `v=VSMTP1; ma=${YEAR}; x=${"x".repeat(1024)}`,
    ]) {
      net.names.set("d.tld", known);
      await seenDaily(net, 10);
      net.names.set("d.tld", forged);
      assert.equal(await net.ask(), "none");
      net.names.set("d.tld", "gone");
      net.pass(HOUR);
      assert.equal(await net.ask(), "reject!", forged.slice(0, 40));
      net.names.set("d.tld", known);
      assert.equal(await net.ask(), "reject");
      net.names.set("d.tld", forged);
      assert.equal(await net.ask(), "none");
      net.names.set("d.tld", known);
      assert.equal(await net.ask(), "reject");
      net.names.set("d.tld", "SERVFAIL");
      net.pass(9 * DAY);
      assert.equal(await net.ask(), "reject!");
    }
  });

  test("one that is seen on a second day takes its place: so a domain takes its record back", async () => {
    const net = world();
    net.names.set("d.tld", `v=VSMTP1; p=reject; ma=${YEAR}`);
    await seenDaily(net, 10);
    net.names.set("d.tld", "v=VSMTP1");
    await seenDaily(net, 1);
    net.names.set("d.tld", "gone");
    assert.equal(await net.ask(), "none");
    assert.deepEqual(net.file(), []);
  });

  test("the epoch never goes back, not even by a record that is not to be remembered", async () => {
    const net = world();
    net.names.set("d.tld", `v=VSMTP1; p=reject; ep=${START + 5}; ma=${YEAR}`);
    net.pass(10);
    await seenDaily(net, 10);
    for (const text of ["v=VSMTP1; ma=60", "v=VSMTP1", `v=VSMTP1; ep=${START + 4}; ma=60`]) {
      net.names.set("d.tld", text);
      assert.equal(await net.ask(), "none 5", text);
    }
    net.names.set("d.tld", `v=VSMTP1; ep=${START + 9}`);
    assert.equal(await net.ask(), "none 9");
    net.names.set("d.tld", "gone");
    net.pass(60);
    assert.equal(await net.ask(), "reject! 5");
    net.names.set("d.tld", "v=VSMTP1");
    assert.equal(await net.ask(), "none 5");
    net.pass(11 * DAY);
    assert.equal(await net.ask(), "none");
  });

  test("an epoch in the future is not held: it would void every statement for as long", async () => {
    const net = world();
    net.names.set("d.tld", `v=VSMTP1; ep=${START + YEAR}; ma=${YEAR}`);
    assert.equal(await net.ask(), `none ${YEAR}`);
    net.pass(HOUR - 1);
    net.names.set("d.tld", "v=VSMTP1; p=reject");
    assert.equal(await net.ask(), "reject 300");
    net.pass(1);
    assert.equal(await net.ask(), "reject");
    net.names.set("d.tld", `v=VSMTP1; ep=${START + YEAR}; ma=${YEAR}`);
    assert.equal(await net.ask(), `none ${YEAR}`);
    // Nor is it when the record itself is what is remembered.
    net.names.set("d.tld", "SERVFAIL");
    assert.equal(await net.ask(), `none! ${HOUR + 300}`);
  });

  test("a flood of domains pushes out new ones only", async () => {
    const net = world({ maxDomains: { fresh: 10, known: 10 } });
    net.names.set("d.tld", `v=VSMTP1; p=reject; ma=${YEAR}`);
    await seenDaily(net, 2);
    for (let n = 0; n < 100; n++) {
      net.names.set(`d${n}.evil.tld`, `v=VSMTP1; ma=${YEAR}`);
      await net.ask(`d${n}.evil.tld`);
    }
    assert.equal(net.file().length, 11);
    net.names.set("d.tld", "SERVFAIL");
    assert.equal(await net.ask(), "reject!");
  });

  test("a record of more than 1024 octets is used, and not remembered", async () => {
    const net = world();
    net.names.set("d.tld", `v=VSMTP1; p=reject; ma=${DAY}; rua=${"x".repeat(1024)}`);
    assert.equal(await net.ask(), "reject");
    net.names.set("d.tld", "gone");
    assert.equal(await net.ask(), "none");
  });
});

describe("the file of the memory", () => {
  test("the next process remembers the same; who is no such entry is left out", async () => {
    const net = world();
    net.names.set("d.tld", `v=VSMTP1; p=reject; ep=${START + 5}; ma=${YEAR}`);
    await seenDaily(net, 3);
    net.names.set("d.tld", "SERVFAIL");
    const kept = JSON.parse(JSON.stringify(net.file())) as unknown[];
    assert.ok(kept.length === 1 && kept.every(isKeptPolicyRecord));
    const next = net.open({ file: { read: () => kept as KeptPolicyRecord[], write: () => {} } });
    net.pass(3 * DAY);
    assert.equal(await net.ask("d.tld", next), "reject! 5");
    const [good] = kept as KeptPolicyRecord[];
    for (const wrong of [
      null,
      7,
      {},
      { ...good, last: { ...good?.last, text: 7 } },
      { ...good, before: { until: "soon" } },
      { ...good, epoch: null },
    ])
      assert.equal(isKeptPolicyRecord(wrong), false);
  });

  test("mail every minute does not write it every minute", async () => {
    const net = world();
    net.names.set("d.tld", `v=VSMTP1; p=reject; ma=${YEAR}`);
    await seenDaily(net, 4);
    const before = net.writes();
    for (let minute = 0; minute < 24 * 60; minute++) {
      await net.ask();
      net.pass(60);
    }
    assert.ok(net.writes() - before < 10, `${net.writes() - before}`);
  });
});

test("whatever the DNS says and when, no more than the rules allow is remembered (POL-10, POL-23)", async () => {
  const event = fc.record({
    wait: fc.constantFrom(30, 1800, HOUR, 19 * HOUR, DAY, 3 * DAY, 40 * DAY),
    says: fc.oneof(
      fc.constantFrom<Txt>("gone", "SERVFAIL", "denied", "v=VSMTP1; p=wrong"),
      fc.record({
        ma: fc.constantFrom(0, 60, DAY, YEAR),
        ep: fc.constantFrom(0, START, START + DAY, START + YEAR),
      }),
    ),
    validated: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(event, { maxLength: 40 }), async (events) => {
      const net = world();
      let now = START;
      const shown = new Map<string, { at: number; ma: number; validated: boolean }>();
      let sightings = 0;
      for (const { wait, says, validated } of events) {
        net.pass(wait);
        now += wait;
        const text = typeof says === "string" ? says : `v=VSMTP1; ep=${says.ep}; ma=${says.ma}`;
        net.names.set("d.tld", text);
        if (validated) net.validated.add("d.tld");
        else net.validated.delete("d.tld");
        const answer = await net.memory.recordOf("d.tld");
        if (typeof says !== "string") {
          // A record in force is what counts; its epoch may be held higher.
          assert.ok(answer.kind === "record" && answer.remembered === undefined && answer.text === text);
          assert.ok(answer.record.epoch >= says.ep);
          sightings++;
          const was = shown.get(text)?.validated ?? false;
          shown.set(text, { at: now, ma: says.ma, validated: validated || was });
        } else if (answer.kind === "record") {
          const last = shown.get(answer.text);
          assert.ok(last !== undefined && says !== "denied");
          const age = now - last.at;
          assert.ok(age < last.ma, `${age} s for ma=${last.ma}`);
          assert.ok(
            last.validated || age < Math.max(HOUR, sightings * DAY),
            `${age} s, ${sightings} sightings`,
          );
        } else if (says === "denied") shown.clear();
      }
    }),
  );
});
