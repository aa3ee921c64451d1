// SPF, DKIM, DMARC and ARC of hostile messages under hostile DNS records: there is an answer, it can stand in a header,
// nothing fails on our side, and what passes passes by mailauth's own reading of the message too.
import assert from "node:assert/strict";
import { dkimVerify } from "mailauth/lib/dkim/verify.js";
import type { DnsAnswer, MxRecord, Resolver } from "../../src/dns/index.ts";
import { type NeighbourCheck, openNeighbourCheck } from "../../src/neighbours/index.ts";
import {
  dkimSigned,
  keyRecord,
  keys,
  LETTER,
  questionAbout,
  sealed,
} from "../../src/neighbours/test-world.ts";
import type { FuzzTarget, Random } from "./fuzz-target.ts";

export const target: FuzzTarget = {
  measure: "messages",
  few: 300,
  run: async (random) => {
    const { resolver, records } = hostileDns(random);
    const failures: unknown[] = [];
    const check = await openNeighbourCheck({
      resolver,
      hostname: "mx.dest.test",
      deadlineMs: 20_000,
      onFailure: (error) => failures.push(error),
    });
    const message = await hostileMessage(random);
    await tryMessage(check, message, random, records);
    assert.deepEqual(failures, []);
    return 1;
  },
};

async function tryMessage(
  check: NeighbourCheck,
  message: Buffer,
  random: Random,
  records: ReadonlyMap<string, readonly string[]>,
): Promise<void> {
  const before = process.cpuUsage();
  const results = await check.check(
    questionAbout(message, {
      reversePath: random.pick(["", "allice@someisp.test", "x@loop.test", '"@"@list.test', "@", "é@é.test"]),
      helo: random.pick(["", "out.someisp.test", "[192.0.2.1]", "list.test", "a..b", "%{i}"]),
      address: random.pick(["192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1", "fe80::1%eth0"]),
    }),
  );
  const { user, system } = process.cpuUsage(before);
  assert.ok(user + system < 3_000_000, `${(user + system) / 1000} ms`);
  for (const { reason, properties } of results.recorded) {
    assert.match(reason ?? "", /^[\x20-\x7e]{0,100}$/);
    for (const [, value] of properties) assert.match(value, /^[\x21-\x7e]{1,255}$/);
  }
  assert.ok(results.recorded.length <= 13);
  if (!results.dkim.some(({ result }) => result === "pass")) return;
  const text = message.toString("latin1");
  if (/\r(?!\n)|(?<!\r)\n/.test(text)) return; // which no SMTP server of ours lets through
  const { results: theirs } = await dkimVerify(message, {
    resolver: async (name: string) => [[...(records.get(name.toLowerCase()) ?? [])].slice(0, 1)],
  });
  assert.ok(
    theirs.some(({ status }) => status.result === "pass"),
    text,
  );
}

let bases: Promise<readonly Buffer[]> | null = null;

async function hostileMessage(random: Random): Promise<Buffer> {
  bases ??= makeBases();
  const base = random.pick(await bases);
  return random.oneIn(4) ? base : random.mutate(base);
}

async function makeBases(): Promise<readonly Buffer[]> {
  const signed = dkimSigned(dkimSigned(LETTER), "ed25519");
  const one = await sealed(signed, "list.test", "mx.list.test; vsmtp=pass; dmarc=pass");
  const two = await sealed(one, "second.test", "mx.second.test; arc=pass", "pass");
  return [Buffer.from(LETTER), dkimSigned(LETTER), signed, one, two];
}

const SPF = [
  "v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 -all",
  "v=spf1 a mx ptr exists:%{ir}.%{v}.%{d2}.test include:loop.test ~all exp=why.%{d}",
  "v=spf1 include:loop.test redirect=someisp.test",
  "v=spf1 mx:many.test mx:many.test/24//64 ?all",
];
const DMARC = ["v=DMARC1; p=reject; sp=none; np=quarantine", "v=DMARC1; p=none; adkim=s; aspf=s; t=y; psd=y"];

function hostileDns(random: Random): { resolver: Resolver; records: Map<string, readonly string[]> } {
  const records = new Map<string, readonly string[]>();
  const record = (texts: readonly string[]): readonly string[] => {
    const text = Buffer.from(random.pick(texts), "latin1");
    const one = (random.oneIn(2) ? text : random.mutate(text)).toString("latin1");
    return random.oneIn(10) ? [one, one] : [one];
  };
  for (const domain of ["someisp.test", "list.test", "second.test", "loop.test"]) {
    records.set(domain, record(SPF));
    records.set(`_dmarc.${domain}`, record(DMARC));
    records.set(`rsa._domainkey.${domain}`, record([keyRecord(keys.rsa)]));
    records.set(`ed._domainkey.${domain}`, record([keyRecord(keys.ed25519)]));
  }
  const answer = async <T>(found: readonly T[] | undefined): Promise<DnsAnswer<T>> => {
    if (random.oneIn(30)) return { kind: "failure", detail: "SERVFAIL" };
    if (found !== undefined) return { kind: "records", records: found, authenticated: false, ttlSeconds: 60 };
    return { kind: random.pick(["nodata", "nxdomain"] as const), authenticated: false, ttlSeconds: 60 };
  };
  const exchanges = Array.from(
    { length: 30 },
    (_, at): MxRecord => ({ preference: at, exchange: `h${at}.test` }),
  );
  const names = ["out.someisp.test", "a".repeat(300), "..", ""];
  return {
    records,
    resolver: {
      txt: (name) => answer(records.get(name)),
      a: () => answer(random.oneIn(2) ? ["192.0.2.1", "198.51.100.1"] : undefined),
      aaaa: () => answer(random.oneIn(2) ? ["2001:db8::1"] : undefined),
      mx: () => answer(random.oneIn(2) ? exchanges : undefined),
      ptr: () => answer(random.oneIn(2) ? names : undefined),
      addresses: () => answer<string>(undefined),
      srv: () => answer<never>(undefined),
      tlsa: () => answer<never>(undefined),
    },
  };
}
